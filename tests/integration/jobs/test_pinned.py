"""What the environment pins is no operator's to edit; what it does not pin any more is as the job declares it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from thor.celery import app
from thor.jobs import lines, registry, sync
from thor.jobs.models import Entry
from thor.jobs.schedule import row_of
from thor.jobs.spec import make_spec
from thor.timing import Between, Cron, Every, OncePerSession

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
NAME = "a_pinned_job"
PINNED = {"cadence": "ORDER_POLL_INTERVAL_MINUTES"}
Declare = Callable[..., None]


def body(occurrence: object) -> None:
    """Do nothing."""


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Iterator[Declare]:
    """Declare the only job there is, and write its row."""

    def make(**declared: Any) -> None:
        spec = make_spec(NAME, body, "trading", {"cadence": Every(minutes=3), **declared})
        app.tasks.pop(NAME, None)
        registry.register(spec)
        monkeypatch.setattr(sync, "owned", lambda: {NAME: spec})
        sync.sync_jobs(at=AT)

    yield make
    registry._specs.pop(NAME, None)
    app.tasks.pop(NAME, None)


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


def task() -> PeriodicTask:
    return PeriodicTask.objects.select_related("interval", "crontab").get(task=NAME)


def edit_interval(every: int) -> None:
    found = task()
    found.interval, _ = IntervalSchedule.objects.get_or_create(every=every, period="minutes")
    found.save()


def decided_cadence() -> str:
    """Return how often a leader takes the line to be due."""
    (line,) = lines.read([task().pk])
    return row_of(line).timed.cadence.text()


def test_a_pinned_interval_overrides_an_edit_and_follows_again_later(declare: Declare) -> None:
    declare()
    edit_interval(7)

    declare(cadence=Every(minutes=5), pinned=PINNED)
    assert task().interval.every == 5

    declare(cadence=Every(minutes=3))
    assert task().interval.every == 3

    edit_interval(9)
    declare(cadence=Every(minutes=4))
    assert task().interval.every == 9


def test_an_edit_made_while_it_is_pinned_lasts_until_the_next_start(declare: Declare) -> None:
    declare(pinned=PINNED)
    edit_interval(7)

    assert decided_cadence() == "every 3 min"  # not even so long, for who decides

    declare(pinned=PINNED)
    assert task().interval.every == 3


def test_a_second_start_with_a_pin_writes_nothing(declare: Declare) -> None:
    declare(pinned=PINNED)

    assert not sync.sync_jobs(at=AT)


def test_a_pinned_line_keeps_to_the_grid_that_a_person_gave_it(declare: Declare) -> None:
    declare(pinned=PINNED)
    PeriodicTask.objects.filter(task=NAME).update(start_time=AT.replace(second=20))

    (line,) = lines.read([task().pk])

    assert row_of(line).timed.cadence.next_after(AT) == AT.replace(second=20)


def test_a_pinned_time_of_day_overrides_an_edit(declare: Declare) -> None:
    pinned = {"cadence": Cron("0", "9", zone="America/New_York"), "pinned": PINNED}
    declare(**pinned)
    other = IntervalSchedule.objects.create(every=7, period="minutes")
    PeriodicTask.objects.filter(task=NAME).update(crontab=None, interval=other)

    declare(**pinned)

    assert (task().interval, task().crontab.hour) == (None, "9")


def test_a_pinned_window_overrides_an_edit_and_follows_again_later(declare: Declare) -> None:
    session = {"cadence": OncePerSession(), "markets": ("usa",)}
    variable = {"window": "ENTRY_WINDOW_MINUTES_BEFORE_CLOSE"}
    declare(**session, window=Between("close-25m", "close"), pinned=variable)
    Entry.objects.filter(job=NAME).update(window="between open and close")

    declare(**session, window=Between("close-25m", "close"), pinned=variable)
    assert Entry.objects.get(job=NAME).window == "between close-25m and close"

    declare(**session, window=Between("close-40m", "close"))
    assert Entry.objects.get(job=NAME).window == "between close-40m and close"

    Entry.objects.filter(job=NAME).update(window="between open and close")
    declare(**session, window=Between("close-25m", "close"))
    assert Entry.objects.get(job=NAME).window == "between open and close"


def test_the_page_of_a_pinned_task_shows_its_interval_and_names_the_variable(declare: Declare, boss: Client) -> None:
    declare(pinned=PINNED)
    address = reverse("admin:django_celery_beat_periodictask_change", args=[task().pk])

    shown = boss.get(address).content.decode()

    assert "every 3 minutes" in shown
    assert "Set by ORDER_POLL_INTERVAL_MINUTES; it can be edited here once that is not set." in shown
    assert 'name="interval"' not in shown

    other = IntervalSchedule.objects.create(every=7, period="minutes")
    answer = boss.post(address, {"name": NAME, "task": NAME, "args": "[]", "kwargs": "{}", "headers": "{}",
                                 "priority": "", "interval": other.pk, "description": "seen"})  # fmt: skip

    assert (answer.status_code, task().interval.every, task().description) == (302, 3, "seen")


def test_the_page_of_a_task_that_is_not_pinned_offers_its_interval(declare: Declare, boss: Client) -> None:
    declare()

    shown = boss.get(reverse("admin:django_celery_beat_periodictask_change", args=[task().pk])).content.decode()

    assert 'name="interval"' in shown
    assert "Set by" not in shown


def test_the_page_of_an_entry_with_a_pinned_window_is_read_only(declare: Declare, boss: Client) -> None:
    variable = {"window": "ENTRY_WINDOW_MINUTES_BEFORE_CLOSE"}
    window = Between("close-25m", "close")
    declare(cadence=OncePerSession(), markets=("usa",), window=window, pinned=variable)
    entry = Entry.objects.get(job=NAME)
    address = reverse("admin:jobs_entry_change", args=[entry.pk])

    shown = boss.get(address).content.decode()
    forms = {f"control-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}
    boss.post(address, {"window": "between open and close", **forms})

    assert "between close-25m and close" in shown
    assert "Set by ENTRY_WINDOW_MINUTES_BEFORE_CLOSE" in shown
    assert 'name="window"' not in shown
    entry.refresh_from_db()
    assert entry.window == "between close-25m and close"


def test_a_shared_interval_moves_the_others_and_not_who_is_pinned(declare: Declare, boss: Client) -> None:
    declare(pinned=PINNED)
    shared = task().interval
    own = PeriodicTask.objects.create(name="own", task="own.task", interval=shared)

    page = reverse("admin:django_celery_beat_intervalschedule_change", args=[shared.pk])
    inline = {"periodictask_set-TOTAL_FORMS": "0", "periodictask_set-INITIAL_FORMS": "0"}
    answer = boss.post(page, {"every": "11", "period": "minutes", **inline}, follow=True)
    said = [str(message) for message in answer.context["messages"]]

    own.refresh_from_db()
    assert (own.interval.every, task().interval.every) == (11, 3)
    assert f"{NAME} keeps its schedule, which ORDER_POLL_INTERVAL_MINUTES pins." in said
    assert "This schedule moves own." in said
