"""Move closed bars from the queue of a venue to the database.

A reliable queue: an item is moved to the processing list in the same command that takes it, and leaves that list only
after the commit. Whatever a killed pass has left there goes back to the front of the queue at the next pass. An item
may therefore be stored twice, which changes nothing: of two versions of a bar the one that has seen more ticks stands.

    pass A: takes 1..500 | killed            | (1..500 wait in the processing list)
    pass B:              | puts 1..500 back, | takes 1..500, stores them, acknowledges them
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import redis
from django.db import transaction

from thor.connections import redis_client
from thor.marketdata import closed, keys
from thor.marketdata.closed import ClosedBar, UnreadableBar
from thor.marketdata.events import emit, warn
from thor.marketdata.models import Bar, Instrument, Kind
from thor.marketdata.services import intraday
from thor.marketdata.upsert import upsert

#: Bars in one statement.
BATCH = 500
#: Statements of one pass; a longer queue is left to the next pass.
BATCHES = 200
#: Unreadable items that are kept to be looked at.
DEAD_KEPT = 10_000

#: A row that exists keeps its values if it comes from the same source and has seen at least as many ticks.
_OLDER = "excluded.ticks <= old.ticks AND excluded.source = old.source"

_KIND_OF_VENUE = {"globex": Kind.FUTURE, "crypto": Kind.CRYPTO}


def flush(*, market: str, at: datetime) -> dict[str, Any]:
    """Store every closed bar of the venue; return bars (inserted or amended), read, and what was out of order.

    A last pass of intraday comes first, so that the last bar of a session closes without a later tick.
    """
    intraday.step_once(market=market, at=at)
    client = redis_client()
    recovered = _recover(client, market)
    counts = {"bars": 0, "read": 0, "unreadable": 0, "new_instruments": 0}
    for _ in range(BATCHES):
        items = _take(client, market)
        if not items:
            break
        _store(client, market, items, counts)
    found = {name: count for name, count in counts.items() if count or name in ("bars", "read")}
    return {**found, "recovered": recovered} if recovered else found


def _recover(client: redis.Redis, market: str) -> int:
    """Put what an interrupted pass has taken back to the front of the queue, in its order."""
    source, target = keys.processing(market), keys.closed_bars(market)
    left = client.llen(source)
    with client.pipeline(transaction=False) as pipe:
        for _ in range(left):
            pipe.lmove(source, target, "RIGHT", "LEFT")
        moved = sum(item is not None for item in pipe.execute())
    if moved:
        emit("thor.bars.recovered", venue=market, bars=moved)
    return moved


def _take(client: redis.Redis, market: str) -> list[bytes]:
    waiting = client.llen(keys.closed_bars(market))
    with client.pipeline(transaction=False) as pipe:
        for _ in range(min(BATCH, waiting)):
            pipe.lmove(keys.closed_bars(market), keys.processing(market), "LEFT", "RIGHT")
        return [item for item in pipe.execute() if item is not None]


def _store(client: redis.Redis, market: str, items: list[bytes], counts: dict[str, int]) -> None:
    """Store one batch and acknowledge it; set aside what cannot be read."""
    bars, unreadable = _decoded(items)
    with transaction.atomic():
        instruments, new = _instruments(market, {bar.symbol for bar in bars})
        counts["bars"] += upsert(
            Bar,
            [_row(bar, instruments[bar.symbol]) for bar in _newest(bars)],
            unique=("instrument_id", "start_at"),
            unless=_OLDER,
        )
    _acknowledge(client, market, items, unreadable)
    counts["read"] += len(items)
    counts["unreadable"] += len(unreadable)
    counts["new_instruments"] += new


def _decoded(items: list[bytes]) -> tuple[list[ClosedBar], list[tuple[bytes, str]]]:
    bars: list[ClosedBar] = []
    unreadable = []
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


def _instruments(market: str, symbols: set[str]) -> tuple[dict[str, int], int]:
    """Return the ids of the instruments by symbol; one that nobody has heard of is added, inactive, and said.

    Its bars are kept from the start; an operator who wants to watch it sets it active.
    """
    found = dict(Instrument.objects.filter(symbol__in=symbols).values_list("symbol", "id"))
    new = sorted(symbols - found.keys())
    if new:
        kind = _KIND_OF_VENUE.get(market, Kind.EQUITY)
        rows = [Instrument(symbol=symbol, venue=market, kind=kind, active=False) for symbol in new]
        Instrument.objects.bulk_create(rows, ignore_conflicts=True)
        found.update(Instrument.objects.filter(symbol__in=new).values_list("symbol", "id"))
        warn("thor.instrument.unknown", venue=market, symbols=",".join(new), outcome="added as inactive")
    return found, len(new)


def _acknowledge(client: redis.Redis, market: str, items: list[bytes], unreadable: list[tuple[bytes, str]]) -> None:
    """Take stored items off the processing list; move unreadable ones to the dead list, in the same transaction."""
    with client.pipeline() as pipe:
        for item in items:
            pipe.lrem(keys.processing(market), 1, item)  # type: ignore[arg-type]  # bytes go as they are
        for item, _ in unreadable:
            pipe.rpush(keys.dead(market), item)
        pipe.ltrim(keys.dead(market), -DEAD_KEPT, -1)
        pipe.execute()
    for item, reason in unreadable:
        warn("thor.bars.unreadable", venue=market, reason=reason, item=item[:200])
