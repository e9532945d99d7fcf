"""What an application declares in `beat_schedule`."""

import logging

import pytest
from celery import current_app
from celery.schedules import crontab
from django_celery_beat.models import PeriodicTask

from thor.drivers.beat import ThorScheduler

pytestmark = pytest.mark.django_db


def declare(**entries: object) -> None:
    ThorScheduler(current_app._get_current_object(), lazy=True).update_from_dict(entries)


def test_declared_entries_are_rows_with_all_their_options() -> None:
    options = {"queue": "trading", "priority": 3, "expire_seconds": 30, "headers": {"who": "me"}}

    declare(nightly={"task": "a.task", "schedule": crontab(hour=3, minute=15), "args": (1,), "options": options})

    row = PeriodicTask.objects.get(name="nightly")
    assert (row.task, row.args, row.queue, row.priority, row.expire_seconds) == ("a.task", "[1]", "trading", 3, 30)
    assert row.headers == '{"who": "me"}'
    assert (row.crontab.hour, row.crontab.minute) == ("3", "15")


@pytest.mark.parametrize(
    "wrong",
    [{"task": "t", "schedule": "nonsense"}, {"task": "t"}, {"task": "t", "schedule": 10, "args": (object(),)}],
    ids=["schedule", "no schedule", "arguments"],
)
def test_a_declaration_that_makes_no_sense_stops_none_of_the_others(
    wrong: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        declare(wrong=wrong, right={"task": "t", "schedule": 10})

    assert list(PeriodicTask.objects.values_list("name", flat=True)) == ["right"]
    assert "'wrong' cannot be a row" in caplog.text


def test_a_person_may_switch_a_declared_row_off_for_good() -> None:
    declare(mine={"task": "t", "schedule": 10})
    PeriodicTask.objects.update(enabled=False)

    declare(mine={"task": "t", "schedule": 20})

    row = PeriodicTask.objects.get()
    assert (row.enabled, row.interval.every) == (False, 20)
