"""The plan compares what is declared with the lines that are there, market by market, both ways."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from thor.jobs import registry as jobs
from thor.jobs.forecast import Forecast, forecast
from thor.jobs.sync import sync_jobs
from thor.markets import registry
from thor.markets.models import Market

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


@pytest.fixture
def schedule(db: None) -> None:
    """Given the entries of the box, and no scheduler."""
    sync_jobs(at=NOW)


def asked() -> Forecast:
    return forecast(date(2026, 11, 27), at=NOW)


def entries(found: Forecast) -> set[str]:
    return {one.entry for one in found.series}


def test_before_the_schedule_is_made_it_says_how_to_make_it(db: None) -> None:
    found = asked()

    assert found.series == ()
    assert "intraday" in found.notes[-1]
    assert "manage.py sync_jobs" in found.notes[-1]


def test_a_market_that_was_made_active_since_is_waited_for(db: None) -> None:
    Market.objects.filter(key="globex").update(active=False)
    registry.forget()
    sync_jobs(at=NOW)
    Market.objects.filter(key="globex").update(active=True)
    registry.forget()

    (note,) = asked().notes

    assert "intraday @ globex" in note
    assert "us_equities" not in note
    assert "manage.py sync_jobs" in note
    sync_jobs(at=NOW)
    assert asked().notes == ()


def test_a_market_for_which_a_job_is_no_longer_declared_brings_nothing(
    schedule: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = replace(jobs.specs()["intraday"], markets=("globex",))
    monkeypatch.setitem(jobs._specs, "intraday", fewer)

    found = asked()

    assert ("intraday @ us_equities", "its job is not declared for this market any more") in {
        (one.entry, one.why) for one in found.silent
    }
    assert "intraday @ globex" in entries(found)
    assert found.notes == ()


def test_a_job_of_a_market_that_does_not_exist_is_said_and_stops_no_other(
    schedule: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(jobs._specs, "intraday", replace(jobs.specs()["intraday"], markets=("moon",)))

    found = asked()

    assert found.notes[0].startswith("job 'intraday': there is no market 'moon'; the markets are ")
    assert "vwap_minute @ us_equities" in entries(found)


def test_a_job_whose_markets_are_switched_off_is_not_waited_for(db: None) -> None:
    Market.objects.filter(role=Market.Role.VENUE).update(active=False)
    registry.forget()
    sync_jobs(at=NOW)

    assert not any("sync_jobs" in note for note in asked().notes)


def test_a_market_that_is_not_active_brings_nothing(schedule: None) -> None:
    Market.objects.filter(key="globex").update(active=False)
    registry.forget()

    found = asked()

    globex = next(market for market in found.markets if market.key == "globex")
    assert (globex.sessions, globex.bells, globex.remark) == ((), (), "inactive: no bells, no entries")
    assert ("intraday @ globex", "the market globex is not active") in {(one.entry, one.why) for one in found.silent}
