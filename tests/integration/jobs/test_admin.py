"""The admin opens: every list and form of every room."""

import uuid

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tests.integration.drivers.conftest import START
from thor.jobs import lines
from thor.jobs.models import Entry, Run
from thor.jobs.sync import sync_jobs
from thor.leadership.term import raise_term

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


def names() -> list[str]:
    return [f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry]


@pytest.mark.parametrize("name", names())
def test_every_list_opens(boss: Client, name: str) -> None:
    sync_jobs(at=START)
    raise_term("tester", at=START)

    assert boss.get(reverse(f"admin:{name}_changelist")).status_code == 200


def test_an_entry_opens_and_links_to_its_periodic_task(boss: Client) -> None:
    sync_jobs(at=START)
    entry = Entry.objects.get(name="intraday @ crypto")

    listed = boss.get(reverse("admin:jobs_entry_changelist")).content.decode()

    assert f"/admin/django_celery_beat/periodictask/{entry.task_id}/change/" in listed
    assert boss.get(reverse("admin:jobs_entry_change", args=[entry.pk])).status_code == 200


@pytest.mark.parametrize("name", ["jobs_run", "jobs_entry", "leadership_leader"])
def test_the_ledger_cannot_be_written_by_hand(boss: Client, name: str) -> None:
    assert boss.get(reverse(f"admin:{name}_add")).status_code == 403


def test_times_are_shown_to_the_second(boss: Client) -> None:
    at = START.replace(second=7)
    Run.objects.create(
        uid=uuid.uuid4(), entry=uuid.uuid4(), name="x", task="x", nominal_at=at, due_at=at, deadline_at=at,
        decided_at=at, state="missed",
    )  # fmt: skip

    assert f"{at:%Y-%m-%d %H:%M:%S}" in boss.get(reverse("admin:jobs_run_changelist")).content.decode()


def window_form(entry: Entry, window: str) -> dict[str, str]:
    none = {f"control-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}
    return {"window": window, **none}


def test_a_window_is_edited_and_outlives_the_next_declaration(boss: Client) -> None:
    sync_jobs(at=START)
    entry = Entry.objects.get(name="intraday @ us_equities")
    address = reverse("admin:jobs_entry_change", args=[entry.pk])

    answer = boss.post(address, window_form(entry, "Between(open + 5m, close-25m)"))
    sync_jobs(at=START)

    entry.refresh_from_db()
    assert (answer.status_code, entry.window) == (302, "between open+5m and close-25m")


@pytest.mark.parametrize(
    ("name", "window", "sentence"),
    [
        ("intraday @ us_equities", "lunch", "is no window"),
        ("intraday @ us_equities", "between close and open", "can never open"),
        ("intraday @ us_equities", "", "required"),
        ("purge_runs", "during open", "belongs to no market"),
    ],
)
def test_a_window_that_cannot_be_is_refused(boss: Client, name: str, window: str, sentence: str) -> None:
    sync_jobs(at=START)
    entry = Entry.objects.get(name=name)

    answer = boss.post(reverse("admin:jobs_entry_change", args=[entry.pk]), window_form(entry, window))

    assert sentence in answer.content.decode()
    assert Entry.objects.get(pk=entry.pk).window == entry.window


def test_a_users_own_line_has_no_window_to_edit(boss: Client) -> None:
    interval = IntervalSchedule.objects.create(every=5, period="seconds")
    PeriodicTask.objects.create(name="own", task="own.task", interval=interval)
    lines.identify(START)
    entry = Entry.objects.get(name="own")

    answer = boss.post(reverse("admin:jobs_entry_change", args=[entry.pk]), window_form(entry, "always"))

    assert answer.status_code == 403
