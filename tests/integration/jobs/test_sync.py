"""Declared jobs become rows; everything else is left alone."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from thor.drivers.gate import settle
from thor.jobs import registry, sync
from thor.jobs.admin import schedule
from thor.jobs.models import Entry, SessionSchedule
from thor.jobs.spec import BadJob, make_spec
from thor.timing import Cron, During, Every, OncePerSession

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def body(occurrence: object) -> None:
    """Do nothing."""


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a way to declare the only jobs there are."""
    jobs: dict[str, Any] = {}
    monkeypatch.setattr(sync, "owned", lambda: jobs)

    def declare_one(name: str, **declared: Any) -> None:
        jobs[name] = make_spec(name, body, "market_data", declared)

    declare_one.jobs = jobs  # type: ignore[attr-defined]
    return declare_one


def test_each_venue_has_a_row_of_its_own(declare: Any) -> None:
    declare("count_ticks", cadence=Every(seconds=5), window=During("open"), markets="venues", queue="market_data")

    report = sync.sync_jobs(at=AT)

    assert sorted(report.made) == ["count_ticks @ crypto", "count_ticks @ globex", "count_ticks @ us_equities"]
    task = PeriodicTask.objects.get(name="count_ticks @ crypto")
    assert (task.task, task.queue, str(task.interval)) == ("count_ticks", "market_data", "every 5 seconds")
    assert task.thor_entry.window == "during open"


def test_a_second_run_writes_nothing(declare: Any) -> None:
    declare("count_ticks", cadence=Every(seconds=5), markets="venues")
    sync.sync_jobs(at=AT)
    before = list(PeriodicTask.objects.filter(task="count_ticks").values())

    assert not sync.sync_jobs(at=AT)

    assert list(PeriodicTask.objects.filter(task="count_ticks").values()) == before


def test_an_edited_interval_is_kept_while_the_rest_follows_the_declaration(declare: Any) -> None:
    declare("count_ticks", cadence=Every(seconds=5), markets=("crypto",), queue="default")
    sync.sync_jobs(at=AT)
    task = PeriodicTask.objects.get(task="count_ticks")
    task.interval = IntervalSchedule.objects.create(every=7, period="seconds")
    task.save()
    declare("count_ticks", cadence=Every(seconds=9), markets=("crypto",), queue="trading")

    sync.sync_jobs(at=AT)

    task.refresh_from_db()
    assert (task.interval.every, task.queue) == (7, "trading")


def test_an_unedited_interval_follows_the_declaration(declare: Any) -> None:
    declare("count_ticks", cadence=Every(seconds=5), markets=("crypto",))
    sync.sync_jobs(at=AT)
    declare("count_ticks", cadence=Every(minutes=2), markets=("crypto",))

    sync.sync_jobs(at=AT)

    assert str(PeriodicTask.objects.get(task="count_ticks").interval) == "every 2 minutes"


def test_other_peoples_rows_are_left_alone(declare: Any) -> None:
    interval = IntervalSchedule.objects.create(every=3, period="seconds")
    PeriodicTask.objects.create(name="mine", task="my.task", interval=interval)
    declare("count_ticks", cadence=Every(seconds=5), markets="venues")

    sync.sync_jobs(at=AT)

    mine = PeriodicTask.objects.get(name="mine")
    assert (mine.enabled, mine.interval.every) == (True, 3)


def test_a_job_that_is_gone_is_retired_and_comes_back_with_its_identity(declare: Any) -> None:
    declare("count_ticks", cadence=Every(seconds=5), markets=("crypto",))
    sync.sync_jobs(at=AT)
    identity = Entry.objects.get(job="count_ticks").id
    spec = declare.jobs.pop("count_ticks")

    assert sync.sync_jobs(at=AT).retired == ["count_ticks @ crypto"]
    assert not PeriodicTask.objects.get(task="count_ticks").enabled

    declare.jobs["count_ticks"] = spec
    sync.sync_jobs(at=AT)
    entry = Entry.objects.get(job="count_ticks")
    assert (entry.id, entry.retired_at) == (identity, None)
    assert settle(AT) == ["count_ticks @ crypto"]
    assert PeriodicTask.objects.get(task="count_ticks").enabled


def test_a_users_own_row_of_the_same_name_is_not_taken_over(declare: Any) -> None:
    interval = IntervalSchedule.objects.create(every=3, period="seconds")
    PeriodicTask.objects.create(name="count_ticks @ crypto", task="my.task", interval=interval)
    declare("count_ticks", cadence=Every(seconds=5), markets=("crypto",))

    with pytest.raises(sync.NameTaken, match="rename it in the admin"):
        sync.sync_jobs(at=AT)


def test_a_cron_job_keeps_its_zone(declare: Any) -> None:
    declare("report", cadence=Cron("30", "9", day_of_week="mon-fri", zone="America/New_York"))

    sync.sync_jobs(at=AT)

    row = CrontabSchedule.objects.get(hour="9")
    assert (row.minute, row.day_of_week, str(row.timezone)) == ("30", "mon-fri", "America/New_York")
    assert PeriodicTask.objects.get(name="report").crontab == row


def test_once_a_session_entries_share_a_row_that_is_nobody_elses(declare: Any) -> None:
    users_own = IntervalSchedule.objects.create(every=1, period="days")
    declare("capture", cadence=OncePerSession(), window=During("open"), markets="control")

    sync.sync_jobs(at=AT)

    carried = set(PeriodicTask.objects.filter(task="capture").values_list("interval", flat=True))
    assert Entry.objects.filter(job="capture").count() == 9
    assert carried == {SessionSchedule.objects.get().pk}
    assert users_own.pk not in carried


def test_the_row_of_sessions_is_shown_and_not_changed(declare: Any, admin_client: Client) -> None:
    declare("capture", cadence=OncePerSession(), window=During("open"), markets=("usa",))
    sync.sync_jobs(at=AT)
    page = reverse("admin:django_celery_beat_intervalschedule_change", args=[SessionSchedule.objects.get().pk])

    listed = admin_client.get(reverse("admin:django_celery_beat_intervalschedule_changelist")).content.decode()

    assert "once a session" in listed
    assert admin_client.post(page, {"every": "2", "period": "hours"}).status_code == 403
    assert SessionSchedule.objects.get().every == 86_400


def test_who_runs_once_a_session_offers_no_other_schedule(
    declare: Any, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare("capture", cadence=OncePerSession(), window=During("open"), markets=("usa",))
    declare("count_ticks", cadence=Every(seconds=5), markets=("crypto",))
    sync.sync_jobs(at=AT)
    monkeypatch.setattr(schedule, "specs", lambda: declare.jobs)

    def offers(name: str) -> bool:
        task = PeriodicTask.objects.get(name=name)
        page = admin_client.get(reverse("admin:django_celery_beat_periodictask_change", args=[task.pk]))
        assert page.status_code == 200
        return 'name="interval"' in page.content.decode()

    assert (offers("capture @ usa"), offers("count_ticks @ crypto")) == (False, True)


def test_a_market_that_does_not_exist_is_refused_by_name(declare: Any) -> None:
    declare("count_ticks", cadence=Every(seconds=5), markets=("atlantis",))

    with pytest.raises(BadJob, match="no market 'atlantis'"):
        sync.sync_jobs(at=AT)


def test_every_shipped_job_has_rows() -> None:
    sync.sync_jobs(at=AT)

    wanted = {name for name, spec in registry.specs().items() if spec.markets != ()}
    assert wanted <= set(PeriodicTask.objects.values_list("task", flat=True))


def test_a_job_whose_markets_the_configuration_names_has_rows_on_those_alone(declare: Any) -> None:
    where = {"cadence": Every(seconds=5), "window": During("open"), "where": "where a workbook is configured"}
    declare("read_workbook", markets=("globex",), **where)
    sync.sync_jobs(at=AT)
    assert [entry.market for entry in Entry.objects.filter(retired_at=None)] == ["globex"]

    declare("read_workbook", markets=(), **where)
    report = sync.sync_jobs(at=AT)

    assert report.retired == ["read_workbook @ globex"]
    assert not PeriodicTask.objects.get(name="read_workbook @ globex").enabled
    sync.follow_activity(at=AT)
    assert not Entry.objects.filter(retired_at=None).exists()
