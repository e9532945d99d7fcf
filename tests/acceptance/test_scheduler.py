"""Real beats, workers and Valkey: an edit changes the cadence, own tasks work, and a killed leader is replaced."""

import os
import re
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.acceptance.heartbeats import standing, succeeded, term
from tests.acceptance.house import House, built

pytestmark = [pytest.mark.database, pytest.mark.alone]

CRYPTO = "SELECT count(*) FROM jobs_run WHERE name = 'intraday @ crypto' AND state = 'succeeded'"

#: Post the change form of the admin, as a browser would, with other values for some of its fields.
EDIT = """
from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import setup_test_environment
from django_celery_beat.models import IntervalSchedule, PeriodicTask
setup_test_environment()
User.objects.filter(username="boss").exists() or User.objects.create_superuser("boss", "", "secret")
task = PeriodicTask.objects.get(name={name!r})
client = Client()
client.force_login(User.objects.get(username="boss"))
url = f"/admin/django_celery_beat/periodictask/{{task.pk}}/change/"
form = client.get(url, HTTP_HOST="localhost").context["adminform"].form
values = {{name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}}
values = {{name: value for name, value in values.items() if value not in (None, False)}}
values["interval"] = IntervalSchedule.objects.get_or_create(every={every}, period="seconds")[0].pk
values["enabled"] = "on" if {enabled} else ""
values = {{name: value for name, value in values.items() if value != ""}}
answered = client.post(url, values, HTTP_HOST="localhost")
assert answered.status_code == 302, answered.context["adminform"].form.errors
answer = answered.status_code
"""


def edit(house: House, name: str, *, every: int, enabled: bool = True) -> None:
    house.python(EDIT.format(name=name, every=every, enabled=enabled))


def periods(house: House, name: str, since_seq: int) -> list[float]:
    """Return the seconds between successive runs of an entry, from the ledger."""
    instants = house.python(
        "from thor.jobs.models import Run\n"
        f"answer = [run.nominal_at.timestamp() for run in Run.objects.filter(name={name!r}, seq__gt={since_seq},"
        " state='succeeded').order_by('nominal_at')]"
    )
    return [round(after - before, 3) for before, after in pairwise(instants)]


def newest(house: House) -> int:
    return house.count("SELECT max(seq) FROM jobs_run")


def leader_goes_on(house: House, seconds: float = 2) -> None:
    """Wait until the leader has decided so far from now: meanwhile it has looked at the schedule, as once a second."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    decided = f"SELECT count(*) FROM leadership_leader WHERE id = 1 AND decided_until > '{until:%Y-%m-%d %H:%M:%S.%f}'"
    house.wait_for(lambda: house.count(decided), "the leader to go on")


def test_editing_an_interval_in_the_admin_changes_the_cadence_and_disabling_stops_it(house: House) -> None:
    house.beat()
    house.worker()
    house.wait_for(lambda: house.count(CRYPTO) >= 3, "the first runs")

    edit(house, "intraday @ crypto", every=2)
    leader_goes_on(house)
    since = newest(house)

    def new() -> list[float]:
        return periods(house, "intraday @ crypto", since)

    # Where the machine stood still, a slot was missed and the next period is a multiple.
    house.wait_for(lambda: new().count(2.0) >= 2, "runs at the new cadence")
    assert [period for period in new() if period % 2] == []

    edit(house, "intraday @ crypto", every=2, enabled=False)
    leader_goes_on(house)
    since = newest(house)
    leader_goes_on(house, 5)
    assert house.count(f"{CRYPTO} AND seq > {since}") == 0

    edit(house, "intraday @ crypto", every=1)
    house.wait_for(lambda: house.count(f"{CRYPTO} AND seq > {since}") >= 2, "runs after it was switched on again")


OWN = """
from celery import shared_task


@shared_task
def greet(name, punctuation="."):
    with open({path!r}, "a") as file:
        file.write(f"hello {{name}}{{punctuation}}\\n")
    return name
"""

MAKE_OWN = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
interval, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
PeriodicTask.objects.create(name="greeting", task="own_tasks.greet", interval=interval,
                            args='["Odin"]', kwargs='{"punctuation": "!"}')
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[House, Path]]:
    """Return a house whose user has a task of their own, and the file that it writes to."""
    greetings = tmp_path / "greetings"
    (tmp_path / "own_tasks.py").write_text(OWN.format(path=str(greetings)))
    with built(PYTHONPATH=str(tmp_path)) as house:
        yield house, greetings


def test_a_users_own_task_runs_beside_thors(own: tuple[House, Path]) -> None:
    house, greetings = own
    house.variables["THOR_IMPORTS"] = "own_tasks"
    house.prepare().python(MAKE_OWN)

    house.beat()
    house.worker()

    done = "SELECT count(*) FROM jobs_run WHERE name = 'greeting' AND state = 'succeeded'"
    house.wait_for(lambda: house.count(done) >= 3, "three runs of the user's task")
    house.wait_for(lambda: house.count(CRYPTO) >= 2, "Thor's own runs")
    house.kill("beat", signal.SIGTERM)
    house.kill("worker", signal.SIGTERM)
    assert set(greetings.read_text().splitlines()) == {"hello Odin!"}
    assert len(greetings.read_text().splitlines()) == house.count(done)


def test_a_task_that_only_its_worker_knows_is_handed_over_and_runs(own: tuple[House, Path]) -> None:
    house, greetings = own
    house.prepare().python(MAKE_OWN)

    house.beat()
    house.worker("worker", "-I", "own_tasks")

    handed = "SELECT count(*) FROM jobs_run WHERE name = 'greeting' AND state = 'handed_over'"
    house.wait_for(lambda: house.count(handed) >= 3, "three runs handed over")
    house.wait_for(lambda: greetings.exists() and len(greetings.read_text().splitlines()) >= 3, "the greetings")


def test_a_killed_leader_is_replaced_and_nothing_runs_twice_or_is_forgotten(house: House) -> None:
    house.variables["THOR_LOG_LEVEL"] = "debug"  # the worker tells of each body that it starts
    house.variables["THOR_LEASE_TTL"] = "10"  # nobody leads next because the machine stood still
    house.worker()
    house.beat("beat-1")
    house.wait_for(lambda: house.count(CRYPTO) >= 3, "the first runs")
    house.beat("beat-2")
    house.wait_for_contenders(2)
    before = house.count("SELECT term FROM leadership_leader")

    house.kill("beat-1")
    since = newest(house)

    house.wait_for(lambda: house.count(f"{CRYPTO} AND seq > {since}") >= 4, "runs under the standby")
    assert house.count("SELECT term FROM leadership_leader") == before + 1
    done = house.count(CRYPTO)
    started = re.findall(r"thor\.run\.started .*?run=(\S+)", house.log("worker"))
    assert len(started) >= done > 5
    assert len(started) == len(set(started))
    assert slots_without_a_row(house) == 0


def slots_without_a_row(house: House) -> int:
    """Count the seconds between the first and the last run that no row of the ledger speaks of."""
    spans = house.python(
        "from thor.jobs.models import Run\n"
        "answer = [(run.nominal_at.timestamp(), (run.last_at or run.nominal_at).timestamp(), run.count)"
        " for run in Run.objects.filter(name='intraday @ crypto').order_by('nominal_at')]"
    )
    first, last = spans[0][0], max(span[1] for span in spans)
    return round(last - first) + 1 - sum(span[2] for span in spans)


#: Makes up for what a machine that stands still for some seconds delays, and for no lease that has to expire.
EACH = """
from thor.timing import All

@job(cadence=Every(seconds=1), catch_up=All(within=timedelta(seconds=20)), overlap="allow")
def each(occurrence, **_):
    note(occurrence, "each")
"""


def test_a_leader_that_is_asked_to_stop_hands_over_without_missing_a_slot(tmp_path: Path) -> None:
    with standing(tmp_path, EACH, THOR_LEASE_TTL="30") as house:
        house.worker()
        house.beat("beat-1")
        house.wait_for(lambda: succeeded(house, "each") >= 3, "the first runs")
        house.beat("beat-2")
        house.wait_for_contenders(2)
        before, since = term(house), newest(house)

        assert house.kill("beat-1", signal.SIGTERM) == 0

        done = f"SELECT count(*) FROM jobs_run WHERE state = 'succeeded' AND term > {before}"
        house.wait_for(lambda: house.count(done) >= 4, "runs under the standby")
        house.kill("beat-2", signal.SIGTERM)
        live = "SELECT count(*) FROM jobs_run WHERE state IN ('due', 'started')"
        house.wait_for(lambda: house.count(live) == 0, "the last runs")
        assert set(periods(house, "each", since)) == {1.0}


def test_a_worker_killed_between_claim_and_end_leaves_a_visible_loss(own: tuple[House, Path]) -> None:
    house, _ = own
    house.variables["THOR_IMPORTS"] = "own_tasks"
    Path(house.variables["PYTHONPATH"], "own_tasks.py").write_text(
        "import os, time\nfrom celery import shared_task\n"
        "@shared_task\ndef greet(*args, **kwargs):\n    time.sleep(60)\n"
    )
    house.prepare().python(MAKE_OWN)
    house.worker()
    house.beat()
    house.wait_for(
        lambda: house.count("SELECT count(*) FROM jobs_run WHERE name = 'greeting' AND state = 'started'"), "a start"
    )

    os.killpg(house.processes["worker"].pid, signal.SIGKILL)
    house.processes.pop("worker").wait(timeout=60)

    lost = "SELECT count(*) FROM jobs_run WHERE name = 'greeting' AND state = 'lost'"
    house.wait_for(lambda: house.count(lost), "the loss to be recorded")
    reason = house.rows("SELECT reason FROM jobs_run WHERE state = 'lost'")[0][0]
    assert reason == "worker fell silent"


@pytest.mark.parametrize("program", [("celery", "-A", "thor", "beat"), ("celery", "-A", "thor", "worker")])
@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL cannot be used"),
        ({"THOR_LEASE_TTL": "900"}, "THOR_LEASE_TTL='900' cannot be used"),
        ({"THOR_LEASE_TLT": "2"}, "did you mean THOR_LEASE_TTL?"),
        ({"REDIS_URL": "ftp://here"}, "REDIS_URL='ftp://here' cannot be used"),
    ],
)
def test_bad_configuration_is_one_sentence(program: tuple[str, ...], variables: dict[str, str], sentence: str) -> None:
    with built(**variables) as house:
        house.database_url = variables.get("DATABASE_URL", house.database_url)

        done = house.run(str(Path(sys.executable).parent / program[0]), *program[1:])

        assert done.returncode == 2
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_an_unknown_option_of_a_job_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "own_jobs.py").write_text(
        "from thor.jobs import job\nfrom thor.timing import Every\n"
        "@job(cadence=Every(seconds=1), que='market_data')\ndef own_job(occurrence, **_):\n    pass\n"
    )
    with built(PYTHONPATH=str(tmp_path), THOR_IMPORTS="own_jobs") as house:
        done = house.manage("check")

        assert done.returncode == 2
        assert "job 'own_job' has an unknown option 'que'; did you mean 'queue'?" in done.stderr
        assert "Traceback" not in done.stderr
