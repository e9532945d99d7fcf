"""A recorded day through everything: feed, Valkey, beat, worker, database; then compared with the file itself."""

import csv
import io
import signal
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.house import House, built

pytestmark = [pytest.mark.database, pytest.mark.recordings, pytest.mark.slow]

#: From a minute before the first trade at 04:00 in New York (UTC-4) until after the last one at 20:00.
START, END = datetime(2013, 10, 7, 7, 59, tzinfo=UTC), datetime(2013, 10, 8, 0, 10, tzinfo=UTC)
SPEED = 1500
SYMBOLS = ("SPY", "IBM")

Figures = tuple[Any, ...]


def path_of(recordings: Path, symbol: str) -> Path:
    return recordings / f"lean/Data/equity/usa/tick/{symbol.lower()}/20131007_trade.zip"


@pytest.fixture
def replaying(recordings: Path) -> Iterator[House]:
    """Return a house in which the seventh of October 2013 is about to begin."""
    files = [path_of(recordings, symbol) for symbol in SYMBOLS]
    for file in files:
        if not file.is_file():
            pytest.skip(f"the recording {file.name} is not at {file}")
    variables = {
        "THOR_CLOCK": "replay",
        "THOR_REPLAY_START": START.isoformat(),
        "THOR_REPLAY_SPEED": str(SPEED),
        "THOR_FEED": "us_equities=replay",
        "THOR_REPLAY_FILES": ",".join(str(file) for file in files),
    }
    with built(**variables) as house:
        yield house


def trades(path: Path) -> Iterator[tuple[datetime, Decimal, Decimal]]:
    """Read (time, price, size) of every trade: milliseconds since midnight in New York, prices in deci-cents."""
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    midnight = datetime(2013, 10, 7, 4, tzinfo=UTC)
    for row in csv.reader(io.StringIO(text)):
        yield midnight + timedelta(milliseconds=int(row[0])), Decimal(row[1]) / 10_000, Decimal(row[2])


def expected_bars(path: Path) -> dict[datetime, Figures]:
    """Fold the file by minutes: open, high, low, close, volume, number of trades."""
    minutes: dict[datetime, list[tuple[Decimal, Decimal]]] = defaultdict(list)
    for at, price, size in trades(path):
        minutes[at.replace(second=0, microsecond=0)].append((price, size))
    bars = {}
    for minute, found in minutes.items():
        prices = [price for price, _ in found]
        volume = sum((size for _, size in found), Decimal(0))
        bars[minute] = (prices[0], max(prices), min(prices), prices[-1], volume, len(found))
    return bars


def stored_bars(house: House, symbol: str) -> dict[datetime, Figures]:
    rows = house.python(
        "from thor.marketdata.models import Bar\n"
        "figures = lambda bar: [str(getattr(bar, name)) for name in ('open', 'high', 'low', 'close', 'volume')]\n"
        "answer = [[bar.start_at.isoformat(), *figures(bar), bar.trades]"
        f" for bar in Bar.objects.filter(instrument__symbol={symbol!r})]"
    )
    return {datetime.fromisoformat(row[0]): (*(Decimal(cell) for cell in row[1:6]), row[6]) for row in rows}


def stored_samples(house: House, symbol: str) -> dict[datetime, Figures]:
    rows = house.python(
        "from thor.marketdata.models import VwapSample\n"
        "answer = [[s.minute_at.isoformat(), str(s.last_price), str(s.cumulative_volume)]"
        f" for s in VwapSample.objects.filter(instrument__symbol={symbol!r})]"
    )
    return {datetime.fromisoformat(row[0]): (Decimal(row[1]), Decimal(row[2])) for row in rows}


def expected_samples(path: Path, minutes: list[datetime]) -> dict[datetime, Figures]:
    """Return the last price and the volume of the UTC day so far, before each minute."""
    found, samples, volume, price = list(trades(path)), {}, Decimal(0), None
    position = 0
    for minute in sorted(minutes):
        while position < len(found) and found[position][0] < minute:
            volume, price = volume + found[position][2], found[position][1]
            position += 1
        samples[minute] = (price, volume)
    return samples


def test_a_replayed_day_gives_the_bars_and_samples_of_the_recording(replaying: House, recordings: Path) -> None:
    house = replaying.prepare()
    house.worker()
    house.feed()
    house.wait_for(lambda: "REPLAY" in house.log("feed"), "the feed to open its files")
    house.beat()

    last_minute = max(at for at, _, _ in trades(path_of(recordings, "SPY"))).replace(second=0, microsecond=0)
    newest = "SELECT max(start_at) FROM marketdata_bar"
    house.wait_for(lambda: str(house.rows(newest)[0][0])[:16] == f"{last_minute:%Y-%m-%d %H:%M}", "the last bar", 150)
    house.wait_for(
        lambda: (
            house.count("SELECT count(*) FROM jobs_run WHERE task = 'closed_bars_flush' AND state = 'due'") == 0
            and house.count(f"SELECT count(*) FROM jobs_run WHERE nominal_at > '{END:%Y-%m-%d %H:%M:%S}'") > 0
        ),
        "the end of the day",
        90,
    )
    house.kill("beat", signal.SIGTERM)
    house.kill("worker", signal.SIGTERM)

    for symbol in SYMBOLS:
        expected = expected_bars(path_of(recordings, symbol))
        assert len(expected) > 400
        assert stored_bars(house, symbol) == expected
        samples = stored_samples(house, symbol)
        assert len(samples) > 400
        assert samples == expected_samples(path_of(recordings, symbol), list(samples))
    assert house.count("SELECT count(*) FROM jobs_run WHERE state IN ('failed', 'lost')") == 0


def test_a_folded_run_says_how_many_slots_it_stands_for(replaying: House) -> None:
    house = replaying.prepare()
    house.worker()
    house.feed()
    house.beat()

    folded = (
        "SELECT count(*) FROM jobs_run WHERE name = 'intraday @ us_equities' AND count > 100 AND state = 'succeeded'"
    )
    house.wait_for(lambda: house.count(folded) >= 3, "folded runs")


@pytest.mark.parametrize("content", [None, b"no zip at all", b""], ids=["absent", "no zip", "empty"])
def test_a_replay_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "20131007_trade.zip"
    if content is not None:
        file.write_bytes(content)
    with built(THOR_FEED="us_equities=replay", THOR_REPLAY_FILES=str(file)) as house:
        done = house.prepare().manage("run_feed")

        assert done.returncode == 2
        assert str(file) in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
