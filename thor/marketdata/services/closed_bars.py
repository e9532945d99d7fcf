"""Move closed bars from the queue of a venue to the database.

A batch is taken from the queue, stored in one transaction, and only then settled (`barqueue`). Whatever a killed pass
has left is what the next pass takes first. A bar may therefore be stored twice, which changes nothing: of two versions
of a bar the one that has seen more ticks stands.

    what goes wrong                 what happens
    killed before the commit        the next pass takes the same batch
    killed after the commit         the next pass stores it again, which changes nothing, and settles it
    two passes at once              both store the same batch, one settles it
    an item that is no bar          set aside in the dead list, and said
    a figure the table cannot hold  that bar alone is set aside and said; the others of its batch are stored
    an instrument nobody knows      added, inactive, and said; its bars are kept
    the database does not answer    the batch waits
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import InvalidOperation
from typing import Any

import redis
from django.db import DataError, transaction

from thor.connections import redis_client
from thor.marketdata import barhours, barqueue, closed, incidents
from thor.marketdata.barqueue import Batch
from thor.marketdata.closed import ClosedBar, UnreadableBar
from thor.marketdata.events import emit, warn
from thor.marketdata.models import Bar, FeedIncident, Instrument, Kind
from thor.marketdata.services import intraday
from thor.marketdata.upsert import upsert

#: Batches of one pass; a longer queue is left to the next pass.
BATCHES = 200

#: A row that exists keeps its values if it comes from the same source and has seen at least as many ticks.
_OLDER = "excluded.ticks <= old.ticks AND excluded.source = old.source"

_KIND_OF_VENUE = {"globex": Kind.FUTURE, "crypto": Kind.CRYPTO}
_COUNTS = ("bars", "read", "unreadable", "new_instruments", "recovered")

#: What databases and Django say of a figure that a column cannot hold.
_TOO_MUCH = (DataError, InvalidOperation, OverflowError, ValueError)

#: An item that cannot be stored, and why.
Refused = tuple[bytes, str]


def flush(*, market: str, at: datetime) -> dict[str, Any]:
    """Store every closed bar of the venue; return bars (inserted or amended), read, and what was out of order.

    A last pass of intraday comes first, so that the last bar of a session closes without a later tick.
    """
    intraday.step_once(market=market, at=at)
    client = redis_client()
    counts = dict.fromkeys(_COUNTS, 0)
    known: dict[str, int] = {}
    for _ in range(BATCHES):
        batch = barqueue.take(client, market)
        if batch is None:
            break
        _store(client, market, batch, known, counts)
    return {name: count for name, count in counts.items() if count or name in ("bars", "read")}


def _store(client: redis.Redis, market: str, batch: Batch, known: dict[str, int], counts: dict[str, int]) -> None:
    """Store one batch and settle it; `known` are the ids of instruments that were looked up before."""
    bars, refused = _decoded(batch.items)
    newest = _newest(bars)
    counts["new_instruments"] += _look_up(market, newest, known)
    try:
        stored = _write(newest, known)
    except _TOO_MUCH:
        stored, too_much = _one_by_one(newest, known)
        refused += too_much
    barhours.written(client, (bar.start for bar in newest))
    if batch.left:
        emit("thor.bars.recovered", venue=market, bars=len(batch.items))
        counts["recovered"] += len(batch.items)
    if barqueue.settle(client, market, batch, [item for item, _ in refused]):
        for item, reason in refused:
            warn("thor.bars.unreadable", venue=market, reason=reason, item=item[:200])
    for name, count in (("bars", stored), ("read", len(batch.items)), ("unreadable", len(refused))):
        counts[name] += count


def _write(bars: list[ClosedBar], known: dict[str, int]) -> int:
    rows = [_row(bar, known[bar.symbol]) for bar in bars]
    with transaction.atomic():
        return upsert(Bar, rows, unique=("instrument_id", "start_at"), unless=_OLDER)


def _one_by_one(bars: list[ClosedBar], known: dict[str, int]) -> tuple[int, list[Refused]]:
    """Store what can be stored of a batch that the table refuses; return how many, and what it does not hold."""
    stored, refused = 0, []
    for bar in bars:
        try:
            stored += _write([bar], known)
        except _TOO_MUCH as error:
            refused.append((bar.encode(), f"the table cannot hold it: {type(error).__name__} {str(error)[:200]}"))
    return stored, refused


def _decoded(items: list[bytes]) -> tuple[list[ClosedBar], list[Refused]]:
    bars: list[ClosedBar] = []
    unreadable: list[Refused] = []
    for item in items:
        try:
            bars.append(closed.decode(item))
        except UnreadableBar as error:
            unreadable.append((item, str(error)))
    return bars, unreadable


def _newest(bars: Iterable[ClosedBar]) -> list[ClosedBar]:
    """Return one version of each bar: a statement may touch a row once. The fullest of the last source stands."""
    found: dict[tuple[str, int], ClosedBar] = {}
    for bar in bars:
        known = found.get((bar.symbol, bar.start))
        if known is None or known.source != bar.source or bar.ticks > known.ticks:
            found[bar.symbol, bar.start] = bar
    # In one order everywhere: two passes that lock the same rows in different orders would wait for each other.
    return [found[key] for key in sorted(found)]


def _row(bar: ClosedBar, instrument: int) -> dict[str, Any]:
    names = ("open", "high", "low", "close", "volume", "trades", "vwap", "bid", "ask", "spread", "ticks", "source")
    start_at = datetime.fromtimestamp(bar.start, UTC)
    return {"instrument_id": instrument, "start_at": start_at, **{name: getattr(bar, name) for name in names}}


def _look_up(market: str, bars: list[ClosedBar], known: dict[str, int]) -> int:
    """Bring `known`, ids of instruments by symbol, up to date; add those nobody has heard of, and return how many.

    They are inactive, but their bars are kept from the start; an operator who wants to watch one sets it active.
    """
    wanted = {bar.symbol for bar in bars} - known.keys()
    if not wanted:
        return 0
    known.update(Instrument.objects.filter(symbol__in=wanted).values_list("symbol", "id"))
    new = sorted(wanted - known.keys())
    if new:
        kind = _KIND_OF_VENUE.get(market, Kind.EQUITY)
        rows = [Instrument(symbol=symbol, venue=market, kind=kind, active=False) for symbol in new]
        Instrument.objects.bulk_create(rows, ignore_conflicts=True)
        known.update(Instrument.objects.filter(symbol__in=new).values_list("symbol", "id"))
        warn("thor.instrument.unknown", venue=market, symbols=",".join(new), outcome="added as inactive")
        _report_unknown(market, bars, set(new))
    return len(new)


def _report_unknown(market: str, bars: list[ClosedBar], new: set[str]) -> None:
    """Tell people of each new symbol, once, at the time of its first bar."""
    for bar in bars:
        if bar.symbol in new:
            new.discard(bar.symbol)
            start_at = datetime.fromtimestamp(bar.start, UTC)
            kind = FeedIncident.Kind.UNKNOWN_SYMBOL
            incidents.report(market, kind, bar.symbol, source=bar.source, at=start_at, detail="added as inactive")
