"""Fold the ticks of a venue into one-minute bars: the passes of `services.intraday`, with the kernels they need."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import redis

from thor.connections import redis_client
from thor.errors import ThorError
from thor.marketdata import foldstore, incidents, stream
from thor.marketdata.bars import MINUTE
from thor.marketdata.events import emit, warn
from thor.marketdata.foldbook import AMEND_FOR, Book, Tally
from thor.marketdata.models import FeedIncident

Kind = FeedIncident.Kind

#: Batches folded in one transaction: bounded, so that a pass that catches up saves what it has done as it goes.
BATCHES = 32
#: Transactions of one pass; a longer backlog is left to the next pass.
ROUNDS = 64
#: How often a transaction is tried again when another pass was first.
TRIES = 20
#: A minute closes without the feed's word once `at` is this far beyond its end and the feed gives nothing any more.
STALL = MINUTE


class Contended(ThorError):
    """Other passes over the same venue were first each time; the next pass folds what is left."""


@dataclass(slots=True)
class _Outcome:
    tally: Tally = field(default_factory=Tally)
    watermark: int | None = None
    behind: bool = False


def fold_once(*, market: str, at: datetime) -> dict[str, Any]:
    """Fold every tick that the venue's feed has published; return what `services.intraday.step_once` does."""
    client = redis_client()
    outcome = _Outcome()
    rounds = 0
    while rounds < ROUNDS and _round(client, market, outcome):
        rounds += 1
    outcome.behind = rounds == ROUNDS
    if rounds == 0:
        _close_stalled(client, market, at, outcome)
    return _told(outcome)


def _round(client: redis.Redis, market: str, outcome: _Outcome) -> bool:
    """Fold the next batches in one transaction; return whether there were any."""

    def fold(book: Book) -> bool:
        entries, last = stream.read(client, market, after=book.place.cursor, count=BATCHES)
        book.take(entries)
        changed = last != book.place.cursor or bool(entries)
        book.place.cursor = last
        return changed

    book, changed = _transact(client, market, fold)
    _add(outcome.tally, book.tally)
    _report(market, book)
    if changed and book.place.watermark is not None:
        stream.trim(client, market, cursor=book.place.cursor, watermark=book.place.watermark)
    outcome.watermark = book.place.watermark
    return changed


def _close_stalled(client: redis.Redis, market: str, at: datetime, outcome: _Outcome) -> None:
    """Close minutes that ended long before `at` although the feed does not say that they are complete."""
    until = _nanoseconds(at) - STALL

    def close(book: Book) -> bool:
        book.close(until)
        return bool(book.closed)

    book, changed = _transact(client, market, close)
    if changed:
        _add(outcome.tally, book.tally)
        emit("thor.bars.closed_without_watermark", venue=market, bars=book.tally.closed, at=at.isoformat())


def _transact(client: redis.Redis, market: str, work: Any) -> tuple[Book, bool]:
    """Read the book, let `work` change it, write it if it did; again from the start if another pass was first."""
    for _ in range(TRIES):
        with client.pipeline() as pipe:
            book = foldstore.read(pipe, market)
            changed = work(book)
            if not changed:
                return book, False
            try:
                foldstore.write(pipe, market, book)
            except redis.WatchError:
                continue
            return book, True
    raise Contended


def _add(total: Tally, more: Tally) -> None:
    for name in Tally.__slots__:
        setattr(total, name, getattr(total, name) + getattr(more, name))


def _report(market: str, book: Book) -> None:
    """Tell of ticks that never came and of those that came too late: in the log, and as incidents people see."""
    tally, place = book.tally, book.place
    if place.watermark is None or not (tally.lost or tally.late):
        return
    at = datetime.fromtimestamp(place.watermark / 1e9, UTC)
    if tally.lost:
        warn("thor.feed.gap", venue=market, ticks=tally.lost)
        text = f"{tally.lost} missing before tick {place.sequence} of run {place.run}"
        incidents.report(market, Kind.LOST, source=place.source, at=at, count=tally.lost, detail=text)
    if tally.late:
        warn("thor.feed.too_late", venue=market, ticks=tally.late)
        text = f"{tally.late} more than {AMEND_FOR // MINUTE} minutes behind the feed"
        incidents.report(market, Kind.LATE, source=place.source, at=at, count=tally.late, detail=text)


def _told(outcome: _Outcome) -> dict[str, Any]:
    tally = outcome.tally
    found: dict[str, Any] = {"ticks": tally.ticks, "closed": tally.closed}
    found.update({name: getattr(tally, name) for name in ("late", "lost", "repeated") if getattr(tally, name)})
    if outcome.watermark is not None:
        found["watermark"] = datetime.fromtimestamp(outcome.watermark / 1e9, UTC).isoformat()
    if outcome.behind:
        found["behind"] = True
    return found


def _nanoseconds(at: datetime) -> int:
    return round(at.timestamp() * 1e6) * 1000
