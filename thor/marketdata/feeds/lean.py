"""Read recordings in the layout of QuantConnect's LEAN: `equity/usa/tick/spy/20131007_trade.zip`.

A zip holds CSV without a header, times in ms since midnight in the zone of the data; bars carry their start. US
equities are in New York time with prices in deci-cents (1/10,000), futures and coins in UTC and indices in the zone of
their exchange, all with plain prices. Quotes carry the sizes of their sides, a quote bar those at its close. A future's
zip holds one CSV an expiry: the most traded one of that day, which is the longest, stands for the root symbol. Trades
that the vendor flags, as suspicious or otherwise, are kept.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from thor.marketdata.events import emit
from thor.marketdata.feeds.port import FeedRefused
from thor.marketdata.feeds.recording import Recording, expand_quotes, expand_trades, local_times, recording
from thor.marketdata.symbols import canonical
from thor.marketdata.ticks import Floats

_NAME = re.compile(r"(\d{8})_(trade|quote)\.zip")
_PERIODS = {"second": 1_000_000_000, "minute": 60_000_000_000}


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a kind of recording trades, in which zone its times are, and what its prices are divided by."""

    venue: str
    zone: str
    divisor: float


_SOURCES = {
    ("equity", "usa"): _Source("us_equities", "America/New_York", 10_000.0),
    ("index", "usa"): _Source("us_equities", "America/Chicago", 1.0),
    # No venue in the box: to replay it, add one of this key with the calendar XTKS; tape_check needs none.
    ("index", "ose"): _Source("osaka", "Asia/Tokyo", 1.0),
    ("future", "cme"): _Source("globex", "UTC", 1.0),
    ("future", "comex"): _Source("globex", "UTC", 1.0),
    ("future", "cbot"): _Source("globex", "UTC", 1.0),
    ("future", "nymex"): _Source("globex", "UTC", 1.0),
    ("crypto", "coinbase"): _Source("crypto", "UTC", 1.0),
}


def read_zip(path: Path, aliases: dict[str, str]) -> Recording:
    """Return the recording of a zip; raise `FeedRefused` with the reason where it cannot be used."""
    found = _NAME.fullmatch(path.name)
    parts = path.absolute().parts
    source = _SOURCES.get((parts[-5], parts[-4])) if len(parts) >= 5 else None
    resolution = parts[-3] if len(parts) >= 3 else ""
    if not found or source is None or resolution not in ("tick", *_PERIODS):
        raise FeedRefused(
            f"the replay file {path} is not laid out as …/equity/usa/tick/spy/20131007_trade.zip (equity usa, index "
            "usa or ose, future or crypto; tick, second or minute; trade or quote); change THOR_REPLAY_FILES."
        )
    try:
        day = date(int(found[1][:4]), int(found[1][4:6]), int(found[1][6:]))
        rows = _rows(path)
        return _recording(path, source, resolution, canonical(parts[-2], aliases), day, found[2], rows)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, IndexError) as error:
        raise FeedRefused(f"the replay file {path} cannot be read ({error}); change THOR_REPLAY_FILES.") from None


def _rows(path: Path) -> list[list[str]]:
    with zipfile.ZipFile(path) as archive:
        entries = sorted(archive.infolist(), key=lambda entry: (-entry.file_size, entry.filename))
        if not entries:
            raise ValueError("it is empty")
        if len(entries) > 1:
            emit("thor.replay.expiries", file=path.name, replayed=entries[0].filename, left_out=len(entries) - 1)
        return list(csv.reader(io.StringIO(archive.read(entries[0]).decode("ascii"))))


def _recording(
    path: Path, source: _Source, resolution: str, symbol: str, day: date, what: str, rows: list[list[str]]
) -> Recording:
    times = _column(rows, 0)
    if not np.isfinite(times).all() or (times < 0).any() or (times >= 90_000_000).any():
        raise ValueError("a time is not a number of milliseconds since midnight")
    at = local_times(day, times, source.zone)
    if resolution == "tick":
        columns = _tick_trades(rows, source) if what == "trade" else _tick_quotes(rows, source)
        return recording(str(path), source.venue, symbol, what, at, **columns)
    period = _PERIODS[resolution]
    if what == "trade":
        expanded = expand_trades(at, period, _prices(rows, range(1, 5), source, known=True), _column(rows, 5))
    else:
        bid, ask = (_prices(rows, places, source) for places in (range(1, 5), range(6, 10)))
        sizes = [_sizes(rows, place, side[3]) for place, side in ((5, bid), (10, ask))]
        expanded = expand_quotes(at, period, bid, ask, sizes)
    return recording(str(path), source.venue, symbol, what, **expanded)  # type: ignore[arg-type]


def _tick_trades(rows: list[list[str]], source: _Source) -> dict[str, Floats]:
    return {"price": _prices(rows, [1], source, known=True)[0], "size": _column(rows, 2)}


def _tick_quotes(rows: list[list[str]], source: _Source) -> dict[str, Floats]:
    bid, ask = _prices(rows, [1, 3], source)
    return {"bid": bid, "ask": ask, "bid_size": _sizes(rows, 2, bid), "ask_size": _sizes(rows, 4, ask)}


def _sizes(rows: list[list[str]], place: int, price: Floats) -> Floats:
    """Return the sizes of a side; where the side is not there, neither is its size."""
    found: Floats = np.where(np.isnan(price), np.nan, _column(rows, place))
    return found


def _prices(rows: list[list[str]], places: Iterable[int], source: _Source, *, known: bool = False) -> list[Floats]:
    """Return columns of prices; in quotes a zero or an empty cell is a side that is not there."""
    found = [_column(rows, place) / source.divisor for place in places]
    if known and not all(np.isfinite(column).all() for column in found):
        raise ValueError("a price is missing")
    return found if known else [np.where(column == 0, np.nan, column) for column in found]


def _column(rows: list[list[str]], place: int) -> Floats:
    return np.array([float(row[place]) if row[place] else np.nan for row in rows], np.float64)
