"""Grade what was captured: read the venues' streams from where the last pass ended, and write what was touched.

How far a stream has been judged is written with the outcomes in one transaction, and only if it still stands where this
pass has read from: of two passes at once the slower one writes nothing and looks again.

    pass A: reads the mark 7 | reads ticks, decides | locks the session, the mark is 7: writes, mark 9
    pass B: reads the mark 7 | reads ticks, decides |          locks the session, the mark is 9: looks again

Ticks that are in the stream no more, or never came, are a gap: the outcome stands on what is left, and it is said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from django.db import transaction

from thor.connections import redis_client
from thor.marketdata import closed, stream
from thor.marketdata.capturing import LEADER
from thor.marketdata.events import warn
from thor.marketdata.models import TOTAL, Capture, Instrument, Outcome, SessionCapture
from thor.marketdata.opens import trades_until
from thor.marketdata.signals import LONG, SHORT
from thor.marketdata.touches import Judged, Mark, Touch, Watch, judge
from thor.marketdata.units import MINUTE
from thor.timing import micros

#: Batches that are read at once; more where one look does not reach beyond a promise.
BATCHES: Final = 64
#: Looks of one pass; a longer backlog is left to the next.
ROUNDS: Final = 2000
#: A tick is at most this far ahead of what its feed has promised: so far before the capture reading begins.
LEAD: Final = MINUTE

_COLUMNS: Final = {("quotes", True): "bid", ("quotes", False): "ask"}
_OUTCOMES: Final = {Capture.Touched.TARGET: Outcome.WORKED, Capture.Touched.STOP: Outcome.DIDNT_WORK}


@dataclass(slots=True)
class Graded:
    """What a pass has done: rows decided by symbol, rows still pending, and whether all was judged up to the close.

    `gaps` names the venues of which ticks are missing, with how many (0 where nobody can say), `waiting` those that
    have published nothing yet.
    """

    decided: dict[str, str] = field(default_factory=dict)
    pending: int = 0
    is_complete: bool = False
    gaps: dict[str, int] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look at the streams found: by venue, with the batches that were read and whether more are left."""

    judged: Mapping[str, Judged]
    is_last: bool


def grade(session: SessionCapture, closes_at: datetime) -> Graded:
    """Judge a captured session by every tick that is out before its close; write the outcomes."""
    found = Graded()
    leader = Instrument.objects.filter(symbol=LEADER).first()
    for _ in range(ROUNDS):
        session.refresh_from_db(fields=["grading", "graded_until"])
        pending = {row.pk: row for row in _pending(session, leader, found)}
        found.pending = len(pending)
        if not pending:
            found.is_complete = True
            return found
        look = _look(session, _watches(pending.values(), leader), closes_at, found)
        reached = None if found.waiting else _reached(session, look, closes_at)
        if _write(session, look, pending, reached, found) and look.is_last:
            found.is_complete = not found.waiting and reached is not None and reached >= closes_at
            return found
    return found


def _pending(session: SessionCapture, leader: Instrument | None, found: Graded) -> list[Capture]:
    """Return the rows that a tick may decide; those that none could are made neutral."""
    rows = Capture.objects.filter(session=session, outcome=Outcome.PENDING).select_related("instrument").order_by("pk")
    kept = []
    for row in rows:
        if _can_be_judged(row, leader):
            kept.append(row)
        else:
            Capture.objects.filter(pk=row.pk, outcome=Outcome.PENDING).update(outcome=Outcome.NEUTRAL)
            found.decided[row.symbol] = Outcome.NEUTRAL.value
    return kept


def _can_be_judged(row: Capture, leader: Instrument | None) -> bool:
    known = row.entry is not None and row.target_high is not None and row.target_low is not None
    return known and (row.signal in LONG or row.signal in SHORT) and _judged_by(row, leader) is not None


def _judged_by(row: Capture, leader: Instrument | None) -> Instrument | None:
    """Return the instrument whose ticks decide a row; TOTAL goes by its leader."""
    return leader if row.symbol == TOTAL else row.instrument


def _watches(rows: Iterable[Capture], leader: Instrument | None) -> dict[str, list[Watch]]:
    """Return what is to be watched, by venue."""
    found: dict[str, list[Watch]] = {}
    for row in rows:
        instrument = _judged_by(row, leader)
        if instrument is not None:
            found.setdefault(instrument.venue, []).append(_watch(row, instrument.symbol))
    return found


def _watch(row: Capture, symbol: str) -> Watch:
    is_long = row.signal in LONG
    high, low = float(row.target_high or 0), float(row.target_low or 0)
    return Watch(
        key=row.pk,
        symbol=symbol,
        is_long=is_long,
        target=high if is_long else low,
        stop=low if is_long else high,
        column=_COLUMNS.get((row.judged_on, is_long), "price"),
    )


def _look(session: SessionCapture, watches: Mapping[str, Sequence[Watch]], closes_at: datetime, found: Graded) -> _Look:
    """Read each venue's stream from its mark on and judge what was read."""
    start, end = _nanoseconds(session.captured_at), _nanoseconds(closes_at)
    unjudged = max(start, _nanoseconds(session.graded_until)) if session.graded_until else start
    judged, is_last, found.waiting = {}, True, []
    for venue, mine in watches.items():
        mark = _mark(session, venue, unjudged)
        if mark is None:
            found.waiting.append(venue)
            continue
        judged[venue], all_read = _judged(venue, mark, mine, start, end)
        is_last = is_last and all_read
    return _Look(judged, is_last)


def _judged(venue: str, mark: Mark, watches: Sequence[Watch], start: int, end: int) -> tuple[Judged, bool]:
    """Judge the next batches, as many as it takes to get beyond the mark; say whether all were read."""
    client, count = redis_client(), BATCHES
    while True:
        entries, last = stream.read(client, venue, after=mark.cursor, count=count)
        judged = judge(entries, mark, watches, start, end)
        all_read = stream.read(client, venue, after=last, count=1)[1] == last
        if all_read or judged.mark != mark:
            return judged, all_read
        count *= 4


def _mark(session: SessionCapture, venue: str, start: int) -> Mark | None:
    """Return where reading goes on: where the last pass ended, or a little before what has not been judged yet."""
    known = session.grading.get(venue, {})
    if "cursor" in known:
        return Mark(**known)
    client = redis_client()
    newest = stream.newest_before(client, venue, start - LEAD)
    if newest is not None:
        cursor, batch = newest
        return Mark(cursor, batch.run, batch.first + len(batch), batch.watermark, **known)
    return Mark(**known) if stream.position(client, venue) else None


def _reached(session: SessionCapture, look: _Look, closes_at: datetime) -> datetime | None:
    """Return the data time before which every tick of every watched venue has been judged, or None.

    A venue that is shut before the close has no more ticks: what it has promised by its own close will do.
    """
    marks = []
    for venue, judged in look.judged.items():
        if judged.promised is None:
            return None
        promised = datetime.fromtimestamp(judged.promised / 1e9, UTC)
        needed = trades_until(venue, session.captured_at, closes_at)
        marks.append(closes_at if needed is None or promised >= needed else promised)
    return min(marks, default=None)


def _write(
    session: SessionCapture, look: _Look, pending: Mapping[int, Capture], reached: datetime | None, found: Graded
) -> bool:
    """Write outcomes and marks, if the marks are still those that were read from; say whether they were."""
    marks = {**session.grading, **{venue: judged.mark.as_json() for venue, judged in look.judged.items()}}
    touches = {key: touch for judged in look.judged.values() for key, touch in judged.touches.items()}
    until = max(filter(None, (reached, session.graded_until)), default=None)
    if not touches and marks == session.grading and until == session.graded_until:
        return True
    with transaction.atomic():
        now = SessionCapture.objects.select_for_update().get(pk=session.pk)
        if now.grading != session.grading:
            return False
        for key, touch in sorted(touches.items()):
            _decide(pending[key], touch, found)
        SessionCapture.objects.filter(pk=session.pk).update(grading=marks, graded_until=until)
    found.pending -= len(touches)
    _tell_of_gaps(session, look, found)
    return True


def _decide(row: Capture, touch: Touch, found: Graded) -> None:
    outcome = _OUTCOMES[touch.level]
    Capture.objects.filter(pk=row.pk, outcome=Outcome.PENDING).update(
        outcome=outcome,
        touched=touch.level,
        touched_at=datetime.fromtimestamp(touch.at // 1000 / 1e6, UTC),
        touched_price=closed.exact(touch.price),
    )
    found.decided[row.symbol] = outcome.value


def _tell_of_gaps(session: SessionCapture, look: _Look, found: Graded) -> None:
    for venue, judged in look.judged.items():
        if judged.lost or judged.broken:
            found.gaps[venue] = found.gaps.get(venue, 0) + judged.lost
            warn("thor.grading.gap", session=session, venue=venue, ticks=judged.lost, restarts=judged.broken)


def _nanoseconds(at: datetime) -> int:
    return micros(at) * 1000
