"""An hour of a replay, through real processes: each driver's ledger speaks of every slot of the plan, and of each once.

In a replay an entry fires at most once a tick, so the rows of two drivers differ; what they stand for does not.
"""

import json
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import redis

from tests.acceptance.house import House, built

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(1800)]

DAY = date(2026, 11, 20)
#: The hour holds the open of New York. The replay begins well before it: what a scheduler makes good at its begin, and
#: the minutes in which processes start, are not of the hour.
BEGINS, START, END = (datetime(2026, 11, 20, *at, tzinfo=UTC) for at in ((13, 30), (14, 20), (15, 20)))
SPEED = 60
REPLAY = {"THOR_CLOCK": "replay", "THOR_REPLAY_START": BEGINS.isoformat(), "THOR_REPLAY_SPEED": str(SPEED)}
#: Until it begins, time stands nearly still before it: entries exist from their first synchronisation on.
BEFORE = {"THOR_REPLAY_START": (BEGINS - timedelta(minutes=10)).isoformat(), "THOR_REPLAY_SPEED": "1"}


def beat_with_a_worker(house: House) -> tuple[str, ...]:
    house.beat()
    house.worker()
    return "beat", "worker"


def run_heartbeat(house: House) -> tuple[str, ...]:
    house.start("heartbeat", sys.executable, "manage.py", "run_heartbeat")
    return ("heartbeat",)


def run_supervisor(house: House) -> tuple[str, ...]:
    house.variables["THOR_SCHEDULER_MODE"] = "legacy"
    house.start("stack", sys.executable, "manage.py", "run_supervisor")
    return ("stack",)


@pytest.fixture
def house() -> Iterator[House]:
    with built(**{**REPLAY, **BEFORE}) as made:
        made.prepare()
        (socket,) = made.folder.glob("*.sock")
        redis.Redis(unix_socket_path=str(socket)).delete("thor:replay")
        made.variables.update(REPLAY)
        yield made


@pytest.mark.parametrize("driver", [beat_with_a_worker, run_heartbeat, run_supervisor])
def test_each_slot_of_an_hour_is_in_the_ledger_once(house: House, driver: Callable[[House], tuple[str, ...]]) -> None:
    house.feed()
    started = driver(house)

    over = f"SELECT count(*) FROM jobs_run WHERE nominal_at > '{END + timedelta(seconds=90):%Y-%m-%d %H:%M:%S}'"
    house.wait_for(lambda: house.count(over) > 0, "the end of the hour", 600)
    for name in (*started, "feed"):
        house.kill(name, signal.SIGTERM)

    planned = slots(house)
    spoken_of = Counter(slot for slot in covered(house, planned) if START <= slot[1] < END)
    wanted = {(name, at) for name, instants in planned.items() for at in instants if START <= at < END}
    assert len(wanted) > 25_000
    assert {name for name, _ in wanted} >= {"market_open_capture @ usa", "preopen_backtest @ usa", "intraday @ globex"}
    assert wanted - spoken_of.keys() == set()
    assert {slot: number for slot, number in spoken_of.items() if number > 1} == {}
    assert spoken_of.keys() - wanted == set()


def slots(house: House) -> dict[str, list[datetime]]:
    """Return the instants of each entry on the day, as the plan tells them."""
    done = house.manage("plan", "--date", DAY.isoformat(), "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, list[datetime]] = {}
    for one in json.loads(done.stdout)["series"]:
        first, period = datetime.fromisoformat(one["first_at"]), timedelta(seconds=one["period"] or 0)
        found.setdefault(one["entry"], []).extend(first + number * period for number in range(one["count"]))
    return found


def covered(house: House, planned: dict[str, list[datetime]]) -> Iterator[tuple[str, datetime]]:
    """Yield each slot that a row of the ledger stands for."""
    columns = "name, nominal_at, folded_from, last_at, count FROM jobs_run WHERE origin = ''"
    for name, *times, count in house.rows(f"SELECT {columns}"):
        nominal_at, folded_from, last_at = map(_instant, times)
        assert nominal_at is not None
        first, last = folded_from or nominal_at, last_at or nominal_at
        if last < START or first >= END:
            continue
        meant = [at for at in planned.get(name, []) if first <= at <= last]
        assert len(meant) == count, (name, first, last, count)
        yield from ((name, at) for at in meant)


def _instant(value: datetime | str | None) -> datetime | None:
    if isinstance(value, str):
        return datetime.fromisoformat(f"{value}+00:00")
    return value
