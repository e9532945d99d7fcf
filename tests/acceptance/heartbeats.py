"""Houses whose jobs a test writes, and heartbeats in them."""

import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.house import HANGS, House, built

JOBS = """
import sys, time
from datetime import timedelta
from pathlib import Path

from thor.jobs import job
from thor.timing import During, Every

HERE = Path({here!r})


def note(occurrence, word):
    with (HERE / "notes").open("a") as file:
        file.write(f"{{word}} {{occurrence.nominal_at.isoformat()}}\\n")

"""

#: Runs each second.
TICKS = """
@job(cadence=Every(seconds=1))
def ticks(occurrence, **_):
    note(occurrence, "ticks")
"""

#: Takes some seconds, which its second note tells the end of.
SLEEPS = """
@job(cadence=Every(seconds=2))
def sleeps(occurrence, **_):
    note(occurrence, "begins")
    time.sleep(4)
    note(occurrence, "ends")
"""

#: Takes until the test says so, or ten minutes.
HELD = """
@job(cadence=Every(seconds=2), time_limit=timedelta(minutes=10))
def held(occurrence, **_):
    note(occurrence, "begins")
    while not (HERE / "go").exists():
        time.sleep(0.1)
    note(occurrence, "ends")
"""

#: Takes far too long at its first call, and no time at any other.
STUCK = """
@job(cadence=Every(seconds=2), deadline=timedelta(minutes=2), repeatable={repeatable})
def stuck(occurrence, **_):
    is_first = not (HERE / "stuck").exists()
    (HERE / "stuck").touch()
    note(occurrence, "begins")
    time.sleep(100 if is_first else 0)
    note(occurrence, "ends")
"""

#: Hears no exception.
DEAF = """
@job(cadence=Every(seconds=2), time_limit=timedelta(seconds=1))
def deaf(occurrence, **_):
    note(occurrence, "begins")
    while True:
        try:
            time.sleep(60)
        except Exception:
            note(occurrence, "ignores")
"""

#: Each ends badly, in its own way.
BAD = """
@job(cadence=Every(seconds=2))
def breaks(occurrence, **_):
    raise ValueError("no use")


@job(cadence=Every(seconds=2))
def leaves(occurrence, **_):
    sys.exit(3)


@job(cadence=Every(seconds=2), time_limit=timedelta(seconds=1))
def dawdles(occurrence, **_):
    time.sleep(60)
"""

#: Holds the database's one pen, where there is one.
WRITES = """
@job(cadence=Every(seconds=5))
def writes(occurrence, **_):
    from django.db import transaction
    from thor.markets.models import Market
    with transaction.atomic():
        Market.objects.filter(key="usa").update(active=True)
        time.sleep(4)
    note(occurrence, "wrote")
"""

#: Written for the protocol of old: an object that keeps its own time.
FOREIGN = """
from thor.jobs.protocol import JobRegistry


class Old:
    name = "old_job"
    interval_seconds = 2

    def should_run(self, now, state):
        if now - state.get(self.name, 0) < self.interval_seconds:
            return False
        state[self.name] = now
        return True

    def run(self, context):
        context.shared_state["runs"] = context.shared_state.get("runs", 0) + 1
        with (HERE / "notes").open("a") as file:
            file.write(f"old {context.shared_state['runs']}\\n")
        return "as ever"


JobRegistry().register(Old())
"""

OTHERS = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
interval, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
for name in ("one", "two"):
    PeriodicTask.objects.create(name=name, task="celery.ping", interval=interval)
"""


@contextmanager
def standing(tmp_path: Path, *jobs: str, **variables: str) -> Iterator[House]:
    """Give a house that has these jobs of its user's own, and no other."""
    source = JOBS.format(here=str(tmp_path)) + "\n".join(jobs)
    (tmp_path / "own_jobs.py").write_text(source)
    groups = {"registered" if "JobRegistry()" in one else "own_jobs" for one in jobs}
    own = {"PYTHONPATH": str(tmp_path), "THOR_IMPORTS": "own_jobs", "THOR_JOBS": ",".join(sorted(groups))}
    with built(**own, **variables) as house:
        yield house.prepare()


def heartbeat(house: House, *options: str, name: str = "heartbeat") -> None:
    house.start(name, sys.executable, "manage.py", "run_heartbeat", *options)


def leads(house: House, name: str = "heartbeat") -> None:
    house.wait_for(lambda: "Registered" in house.log(name), "the heartbeat to lead")


def notes(tmp_path: Path, word: str) -> list[str]:
    """Return the instants, or whatever follows, of the notes that begin with a word."""
    path = tmp_path / "notes"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.split(" ", 1)[1] for line in lines if line.split(" ", 1)[0] == word]


def succeeded(house: House, name: str) -> int:
    return house.count(f"SELECT count(*) FROM jobs_run WHERE name = '{name}' AND state = 'succeeded'")


def states(house: House, name: str) -> Counter[str]:
    return Counter(state for (state,) in house.rows(f"SELECT state FROM jobs_run WHERE name = '{name}'"))


def term(house: House) -> int:
    return house.count("SELECT term FROM leadership_leader WHERE id = 1")


def ended(house: House, name: str = "heartbeat", seconds: float = HANGS) -> int:
    """Wait until a process has ended by itself; return its status."""
    return house.processes.pop(name).wait(timeout=seconds)


def after_it_beat_leads_at_once(house: House) -> None:
    before = term(house)
    house.beat("successor")
    house.wait_for(lambda: term(house) == before + 1, "a beat to lead")
    assert house.kill("successor", signal.SIGTERM) == 0


def seconds_without_a_row(house: House, name: str) -> int:
    """Count the seconds between the first and the last run that no row of the ledger speaks of."""
    spans = house.python(
        "from thor.jobs.models import Run\n"
        "answer = [(run.nominal_at.timestamp(), (run.last_at or run.nominal_at).timestamp(), run.count)"
        f" for run in Run.objects.filter(name={name!r}).order_by('nominal_at')]"
    )
    first, last = spans[0][0], max(span[1] for span in spans)
    return round(last - first) + 1 - sum(span[2] for span in spans)
