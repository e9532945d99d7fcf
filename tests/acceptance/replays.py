"""Recordings through a house of real processes: beat, worker and feed, from before the data until after them."""

import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.acceptance.house import FAILED, House, built

#: What runs on venues. Captures are left out: they would wait for the feeds of venues that are not replayed.
JOBS = "intraday,closed_bars_flush,vwap_minute,rolling_24h,week52_extremes"

#: What is read of each table once the processes have ended.
COLUMNS = {
    "Bar": ("instrument__symbol", "start_at", "open", "high", "low", "close", "volume", "trades", "source"),
    "Extreme": ("instrument__symbol", "as_of", "high_52w", "high_52w_date", "low_52w", "low_52w_date"),
    "FeedIncident": ("symbol", "kind", "count"),
}

READ = """
from thor.marketdata import models
answer = {}
for name, columns in %r.items():
    rows = getattr(models, name).objects.values_list(*columns)
    answer[name] = [[None if value is None else str(value) for value in row] for row in rows]
"""

RANGED = """
SELECT count(*) FROM marketdata_extreme JOIN marketdata_instrument ON id = instrument_id
WHERE symbol = '{}' AND as_of >= '{}'
"""


@dataclass(frozen=True, slots=True)
class Replay:
    """What is replayed: the recordings of some venues, from `start` until `end`, so many times as fast as the wall."""

    start: datetime
    end: datetime
    speed: int
    venues: tuple[str, ...]
    files: Sequence[Path]

    def variables(self) -> dict[str, str]:
        """Return the environment of the processes."""
        return {
            "THOR_CLOCK": "replay",
            "THOR_REPLAY_START": self.start.isoformat(),
            "THOR_REPLAY_SPEED": str(self.speed),
            "THOR_FEED": ",".join(f"{venue}=replay" for venue in self.venues),
            "THOR_REPLAY_FILES": ",".join(map(str, self.files)),
        }


@dataclass(frozen=True, slots=True)
class Left:
    """What the processes of a replay have left in the database."""

    tables: dict[str, list[list[Any]]]
    #: Runs that failed or were lost.
    failures: int
    #: Instants for which a run of intraday was decided, by venue.
    folds: dict[str, list[datetime]]

    def bars(self, symbol: str) -> dict[datetime, tuple[Any, ...]]:
        """Return the stored bars of a symbol as `recorded.bars` does."""
        return {
            datetime.fromisoformat(row[1]): (*map(Decimal, row[2:7]), int(row[7]))
            for row in self.tables["Bar"]
            if row[0] == symbol
        }

    def rows(self, table: str, *key: str) -> list[list[Any]]:
        """Return what rows of a table say behind these first columns."""
        return [row[len(key) :] for row in self.tables[table] if row[: len(key)] == list(key)]


@contextmanager
def prepared(replay: Replay, *commands: Sequence[str], settings: str = "") -> Iterator[House]:
    """Give a house in which the replay is about to begin: `commands` of manage.py were run, `settings` entered."""
    _need(replay.files)
    # Until it begins, time stands nearly still shortly before it: entries exist from their first synchronisation on.
    slow = {"THOR_REPLAY_START": (replay.start - timedelta(minutes=10)).isoformat(), "THOR_REPLAY_SPEED": "1"}
    with built(**{**replay.variables(), **slow, "THOR_JOBS": JOBS}) as house:
        done = house.manage("migrate")
        assert done.returncode == 0, done.stderr
        # In one process, since each takes seconds to start.
        calls = [f"call_command(*{command!r})" for command in commands]
        script = ["from django.core.management import call_command", *calls, settings, "call_command('sync_jobs')"]
        house.python("\n".join(script))
        _valkey(house).delete("thor:replay")
        house.variables.update(replay.variables())
        yield house


def replayed(house: House, replay: Replay, *, ranged: tuple[str, date] | None = None) -> Left:
    """Run beat, worker and feed until the replay is over and its runs have ended; return what they have left.

    `ranged` is a symbol and the session date that its range of 52 weeks has to have reached: on a slow machine a whole
    session of data may go by between two passes, and the next one makes up for it.
    """
    for start in (house.beat, house.worker, house.feed):
        start()
    for venue in replay.venues:
        house.wait_for(lambda v=venue: _published(house, v) >= replay.end, f"the end of {venue}", 480)
    if ranged:
        house.wait_for(lambda: house.count(RANGED.format(*ranged)) == 1, f"the range of {ranged[0]}")
    _settle(house, replay.venues)
    for name in ("beat", "worker", "feed"):
        house.kill(name, signal.SIGTERM)
    return _left(house)


def _settle(house: House, venues: Iterable[str]) -> None:
    """Wait until runs that were decided after everything was published have ended, and all before them."""
    newest = "SELECT max(nominal_at) FROM jobs_run"
    published = house.rows(newest)[0][0]
    for venue in venues:
        flushed = (
            "SELECT count(*) FROM jobs_run WHERE name LIKE 'closed_bars_flush%' AND state = 'succeeded' "
            f"AND market = '{venue}' AND nominal_at > '{published}'"
        )
        house.wait_for(lambda query=flushed: house.count(query) > 0, f"the last bars of {venue}")
    # While the scheduler lives, since what does not fit into a queue waits for its next look.
    live = f"nominal_at <= '{house.rows(newest)[0][0]}' AND state IN ('due', 'started')"
    house.wait_for(lambda: house.count(f"SELECT count(*) FROM jobs_run WHERE {live}") == 0, "the last runs")


def _left(house: House) -> Left:
    folds: dict[str, list[datetime]] = {}
    for market, at in house.rows("SELECT market, nominal_at FROM jobs_run WHERE name LIKE 'intraday%'"):
        folds.setdefault(market, []).append(datetime.fromisoformat(f"{at}+00:00") if isinstance(at, str) else at)
    failures = house.count(FAILED)
    return Left(house.python(READ % COLUMNS), failures, folds)


def _need(files: Iterable[Path]) -> None:
    for file in files:
        if not file.is_file():
            pytest.skip(f"the recording {file.name} is not at {file}")


def _published(house: House, venue: str) -> datetime:
    """Return the data time up to which everything of a venue is in its stream."""
    said = _valkey(house).hget(f"thor:feed:{venue}", "watermark")
    return datetime.fromtimestamp(int(said or 0) / 1e9, tz=UTC)


def _valkey(house: House) -> "redis.Redis":
    (socket,) = house.folder.glob("*.sock")
    return redis.Redis(unix_socket_path=str(socket))
