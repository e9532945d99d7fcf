"""A recording: the trades or quotes of one symbol from one file, as columns, and how bars become ticks (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from thor.marketdata.ticks import Floats, Ints

#: What is known of a tick beside its time.
COLUMNS = ("price", "size", "bid", "ask", "bid_size", "ask_size", "cumulative")

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Recording:
    """Ticks of one symbol in the order of the file; columns as in `TickBatch`, `what` is trade or quote."""

    path: str
    venue: str
    symbol: str
    what: str
    at: Ints
    price: Floats
    size: Floats
    bid: Floats
    ask: Floats
    bid_size: Floats
    ask_size: Floats
    cumulative: Floats


def recording(path: str, venue: str, symbol: str, what: str, at: Ints, **columns: Floats) -> Recording:
    """Return a recording; columns that are left out are unknown throughout."""
    unknown = np.full(len(at), np.nan)
    return Recording(path, venue, symbol, what, at, **{name: columns.get(name, unknown) for name in COLUMNS})


def local_times(day: date, milliseconds: Floats, zone: str) -> Ints:
    """Return the UTC ns of local times of day, given in ms since local midnight.

    The offset is looked up for each hour, so the two Sundays a year on which clocks change come out right.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    place = ZoneInfo(zone)
    offsets = []
    for hour in range(25):
        local = (midnight + timedelta(hours=hour)).replace(tzinfo=place)
        offset = local.utcoffset() or timedelta(0)
        offsets.append(round(offset.total_seconds() * 1000))
    whole = np.rint(milliseconds).astype(np.int64)
    utc = round(midnight.timestamp() * 1000) + whole - np.array(offsets)[whole // _HOUR_MS]
    found: Ints = utc * 1_000_000
    return found


def expand_trades(start: Ints, period_ns: int, ohlc: Sequence[Floats], volume: Floats) -> dict[str, Floats | Ints]:
    """Turn bars into four trades each: open, high, low, close, a quarter of the period apart.

    The whole volume goes with the close, so sums of volume are kept, and open, high, low and close of any longer bar
    are those of the recording; in which order high and low were touched is not known, and the number of trades is
    four a bar.
    """
    size = np.zeros((len(start), 4))
    size[:, 3] = volume
    return {"at": _quarters(start, period_ns), "price": np.column_stack(ohlc).ravel(), "size": size.ravel()}


def expand_quotes(
    start: Ints,
    period_ns: int,
    bid: Sequence[Floats],
    ask: Sequence[Floats],
    sizes: Sequence[Floats] | None = None,
) -> dict[str, Floats | Ints]:
    """Turn quote bars into four quotes each, as `expand_trades` does; `sizes` of bid and ask are those of the close."""
    found: dict[str, Floats | Ints] = {
        "at": _quarters(start, period_ns),
        "bid": np.column_stack(bid).ravel(),
        "ask": np.column_stack(ask).ravel(),
    }
    for name, size in zip(("bid_size", "ask_size"), sizes or (), strict=False):
        column = np.full((len(start), 4), np.nan)
        column[:, 3] = size
        found[name] = column.ravel()
    return found


def _quarters(start: Ints, period_ns: int) -> Ints:
    return (start[:, None] + np.arange(4) * (period_ns // 4)).ravel()
