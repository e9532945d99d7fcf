"""A recorded day through everything, with workers that die: what it leaves is what the recordings say, row for row."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import market_day, recorded
from tests.acceptance.house import FAILED, House, built
from tests.acceptance.market_day import MARKETS, SYMBOLS, utc
from tests.acceptance.recorded import Tape

pytestmark = [pytest.mark.database, pytest.mark.recordings]

#: From before the E-mini opens on Sunday, with hours (of which fifteen pass in a minute) for the processes to start in,
#: until after the last trade of the day.
START, END = utc(18, day=6), utc(0, 20, day=8)
SPEED = 900
KILLS = 10

#: What a capture must say as the independent computation does.
PLAIN = ("signal", "outcome", "touched")
DECIMALS = (
    *("last_price", "previous_close", "net_change", "bid", "ask", "volume", "entry", "target_high", "target_low"),
    *("touched_price", "session_open", "session_high", "session_low", "session_close", "session_range"),
    *("session_volume", "high_pct_open", "low_pct_open", "high_pct_close", "low_pct_close", "close_vs_open_pct"),
    "range_pct",
)
ROLLING = (
    *("previous_close", "open", "high", "low", "last", "change", "change_percent", "range", "range_percent"),
    "volume",
)

SETTINGS = """
from decimal import Decimal
from thor.marketdata.models import Instrument, Target
from thor.markets.models import Market
Market.objects.update(capture_futures=True)
Instrument.objects.exclude(symbol__in={symbols}).update(captured=False)
for symbol, (strong, plain) in {thresholds}.items():
    Instrument.objects.filter(symbol=symbol).update(captured=True, strong_threshold=strong, threshold=plain)
for symbol, percent in {percent}.items():
    instrument = Instrument.objects.get(symbol=symbol)
    Target.objects.create(instrument=instrument, mode="percent", high=percent, low=percent)
Target.objects.filter(instrument__symbol="ES").update(mode="points", high={points!r}, low={points!r})
"""

#: The clock of a replay begins with the first process that asks for it, and those so far have only prepared.
BEGIN = """
from thor.connections import redis_client
from thor.leadership.clock import forget_replay
forget_replay(redis_client())
"""


@pytest.fixture(scope="module")
def lean(recordings: Path) -> Path:
    """Return the folder of recordings."""
    return recordings / "lean" / "Data"


@pytest.fixture(scope="module")
def tape(lean: Path) -> Tape:
    """Return every tick of the day."""
    for file in market_day.files(lean):
        if not file.is_file():
            pytest.skip(f"the recording {file.name} is not at {file}")
    return market_day.read_tape(lean)


@contextmanager
def replaying(lean: Path, tmp_path: Path, start: datetime, speed: int) -> Iterator[House]:
    """Give a house in which the day is about to begin, with Friday's closes, thresholds and targets entered."""
    variables = {
        "THOR_CLOCK": "replay",
        "THOR_REPLAY_START": start.isoformat(),
        "THOR_REPLAY_SPEED": str(speed),
        "THOR_FEED": "us_equities=replay,globex=replay",
        "THOR_REPLAY_FILES": ",".join(str(file) for file in market_day.files(lean)),
    }
    future = tmp_path / "es.csv"
    close = market_day.ES_CLOSE
    future.write_text(f"symbol,date,open,high,low,close,volume\nES,2013-10-04,{close},{close},{close},{close},1\n")
    with built(**variables) as house:
        house.prepare()
        for files in ([str(file) for file in market_day.daily_files(lean)], [str(future)]):
            done = house.manage("import_daily", *files)
            assert done.returncode == 0, done.stderr
        percent, points = market_day.PERCENT, str(market_day.ES_POINTS)
        values = {"symbols": SYMBOLS, "thresholds": market_day.THRESHOLDS, "percent": percent, "points": points}
        house.python(SETTINGS.format(**values))
        house.python(BEGIN)
        yield house


def start_all(house: House) -> None:
    """Start scheduler, worker and feed together."""
    house.beat()
    house.worker()
    house.feed()


def run_until(house: House, end: datetime, seconds: float) -> None:
    """Wait until everything due before `end` has ended, and end the scheduler and the worker."""
    over = f"SELECT count(*) FROM jobs_run WHERE nominal_at > '{end:%Y-%m-%d %H:%M:%S}'"
    house.wait_for(lambda: house.count(over) > 0, "the end of the day", seconds)
    house.kill("beat", signal.SIGTERM)
    waiting = "SELECT name, nominal_at, state, reason FROM jobs_run WHERE state IN ('due', 'started')"
    house.wait_for(lambda: not house.rows(waiting), lambda: f"the last runs: {house.rows(waiting)}")
    house.kill("worker", signal.SIGTERM)


def decimals(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Decimal | None]:
    """Return figures as numbers, whatever places they were written with."""
    return {name: None if row.get(name) is None else Decimal(row[name]).normalize() for name in names}


def stored(
    house: House, model: str, names: tuple[str, ...], symbol: str = "instrument__symbol"
) -> list[dict[str, Any]]:
    """Return rows of a model as dictionaries of text."""
    return house.python(
        f"from thor.marketdata.models import {model}\n"
        f"rows = {model}.objects.values({symbol!r}, *{names!r})\n"
        "answer = [{key: None if value is None else str(value) for key, value in row.items()} for row in rows]"
    )  # type: ignore[no-any-return]


def assert_bars(house: House, tape: Tape, until: datetime) -> None:
    """Compare every bar that starts before `until` with the tape's, field by field."""
    names = ("start_at", "open", "high", "low", "close", "volume", "trades")
    rows = stored(house, "Bar", names)
    for symbol in tape:
        found = {
            datetime.fromisoformat(row["start_at"]): (*(Decimal(row[name]) for name in names[1:6]), int(row["trades"]))
            for row in rows
            if row["instrument__symbol"] == symbol
        }
        expected = {minute: bar for minute, bar in recorded.bars(tape, symbol).items() if minute < until}
        assert len(expected) > 300
        assert {minute: bar for minute, bar in found.items() if minute < until} == expected, symbol


def assert_samples(house: House, tape: Tape) -> None:
    rows = stored(house, "VwapSample", ("minute_at", "last_price", "cumulative_volume"))
    for symbol in SYMBOLS:
        found = {
            datetime.fromisoformat(row["minute_at"]): (Decimal(row["last_price"]), Decimal(row["cumulative_volume"]))
            for row in rows
            if row["instrument__symbol"] == symbol
        }
        assert len(found) > 300
        assert found == market_day.samples(tape, symbol, found), symbol


def assert_captures(house: House, tape: Tape, lean: Path, markets: set[str]) -> None:
    names = (*PLAIN, *DECIMALS, "touched_at", "session__market", "session__session_date", "session__late", "weight")
    every = stored(house, "Capture", names, "symbol")
    # Tokyo opens again before the replay ends.
    mine = [row for row in every if row["session__session_date"] == market_day.DAY.isoformat()]
    rows = {(row["session__market"], row["symbol"]): row for row in mine if row["session__market"] in markets}
    expected = {key: row for key, row in market_day.captures(tape, lean).items() if key[0] in markets}
    assert set(rows) == set(expected)
    for key, wanted in expected.items():
        row = rows[key]
        assert row["session__late"] == "False", key
        if key[1] == "TOTAL":
            assert (row["signal"], int(row["weight"]), row["outcome"]) == tuple(
                wanted[name] for name in ("signal", "weight", "outcome")
            ), key
            continue
        assert {name: row[name] for name in PLAIN} == {name: wanted[name] for name in PLAIN}, key
        assert decimals(row, DECIMALS) == decimals(wanted, DECIMALS), key
        touched = None if row["touched_at"] is None else datetime.fromisoformat(row["touched_at"])
        assert touched == wanted["touched_at"], key


def assert_days(house: House, tape: Tape, lean: Path) -> None:
    days = stored(house, "TwentyFourHour", (*ROLLING, "finalized", "session_date"))
    rows = {row["instrument__symbol"]: row for row in days if row["session_date"] == "2013-10-07"}
    for symbol, wanted in market_day.rolling(tape, lean).items():
        assert rows[symbol]["finalized"] == "True", symbol
        assert decimals(rows[symbol], ROLLING) == decimals(wanted, ROLLING), symbol


def assert_extremes(house: House, tape: Tape, lean: Path) -> None:
    names = ("as_of", "high_52w", "high_52w_date", "low_52w", "low_52w_date")
    rows = {row["instrument__symbol"]: row for row in stored(house, "Extreme", names)}
    for symbol, wanted in market_day.extremes(tape, lean).items():
        row = rows[symbol]
        assert row["as_of"] == "2013-10-07"
        assert decimals(row, ("high_52w", "low_52w")) == decimals(wanted, ("high_52w", "low_52w")), symbol
        for name in ("high_52w_date", "low_52w_date"):
            assert date.fromisoformat(row[name]) == wanted[name], symbol


def assert_known_answers(house: House) -> None:
    """Ask as a person would for what is known of the day: the price of SPY weighted over its regular hours."""
    said = house.python(
        "from datetime import datetime\n"
        "from thor.marketdata.selectors import session_vwap\n"
        "hours = [datetime.fromisoformat(text) for text in ('2013-10-07T13:30+00:00', '2013-10-07T20:00+00:00')]\n"
        "answer = session_vwap('SPY', *hours)"
    )
    assert said == "167.9302"


@pytest.mark.once  # on PostgreSQL it is the day with the kills
@pytest.mark.timeout(1200)
def test_a_replayed_day_leaves_what_the_recordings_say(tape: Tape, lean: Path, tmp_path: Path) -> None:
    with replaying(lean, tmp_path, START, SPEED) as house:
        start_all(house)
        run_until(house, END, 400)

        seen = market_day.since(tape, START)
        assert_bars(house, seen, END)
        assert_samples(house, seen)
        assert_captures(house, seen, lean, set(MARKETS))
        assert_days(house, seen, lean)
        assert_extremes(house, seen, lean)
        assert_known_answers(house)
        assert house.count(FAILED) == 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_kills_of_the_worker_change_no_row(tape: Tape, lean: Path, tmp_path: Path) -> None:
    seed = int(os.environ.get("KILLS_SEED", random.SystemRandom().randrange(10_000)))
    print(f"KILLS_SEED={seed} runs it again")  # noqa: T201
    chance = random.Random(seed)
    start, speed = utc(12), 150

    with replaying(lean, tmp_path, start, speed) as house:
        start_all(house)
        for _ in range(KILLS):
            time.sleep(chance.uniform(4, 16))
            os.killpg(house.processes["worker"].pid, signal.SIGKILL)
            house.processes.pop("worker").wait(timeout=60)
            house.worker()
        run_until(house, utc(20, 30), 400)

        seen = market_day.since(tape, start)
        assert_bars(house, seen, utc(20, 15))
        assert_samples(house, seen)
        assert_captures(house, seen, lean, {"pre_usa", "usa", "canada", "mexico"})
