"""The three schedulers behind one set of verbs: prepare, fill with entries, start, find the leader.

Every subject gets the same entries: the same number, period and phases, the same task, one argument. A period that is
"due first at T" begins there for each of them, in its own way: Thor by `start_time`, the others by `last_run_at`.
"""

import json
import math
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import redis

from benchmarks.processes import BIN, Beat, environment, run
from benchmarks.reader import Reader
from benchmarks.servers import Servers
from benchmarks.work import NAME

ROWS = """
INSERT INTO django_celery_beat_periodictask
    (name, task, args, kwargs, headers, description, one_off, enabled, total_run_count, date_changed, interval_id,
     start_time, last_run_at)
SELECT 'entry ' || k, %(task)s, '[' || k || ']', '{}', '{}', '', false, %(enabled)s, 0, now(), %(interval)s,
       to_timestamp(%(start)s + (k %% %(phases)s) * %(apart)s), to_timestamp(%(last)s + (k %% %(phases)s) * %(apart)s)
  FROM generate_series(0, %(number)s - 1) AS k
"""
INTERVAL = "INSERT INTO django_celery_beat_intervalschedule (every, period) VALUES (%s, %s) RETURNING id"
CHANGED = """
INSERT INTO django_celery_beat_periodictasks (ident, last_update) VALUES (1, now())
ON CONFLICT (ident) DO UPDATE SET last_update = now()
"""


@dataclass(frozen=True, slots=True)
class Entries:
    """What to schedule: `number` entries of one `period` (seconds), in `phases` phases that are `apart` seconds apart.

    `first_at` is when the first phase is due first; without it the schedulers begin as they do with new entries.
    """

    number: int
    period: float = 1
    phases: int = 1
    apart: float = 0.0
    first_at: float | None = None
    enabled: bool = True

    @property
    def first(self) -> float | None:
        """Return when the first phase is due first; phases need a common beginning."""
        if self.first_at is None and self.phases > 1:
            return float(math.floor(time.time()) + 4)
        return self.first_at

    @property
    def interval(self) -> tuple[int, str]:
        """Return the period as a row of intervals has it: a whole number of a unit."""
        if float(self.period).is_integer():
            return int(self.period), "seconds"
        return round(self.period * 1_000_000), "microseconds"

    @property
    def rate(self) -> float:
        """Return the fires that are owed each second."""
        return self.number / self.period


class Subject:
    """One scheduler on a database and a broker of its own."""

    key = ""
    title = ""
    #: What its options were set to, for the report.
    options = ""

    def __init__(self, servers: Servers) -> None:
        """Use these servers."""
        self.servers = servers
        self.folder = servers.folder / self.key
        self.folder.mkdir()
        self._number = 0
        self.database_url = ""

    def prepare(self) -> None:
        """Make, once, what each measurement starts from."""

    @contextmanager
    def fresh(self) -> Iterator["Subject"]:
        """Give a measurement an empty schedule and an empty broker."""
        self._number += 1
        self.servers.empty_broker()
        yield self
        self.servers.empty_broker()

    def fill(self, entries: Entries) -> None:
        """Write the entries into the schedule."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Return the command line of its beat."""
        raise NotImplementedError

    def environment(self, **own: str) -> dict[str, str]:
        """Return the environment of its processes."""
        raise NotImplementedError

    def beat(self, **own: str) -> Beat:
        """Start a scheduler."""
        return Beat(self.command(), self.environment(**own), self.folder / "beat.log")

    def last_words(self) -> str:
        """Return the end of what its beats said."""
        log = self.folder / "beat.log"
        return log.read_text(errors="replace")[-1500:] if log.exists() else ""

    def reader(self) -> Reader:
        """Return a reader of its dispatches."""
        return Reader(self.servers.broker_url)

    def leader(self, beats: list[Beat]) -> Beat:
        """Return which of several leads: unless it can be asked, the one that has run longest."""
        return min((beat for beat in beats if beat.is_running), key=lambda beat: beat.started_at)

    def editor(self) -> list[str]:
        """Return the command line of the process that edits its schedule."""
        return [sys.executable, "-m", "benchmarks.editor", self.key]


class _InDatabase(Subject):
    """A scheduler whose schedule is the tables of django-celery-beat."""

    def prepare(self) -> None:
        """Make a migrated database to copy for each measurement."""
        self.database_url = self.servers.create_database(f"{self.key}_template")
        run(self.migration(), self.environment())

    def migration(self) -> list[str]:
        """Return the command line that makes the tables."""
        return [sys.executable, "-m", "django", "migrate"]

    @contextmanager
    def fresh(self) -> Iterator[Subject]:
        """Copy the database, and drop the copy at the end."""
        with super().fresh():
            name = f"{self.key}_{self._number}"
            self.database_url = self.servers.create_database(name, f"{self.key}_template")
            try:
                yield self
            finally:
                self.servers.drop_database(name)

    def fill(self, entries: Entries) -> None:
        """Insert the rows, all in one statement."""
        start, last = self.begins(entries)
        with psycopg.connect(self.database_url) as connection:
            (interval,) = connection.execute(INTERVAL, entries.interval).fetchone()
            values = {"task": NAME, "interval": interval, "start": start, "last": last, "enabled": entries.enabled}
            shape = {"number": entries.number, "phases": entries.phases, "apart": entries.apart}
            connection.execute(ROWS, {**values, **shape})
            connection.execute(CHANGED)
            connection.execute("COMMIT")
            connection.autocommit = True
            connection.execute("ANALYZE django_celery_beat_periodictask")

    def begins(self, entries: Entries) -> tuple[float | None, float | None]:
        """Return `start_time` and `last_run_at` of the first phase, where either is set."""
        raise NotImplementedError


class Thor(_InDatabase):
    """Thor's scheduler, as `celery -A thor beat` starts it; no jobs of its own are declared."""

    key = "thor"
    title = "Thor"
    options = "as it comes"

    def migration(self) -> list[str]:
        """Return the command line that makes the tables."""
        return [sys.executable, "manage.py", "migrate"]

    def prepare(self) -> None:
        """Make the database; let one beat build the calendars once, as an installation does at its first start."""
        super().prepare()
        beat = self.beat()
        beat.settle(60)
        beat.end(signal.SIGTERM)

    def begins(self, entries: Entries) -> tuple[float | None, float | None]:
        """Begin at the start time: the grid of an interval is anchored there."""
        return entries.first, None

    def command(self) -> list[str]:
        """Return the command line of its beat."""
        return [str(BIN / "celery"), "-A", "thor", "beat", "-l", "warning"]

    def environment(self, **own: str) -> dict[str, str]:
        """Return the environment of its processes."""
        places = {"DATABASE_URL": self.database_url, "REDIS_URL": self.servers.broker_url}
        wanted = {"THOR_JOBS": "none", "THOR_IMPORTS": "benchmarks.work", "THOR_LOG_LEVEL": "warning"}
        settings = {"DJANGO_SETTINGS_MODULE": "thor.settings", "THOR_VAR_DIR": str(self.folder)}
        return environment(**places, **wanted, **settings, **own)

    def reader(self) -> Reader:
        """Return a reader that claims, as workers do."""
        return Reader(self.servers.broker_url, self.database_url)

    def leader(self, beats: list[Beat]) -> Beat:
        """Return the beat that holds the newest term."""
        (holder,) = self.ask("SELECT holder FROM leadership_leader")[0]
        pid = int(holder.split(":")[1])
        return next(beat for beat in beats if beat.pid == pid)

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query on its database."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(query, values).fetchall()


class DjangoCeleryBeat(_InDatabase):
    """django-celery-beat's `DatabaseScheduler`."""

    key = "dcb"
    title = "django-celery-beat"
    options = "loop interval 5 s, its default"

    def begins(self, entries: Entries) -> tuple[float | None, float | None]:
        """Begin by having run last one period before."""
        return None, None if entries.first is None else entries.first - entries.period

    def command(self) -> list[str]:
        """Return the command line of its beat."""
        scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
        return [str(BIN / "celery"), "-A", "benchmarks.peer", "beat", "-S", scheduler, "-l", "warning"]

    def environment(self, **own: str) -> dict[str, str]:
        """Return the environment of its processes."""
        places = {"BENCH_DATABASE_URL": self.database_url, "BENCH_BROKER_URL": self.servers.broker_url}
        return environment(**places, DJANGO_SETTINGS_MODULE="benchmarks.peer_settings", **own)


class RedBeat(Subject):
    """redbeat, whose schedule is in Redis."""

    key = "redbeat"
    title = "redbeat"
    options = "loop interval 5 s, lock 25 s (its defaults are 300 s and 1,500 s); when killed 1 s and 5 s"

    def fill(self, entries: Entries) -> None:
        """Write the keys that its entries are, a thousand at a time."""
        definition, score = _definition(entries), entries.first or time.time()
        with redis.Redis.from_url(self.servers.broker_url) as client:
            for begin in range(0, entries.number, 1000):
                with client.pipeline(transaction=False) as pipe:
                    for number in range(begin, min(begin + 1000, entries.number)):
                        at = score + (number % entries.phases) * entries.apart
                        _put(pipe, number, definition, at, _meta(entries, at))
                    pipe.execute()

    def command(self) -> list[str]:
        """Return the command line of its beat."""
        return [str(BIN / "celery"), "-A", "benchmarks.peer", "beat", "-S", "redbeat.RedBeatScheduler", "-l", "warning"]

    def environment(self, **own: str) -> dict[str, str]:
        """Return the environment of its processes."""
        return environment(BENCH_BROKER_URL=self.servers.broker_url, **own)


def _definition(entries: Entries) -> dict[str, Any]:
    schedule = {"__type__": "interval", "every": entries.period, "relative": False}
    return {"task": NAME, "kwargs": {}, "options": {}, "schedule": schedule, "enabled": entries.enabled}


def _meta(entries: Entries, at: float) -> str:
    if entries.first is None:
        return json.dumps({"last_run_at": None})
    last = datetime.fromtimestamp(at - entries.period, UTC)
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    parts = {name: getattr(last, name) for name in names}
    return json.dumps({"last_run_at": {"__type__": "datetime", **parts, "timezone": "UTC"}})


def _put(pipe: Any, number: int, definition: dict[str, Any], score: float, meta: str) -> None:
    key = f"redbeat:entry {number}"
    own = {"name": f"entry {number}", "args": [number], **definition}
    pipe.hset(key, mapping={"definition": json.dumps(own), "meta": meta})
    pipe.zadd("redbeat::schedule", {key: int(score)})


SUBJECTS: tuple[type[Subject], ...] = (Thor, DjangoCeleryBeat, RedBeat)
