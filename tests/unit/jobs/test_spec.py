"""A job that cannot be kept is refused when it is declared, with a sentence that names what to change."""

from datetime import timedelta
from typing import Any

import pytest

from thor.jobs.spec import BadJob, JobSpec, make_spec
from thor.timing import All, Between, Cron, During, Every, OncePerSession


def body(occurrence: object) -> None:
    """Do nothing."""


def declare(**declared: Any) -> JobSpec:
    return make_spec("a_job", body, "group", {"cadence": Every(seconds=1), **declared})


def test_an_unknown_option_is_refused_with_a_suggestion() -> None:
    with pytest.raises(BadJob, match=r"unknown option 'que'; did you mean 'queue'\?"):
        declare(que="market_data")


def test_an_option_of_a_middleware_is_known() -> None:
    assert declare(time_limit=timedelta(seconds=5)).time_limit == timedelta(seconds=5)


def test_a_misspelt_option_of_a_middleware_is_suggested() -> None:
    with pytest.raises(BadJob, match="did you mean 'time_limit'"):
        declare(timelimit=timedelta(seconds=5))


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ({"cadence": Every(milliseconds=500)}, "under one second is refused"),
        ({"window": Between("close", "open+5m"), "markets": "venues"}, "can never open"),
        ({"window": During("open")}, "name its markets"),
        ({"cadence": OncePerSession()}, "name its markets"),
        ({"jitter": timedelta(seconds=1)}, "jitter must be shorter than the period"),
        ({"jitter": timedelta(seconds=-1)}, "jitter must be shorter than the period"),
        ({"cadence": Cron("0", "9"), "jitter": timedelta(minutes=10)}, "under ten minutes for fixed times"),
        ({"also_at": ("lunch",), "markets": "venues"}, "also_at must be of"),
        ({"catch_up": All(within=timedelta(hours=1))}, "catch_up=All"),
        ({"overlap": "sometimes"}, "skip, queue_one, allow"),
        ({"queue": "market data"}, "no name of a queue"),
        ({"on_doubt": "perhaps", "markets": "venues"}, "on_doubt must be one of skip, calendar, run"),
        ({"on_doubt": True, "markets": "venues"}, "on_doubt must be one of"),
        ({"on_doubt": "run"}, "on_doubt is for jobs of markets; leave it out"),
        ({"pinned": {"queue": "X"}}, "'queue' cannot be pinned; the fields are cadence, window"),
        ({"pinned": ("cadence",)}, "no mapping of fields to variables"),
        ({"pinned": {"cadence": ""}}, "no mapping of fields to variables"),
        ({"cadence": "every second"}, "Every, Cron or OncePerSession"),
    ],
)
def test_what_cannot_be_kept_is_refused(declared: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadJob, match=sentence):
        declare(**declared)


def test_a_job_of_no_market_may_run_at_a_start_of_the_system() -> None:
    assert declare(also_at={"system_start"}).also_at == {"system_start"}


def test_a_job_of_no_market_has_no_bells_besides() -> None:
    with pytest.raises(BadJob, match="name its markets"):
        declare(also_at={"system_start", "session_end"})


def test_a_job_without_cadence_is_refused() -> None:
    with pytest.raises(BadJob, match="declares no cadence"):
        make_spec("a_job", body, "group", {})


@pytest.mark.parametrize(
    ("cadence", "limit"),
    [
        (Every(seconds=1), timedelta(seconds=30)),
        (Every(minutes=1), timedelta(minutes=10)),
        (Every(hours=1), timedelta(minutes=30)),
        (Cron("0", "9"), timedelta(minutes=30)),
    ],
)
def test_time_limits_are_ten_periods_within_bounds(cadence: Any, limit: timedelta) -> None:
    assert declare(cadence=cadence).time_limit == limit
