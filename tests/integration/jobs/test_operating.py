"""What operators do on the admin's pages."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tests.integration.drivers.conftest import World
from thor.drivers import gate
from thor.jobs.models import Control, Entry, Run, State
from thor.jobs.schedule import is_in_window
from thor.jobs.sync import sync_jobs
from thor.leadership.models import Leader
from thor.leadership.term import raise_term
from thor.timing import SystemClock, run_id

pytestmark = pytest.mark.django_db
NOW = SystemClock().now

TASKS = "django_celery_beat_periodictask"


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def every(db: None) -> Callable[..., PeriodicTask]:
    """Return a maker of a user's own rows, known to a leader that has decided time up to now."""
    Leader.objects.filter(id=raise_term("x", at=NOW()).term).update(decided_until=NOW())

    def make(name: str = "own", seconds: int = 60, **values: Any) -> PeriodicTask:
        interval, _ = IntervalSchedule.objects.get_or_create(every=seconds, period="seconds")
        task = PeriodicTask.objects.create(name=name, task="own.task", interval=interval, **values)
        Entry.objects.create(task=task, name=name, since=NOW() - timedelta(days=1))
        return task

    return make


def act(boss: Client, page: str, action: str, *keys: Any, **more: Any) -> tuple[list[str], str]:
    """Choose rows of a list and an action; return the messages that follow, and the page."""
    data = {"action": action, "_selected_action": [str(key) for key in keys], **more}
    answer = boss.post(reverse(f"admin:{page}_changelist"), data, follow=True)
    assert answer.status_code == 200
    return [str(message) for message in answer.context["messages"]], answer.content.decode()


def the_form(boss: Client, task: PeriodicTask) -> dict[str, Any]:
    """Open the page of a periodic task; return what a browser would send back."""
    page = boss.get(reverse(f"admin:{TASKS}_change", args=[task.pk]))
    form = page.context["adminform"].form
    sent = {}
    for bound in form:
        value = bound.value()
        if value not in (None, False, ""):
            sent[bound.html_name] = "on" if value is True else value
        if bound.field.show_hidden_initial:
            sent[bound.html_initial_name] = str(bound.initial)
    return {name: value for name, value in sent.items() if not hasattr(value, "year")}


def save(boss: Client, task: PeriodicTask, form: dict[str, Any]) -> list[str]:
    answer = boss.post(reverse(f"admin:{TASKS}_change", args=[task.pk]), form, follow=True)
    assert answer.redirect_chain, answer.context["adminform"].form.errors
    task.refresh_from_db()
    return [str(message) for message in answer.context["messages"]]


def crypto() -> Entry:
    sync_jobs(at=NOW())
    gate.settle(NOW())
    return Entry.objects.select_related("task").get(name="intraday @ crypto")


def shut() -> Entry:
    """Return a job's entry whose window is not open now, and does not open while a test is at work."""
    sync_jobs(at=NOW())
    gate.settle(NOW())
    entries = Entry.objects.select_related("task").exclude(job="")
    soon = [NOW() + timedelta(minutes=n) for n in range(6)]
    return next(entry for entry in entries if not any(is_in_window(entry, at) for at in soon))


class TestActions:
    @pytest.mark.parametrize("page", [TASKS, "jobs_entry", "jobs_run"])
    def test_run_now_is_offered_on_every_page_and_goes_through_the_ledger(self, boss, every, page):
        task = every()
        run = Run.objects.create(**a_run(task.thor_entry, NOW(), state=State.SUCCEEDED))
        key = {TASKS: task.pk, "jobs_entry": task.thor_entry.pk, "jobs_run": run.pk}[page]

        said, _ = act(boss, page, "run_entries", key)

        assert said[0].startswith("'own': run ")
        asked = Run.objects.exclude(pk=run.pk).get()
        assert (asked.state, asked.origin) == (State.DUE, "manual:boss")
        assert "is asked for" in LogEntry.objects.get().change_message

    def test_a_pause_asks_for_a_reason_and_is_shown_with_it(self, boss, every):
        task = every()

        _, page = act(boss, "jobs_entry", "pause_entries", task.thor_entry.pk)
        assert "Nothing of these fires" in page
        assert not Control.objects.exists()
        _, page = act(boss, "jobs_entry", "pause_entries", task.thor_entry.pk, apply="1", reason="")
        assert "This field is required" in page
        said, page = act(boss, "jobs_entry", "pause_entries", task.thor_entry.pk, apply="1", reason="feed under repair")

        assert said == ["'own': paused: feed under repair"]
        assert "paused by boss: feed under repair" in page
        assert LogEntry.objects.get().change_message == "paused: feed under repair"
        task.refresh_from_db()
        assert not task.enabled

    def test_what_is_paused_is_resumed(self, boss, every):
        task = every()
        act(boss, TASKS, "pause_entries", task.pk, apply="1", reason="why not")

        said, _ = act(boss, TASKS, "resume_entries", task.pk)

        assert said == ["'own': resumed"]
        assert not Control.objects.get().paused
        assert act(boss, TASKS, "resume_entries", task.pk)[0] == ["'own': was not paused"]

    def test_a_back_fill_runs_what_did_not_happen(self, boss, every):
        task = every()
        first = (NOW() - timedelta(hours=2)).replace(second=0, microsecond=0)
        for minute in range(10):
            state = State.MISSED if minute in (3, 4) else State.SUCCEEDED
            Run.objects.create(**a_run(task.thor_entry, first + timedelta(minutes=minute), state=state))
        stretch = {"start": f"{first:%Y-%m-%dT%H:%M:%S}", "end": f"{first + timedelta(minutes=12):%Y-%m-%dT%H:%M:%S}"}

        said, _ = act(boss, TASKS, "backfill_entries", task.pk, apply="1", **stretch)

        assert said == [
            f"'own': 12 slots from {first:%Y-%m-%d %H:%M:%S} UTC: 2 asked for, 2 opened again, 8 left as they are"
        ]
        assert Run.objects.filter(state=State.DUE).count() == 4
        assert "2 opened again" in LogEntry.objects.get().change_message

    def test_the_stretch_of_chosen_runs_is_proposed(self, boss, every):
        task = every()
        first = NOW().replace(microsecond=0) - timedelta(hours=3)
        runs = [Run.objects.create(**a_run(task.thor_entry, first + timedelta(minutes=n))) for n in (0, 5)]

        _, page = act(boss, "jobs_run", "backfill_entries", *(run.pk for run in runs))

        assert f'value="{first:%Y-%m-%dT%H:%M:%S}"' in page
        assert f'value="{first + timedelta(minutes=5, seconds=1):%Y-%m-%dT%H:%M:%S}"' in page

    @pytest.mark.parametrize(
        ("start", "end", "sentence"),
        [
            ("-1", "-2", "The end must come after the start."),
            ("-9000", "-1", "choose a start that is not older"),
            ("-13000", "0", "choose a start that is not older"),
        ],
    )
    def test_a_wrong_stretch_is_refused_in_one_sentence_on_the_page(self, boss, every, start, end, sentence):
        task = every()
        hours = {name: NOW() + timedelta(hours=int(text)) for name, text in (("start", start), ("end", end))}
        stretch = {name: f"{at:%Y-%m-%dT%H:%M:%S}" for name, at in hours.items()}

        said, page = act(boss, TASKS, "backfill_entries", task.pk, apply="1", **stretch)

        assert sentence in page
        assert said == []
        assert not Run.objects.exists()

    def test_too_many_slots_are_refused(self, boss, every):
        task = every(seconds=60)
        stretch = {
            "start": f"{NOW() - timedelta(days=10):%Y-%m-%dT%H:%M:%S}",
            "end": f"{NOW():%Y-%m-%dT%H:%M:%S}",
        }
        Entry.objects.update(since=NOW() - timedelta(days=20))

        _, page = act(boss, TASKS, "backfill_entries", task.pk, apply="1", **stretch)

        assert "choose a shorter one" in page

    def test_what_cannot_be_read_is_said_and_stops_nobody_else(self, boss, every):
        every("bad", args="{")
        every("good")

        said, _ = act(boss, TASKS, "run_entries", *PeriodicTask.objects.values_list("pk", flat=True))

        assert said[0].startswith("'bad': its row cannot be read")
        assert said[1].startswith("'good': run ")

    def test_a_row_that_no_leader_has_seen_can_be_run(self, boss, every):
        task = every()
        Entry.objects.all().delete()

        said, _ = act(boss, TASKS, "run_entries", task.pk)

        assert said[0].startswith("'own': run ")

    def test_who_may_only_look_is_offered_nothing(self, client, every):
        task = every()
        person = User.objects.create_user("reader", is_staff=True)
        person.user_permissions.set(Permission.objects.filter(codename__in=["view_entry", "view_run"]))
        client.force_login(person)

        page = client.get(reverse("admin:jobs_entry_changelist")).content.decode()
        act(client, "jobs_entry", "run_entries", task.thor_entry.pk)

        assert "run_entries" not in page
        assert not Run.objects.exists()


class TestFilters:
    @pytest.mark.parametrize(("query", "number"), [("", 3), ("?task=own.task", 2), ("?market=crypto", 1)])
    def test_runs_are_chosen_by_what_the_schedule_knows(self, boss, every, query, number):
        task, _ = every(), crypto()
        runs = [a_run(task.thor_entry, NOW() - timedelta(minutes=n)) for n in range(3)]
        runs[2] |= {"task": "intraday", "market": "crypto"}
        for run in runs:
            Run.objects.create(**run)

        page = boss.get(reverse("admin:jobs_run_changelist") + query)

        assert page.context["cl"].result_count == number
        assert "task=own.task" in page.content.decode()


class TestSwitches:
    def test_disabling_a_jobs_line_outside_its_window_holds_at_the_bell(self, boss):
        entry = shut()
        assert entry.task is not None
        assert not entry.task.enabled

        said, _ = act(boss, TASKS, "disable_tasks", entry.task_id)

        assert said == [f"{entry.name!r}: paused: switched off in the admin"]
        assert Control.objects.get(entry=entry).paused

    def test_enabling_resumes_what_is_paused_and_ticks_what_is_a_users_own(self, boss, every):
        paused, off = every("paused"), every("off", enabled=False)
        act(boss, TASKS, "pause_entries", paused.pk, apply="1", reason="x")

        act(boss, TASKS, "enable_tasks", paused.pk, off.pk)

        assert not Control.objects.get().paused
        assert list(PeriodicTask.objects.values_list("enabled", flat=True)) == [True, True]

    def test_toggling_turns_each_round(self, boss, every):
        on, off, entry = every("on"), every("off", enabled=False), crypto()

        act(boss, TASKS, "toggle_tasks", on.pk, off.pk, entry.task_id)

        on.refresh_from_db(), off.refresh_from_db()
        assert (on.enabled, off.enabled, Control.objects.get().entry) == (False, True, entry)
        act(boss, TASKS, "toggle_tasks", entry.task_id)
        assert not Control.objects.get().paused

    def test_un_ticking_pauses_a_jobs_line_at_once(self, boss):
        entry = crypto()
        form = the_form(boss, entry.task)

        said = save(boss, entry.task, {name: value for name, value in form.items() if name != "enabled"})

        control = Control.objects.get(entry=entry)
        assert (control.paused, control.paused_by) == (True, "boss")
        assert said[0] == f"{entry.name!r} is paused until it is ticked or resumed."
        assert not gate.settle(NOW())

    def test_ticking_resumes_it(self, boss):
        entry = crypto()
        act(boss, TASKS, "pause_entries", entry.task_id, apply="1", reason="x")

        said = save(boss, entry.task, {**the_form(boss, entry.task), "enabled": "on"})

        assert said[0] == f"{entry.name!r} is resumed."
        assert not Control.objects.get().paused

    def test_ticking_outside_the_window_is_answered_with_the_window(self, boss):
        entry = shut()

        said = save(boss, entry.task, {**the_form(boss, entry.task), "enabled": "on"})

        assert "is outside its window" in said[0]
        gate.settle(NOW())
        entry.task.refresh_from_db()
        assert not entry.task.enabled
        assert not Control.objects.filter(paused=True).exists()

    @pytest.mark.parametrize("before", [True, False])
    def test_a_form_that_was_opened_before_a_bell_switches_nothing(self, boss, before):
        entry = crypto()
        PeriodicTask.objects.filter(pk=entry.task_id).update(enabled=before)
        Entry.objects.filter(pk=entry.pk).update(gated=before)
        form = the_form(boss, entry.task)
        PeriodicTask.objects.filter(pk=entry.task_id).update(enabled=not before)  # the bell
        Entry.objects.filter(pk=entry.pk).update(gated=not before)

        save(boss, entry.task, {**form, "description": "a new text"})

        assert (entry.task.enabled, entry.task.description) == (not before, "a new text")
        assert not Control.objects.exists()

    def test_a_form_without_the_memory_of_its_box_is_taken_at_its_word(self, boss, every):
        task = every()
        form = the_form(boss, task)

        save(boss, task, {name: value for name, value in form.items() if not name.endswith("enabled")})

        assert not task.enabled


class TestSharedRows:
    def test_saving_a_shared_interval_names_those_it_moves(self, boss, every):
        first, _ = every("one"), every("two")

        said = move(boss, first.interval_id, 30)

        assert "This schedule moves one, two. To move one alone, choose another schedule at that task." in said

    def test_saving_it_unchanged_moves_nobody(self, boss, every):
        task = every()

        assert not any("moves" in sentence for sentence in move(boss, task.interval_id, 60))

    def test_at_an_entry_another_row_is_chosen_and_this_one_is_not_changed(self, boss, every):
        one, two = every("one"), every("two")
        other = IntervalSchedule.objects.create(every=5, period="seconds")

        page = boss.get(reverse(f"admin:{TASKS}_change", args=[one.pk])).content.decode()
        save(boss, one, {**the_form(boss, one), "interval": other.pk})

        assert "add_id_interval" in page
        assert "change_id_interval" not in page
        assert "view_id_interval" not in page
        two.refresh_from_db()
        assert (one.interval.every, two.interval.every) == (5, 60)


def move(boss: Client, pk: int, every: int) -> list[str]:
    inline = {"periodictask_set-TOTAL_FORMS": "0", "periodictask_set-INITIAL_FORMS": "0"}
    address = reverse("admin:django_celery_beat_intervalschedule_change", args=[pk])
    answer = boss.post(address, {"every": every, "period": "seconds", **inline}, follow=True)
    assert answer.redirect_chain
    return [str(message) for message in answer.context["messages"]]


def a_run(entry: Entry, at: Any, *, state: str = State.MISSED) -> dict[str, Any]:
    return {
        "uid": run_id(entry.pk, at), "entry": entry.pk, "name": entry.name, "task": "own.task", "nominal_at": at,
        "due_at": at, "deadline_at": at, "decided_at": at, "state": state,
    }  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_what_was_asked_for_in_the_admin_is_published_by_the_leader(boss: Client, every: Any) -> None:
    task, world = every(), World()
    world.new_leader()

    act(boss, TASKS, "run_entries", task.pk)

    assert "own" in world.turn()
