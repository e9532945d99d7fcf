"""Say what instruments have done in a session so far, without its bad prints.

Only where a price lies more than half off the close before (which is rare) are the minutes of the session looked at.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thor.connections import redis_client
from thor.marketdata import badprints, foldstore, spans
from thor.marketdata.models import Bar, Instrument
from thor.marketdata.units import MINUTE

#: Open, high, low and close of a stretch of time, without bad prints.
Four = tuple[float, float, float, float]

#: (instrument's key, start of the minute) to the ticks that were seen and the four prices.
_Minutes = dict[tuple[int, datetime], tuple[int, Four]]


def is_doubtful(high: NDArray[np.float64], low: NDArray[np.float64], close: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say of each instrument whether its high or low is so far off the close before that its minutes must tell."""
    return badprints.is_off(high, close) | badprints.is_off(low, close)


def clean(
    instruments: Sequence[Instrument], closes: Mapping[int, float], start: datetime, end: datetime
) -> dict[int, Four]:
    """Return the four prices of [start, end) of each instrument, by key, from its minutes without bad prints.

    `closes` are the closes before, by key. An instrument of which nothing is left is left out.
    """
    rows: dict[int, list[Four]] = defaultdict(list)
    for (key, _), (_, four) in sorted(_minutes(instruments, start, end).items()):
        rows[key].append(four)
    found = {}
    for key, minutes in rows.items():
        opened, high, low, close = badprints.clean_minutes(*np.array(minutes).T, closes.get(key, np.nan))
        left = ~np.isnan(high)
        if left.any():
            four = opened[left][0], high[left].max(), low[left].min(), close[left][-1]
            found[key] = tuple(float(price) for price in four)
    return found  # type: ignore[return-value]


def session_figures(
    instruments: Sequence[Instrument], closes: Mapping[int, float], start: datetime, end: datetime
) -> dict[int, spans.Figures]:
    """Return the figures of [start, end) of each instrument that traded, by key, without bad prints."""
    raw = spans.figures(instruments, start, end)
    traded = [row for row in instruments if row.symbol in raw]
    high, low = (np.array([float(getattr(raw[row.symbol], name)) for row in traded]) for name in ("high", "low"))
    before = np.array([closes.get(row.pk, np.nan) for row in traded])
    doubtful = [traded[place] for place in np.flatnonzero(is_doubtful(high, low, before))]
    cleaned = clean(doubtful, closes, start, end) if doubtful else {}
    found = {row.pk: raw[row.symbol] for row in traded if row not in doubtful}
    for row in doubtful:
        if row.pk in cleaned:
            found[row.pk] = _replaced(raw[row.symbol], cleaned[row.pk])
    return found


def _replaced(raw: spans.Figures, four: Four) -> spans.Figures:
    from thor.marketdata.closed import exact

    opened, high, low, close = (exact(price) for price in four)
    return spans.Figures(opened, high, low, close, raw.volume, raw.first_at, raw.last_at)


def _minutes(instruments: Sequence[Instrument], start: datetime, end: datetime) -> _Minutes:
    """Return the minutes of [start, end), of two versions of one the fuller."""
    names = ("ticks", "open", "high", "low", "close")
    bars = Bar.objects.filter(instrument__in=instruments, start_at__gte=start, start_at__lt=end)
    found: _Minutes = {}
    for key, at, ticks, *prices in bars.order_by().values_list("instrument_id", "start_at", *names):
        found[key, at] = ticks, tuple(float(price) for price in prices)  # type: ignore[assignment]
    for venue in {row.venue for row in instruments}:
        keys = {row.symbol: row.pk for row in instruments if row.venue == venue}
        for minute, table in foldstore.open_minutes(redis_client(), venue).items():
            at = datetime.fromtimestamp(minute // MINUTE * 60, UTC)
            if start <= at < end:
                _add_fold(found, at, keys, table)
    return found


def _add_fold(found: _Minutes, at: datetime, keys: Mapping[str, int], table: Any) -> None:
    for symbol, row in table.traded(keys):
        key = keys[symbol]
        if (key, at) not in found or found[key, at][0] < row["ticks"]:
            found[key, at] = row["ticks"], (row["open"], row["high"], row["low"], row["close"])
