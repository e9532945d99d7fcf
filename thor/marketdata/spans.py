"""Say what instruments did in a stretch of time: from the bars at rest, and from the minutes still in the fold.

A bar is at rest once it is flushed; the minutes of the last quarter of an hour are in the fold as well, and fresher
there. Of two versions of a minute the one that has seen more ticks counts, as in the database. So a figure does not
depend on when it is asked for, once every minute of the stretch is in; `waiting.flush_until` sees to that.

Whoever asks again and again of a stretch that grows may keep what its hours have added up to (`Kept`): then only those
are read that are new, or have been written into since.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Max, Min, Q, Sum

from thor.connections import redis_client
from thor.marketdata import barhours, closed
from thor.marketdata.models import Bar, Instrument

_PLACES = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Figures:
    """What one instrument did in [start, end): prices of trades, what was traded, and its first and last minute."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class _Minute:
    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    ticks: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What the bars of some instruments (by key) have added up to in whole hours, each with its token."""

    instruments: frozenset[int] = frozenset()
    hours: Mapping[datetime, str] = field(default_factory=dict)
    figures: Mapping[int, Figures] = field(default_factory=dict)


#: What is kept of each venue.
Memory = dict[str, Kept]


def figures(
    instruments: Sequence[Instrument], start: datetime, end: datetime, memory: Memory | None = None
) -> dict[str, Figures]:
    """Return the figures of each instrument that traded in [start, end), by symbol; both lie on a minute."""
    by_venue: dict[str, list[Instrument]] = defaultdict(list)
    for instrument in instruments:
        by_venue[instrument.venue].append(instrument)
    found: dict[str, Figures] = {}
    for venue, rows in by_venue.items():
        found.update(_of_venue(venue, rows, start, end, memory))
    return found


def _of_venue(
    venue: str, rows: list[Instrument], start: datetime, end: datetime, memory: Memory | None
) -> dict[str, Figures]:
    symbols = {row.pk: row.symbol for row in rows}
    fresh = _fresh(venue, set(symbols.values()), start, end)
    bars, others = Bar.objects.filter(instrument_id__in=symbols), [(start, end)]
    parts: dict[str, list[Figures]] = defaultdict(list)
    if memory is not None:
        kept = memory[venue] = _followed(memory.get(venue, Kept()), bars, frozenset(symbols), _quiet(fresh, start, end))
        others = barhours.gaps(kept.hours, start, end)
        for key, done in kept.figures.items():
            parts[symbols[key]].append(done)
    for key, done in _settled(bars.filter(_within(others)).exclude(start_at__in=fresh)).items():
        parts[symbols[key]].append(done)
    for bar in bars.filter(start_at__in=fresh):
        stored = _Minute(bar.start_at, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ticks)
        known = fresh[bar.start_at].get(symbols[bar.instrument_id])
        if known is None or stored.ticks > known.ticks:
            fresh[bar.start_at][symbols[bar.instrument_id]] = stored
    for minute in fresh.values():
        for symbol, one in minute.items():
            part = Figures(one.open, one.high, one.low, one.close, one.volume, one.start, one.start)
            parts[symbol].append(part)
    return {symbol: joined(some) for symbol, some in parts.items()}


def _quiet(fresh: Iterable[datetime], start: datetime, end: datetime) -> barhours.Hours:
    """Return the whole hours of a stretch of which no minute may change in the fold, with their tokens."""
    changing = {minute.replace(minute=0) for minute in fresh}
    tokens = barhours.tokens(redis_client(), start, end)
    return {hour: token for hour, token in tokens.items() if hour not in changing}


def _followed(kept: Kept, bars: Any, instruments: frozenset[int], hours: barhours.Hours) -> Kept:
    """Add up the hours that are new; all of them where one has been written into, or others are asked for."""
    if instruments != kept.instruments or not kept.hours.items() <= hours.items():
        kept = Kept()
    new = barhours.stretches(hours.keys() - kept.hours.keys())
    found = dict(kept.figures)
    for key, done in (_settled(bars.filter(_within(new))) if new else {}).items():
        found[key] = joined([found[key], done]) if key in found else done
    return Kept(instruments, hours, found)


def _within(stretches: Iterable[tuple[datetime, datetime]]) -> Q:
    found = Q(pk__in=())  # nothing, unless there is a stretch
    for start, end in stretches:
        found |= Q(start_at__gte=start, start_at__lt=end)
    return found


def _settled(bars: Any) -> dict[int, Figures]:
    """Return the figures of bars at rest by instrument, in two statements whatever the stretch."""
    sums = bars.order_by().values("instrument_id").annotate(
        top=Max("high"), bottom=Min("low"), traded=Sum("volume"), first=Min("start_at"), last=Max("start_at")
    )  # fmt: skip
    rows = {row["instrument_id"]: row for row in sums}
    edges = {row[name] for row in rows.values() for name in ("first", "last")}
    columns = ("instrument_id", "start_at", "open", "close")
    ends = {(key, at): (first, last) for key, at, first, last in bars.filter(start_at__in=edges).values_list(*columns)}
    return {
        key: Figures(
            open=ends[key, row["first"]][0],
            high=row["top"],
            low=row["bottom"],
            close=ends[key, row["last"]][1],
            volume=Decimal(row["traded"]).quantize(_PLACES),
            first_at=row["first"],
            last_at=row["last"],
        )
        for key, row in rows.items()
    }


def _fresh(venue: str, symbols: set[str], start: datetime, end: datetime) -> dict[datetime, dict[str, _Minute]]:
    """Return the minutes of the fold within [start, end), by start and symbol."""
    # Here, not above: the tables of the fold bring NumPy, which a process that only knows of the figures does not need.
    from thor.marketdata import foldstore

    found = {}
    for minute, table in foldstore.open_minutes(redis_client(), venue).items():
        at = datetime.fromtimestamp(minute // 10**9, UTC)
        if start <= at < end:
            found[at] = {symbol: _minute(at, row) for symbol, row in table.traded(symbols)}
    return found


def _minute(at: datetime, row: Mapping[str, Any]) -> _Minute:
    prices = {name: closed.exact(row[name]) for name in ("open", "high", "low", "close")}
    return _Minute(at, **prices, volume=closed.in_units(row["volume"]), ticks=row["ticks"])


def joined(parts: Iterable[Figures]) -> Figures:
    """Return the figures of all parts together; no minute is in two of them."""
    ordered = sorted(parts, key=lambda part: part.first_at)
    last = max(ordered, key=lambda part: part.last_at)
    return Figures(
        open=ordered[0].open,
        high=max(part.high for part in ordered),
        low=min(part.low for part in ordered),
        close=last.close,
        volume=sum((part.volume for part in ordered), Decimal(0)),
        first_at=ordered[0].first_at,
        last_at=last.last_at,
    )
