"""Tell the phase of a market at an instant, and list the bells and changes of phase of a stretch of time.

Pure: a table and instants go in, values come out. `timing.phase_spans` decides what the phases are; this
module adds what only a calendar knows: holidays, and markets without bells.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from thor.markets.table import SessionTable
from thor.timing.phase import Phase, phase_spans
from thor.timing.session import Session

MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Bell:
    """One instant at which a market changes: `kind` is opened, closed or phase; `phase` begins."""

    at: datetime
    kind: str
    phase: Phase
    session_date: date


@dataclass(frozen=True, slots=True)
class PhaseNow:
    """The phase at an instant, and the date of the session that it belongs to, if it belongs to one."""

    phase: Phase
    session_date: date | None = None


def phase_at(table: SessionTable, at: datetime) -> PhaseNow:
    """Return the phase of a market at an instant."""
    if table.continuous:
        session = next((s for s in table.around(at, at) if s.open <= at < s.close), None)
        return PhaseNow(Phase.open, session.date) if session else PhaseNow(Phase.closed)
    for span in phase_spans(table, at, at + MOMENT, post_close=table.post_close):
        if span.start <= at < span.end:
            return PhaseNow(span.phase, span.session_date)
    return PhaseNow(Phase.holiday if is_holiday(table, at) else Phase.closed)


def is_holiday(table: SessionTable, at: datetime) -> bool:
    """Say whether the local date is a weekday on which the market trades, and yet has no session."""
    today = at.astimezone(ZoneInfo(table.zone)).date()
    if today < table.first_date or not table.trades_on(today.weekday()):
        return False
    return table.on(today) is None


def bells(table: SessionTable, after: datetime, until: datetime) -> list[Bell]:
    """List the bells and changes of phase in (after, until], in order; none without gaps between sessions."""
    if table.continuous:
        return []
    found = [*_bells_of_sessions(table, after, until), *_changes_of_phase(table, after, until)]
    return sorted(bell for bell in found if after < bell.at <= until)


def next_change(table: SessionTable, at: datetime) -> datetime | None:
    """Return the next instant after `at` at which the market changes; None if it never does."""
    if table.continuous:
        return None
    ahead = table.around(at, at)
    if not ahead:
        return None
    return next((bell.at for bell in bells(table, at, ahead[-1].close + table.post_close)), None)


def last_bells(table: SessionTable, now: datetime) -> list[Bell]:
    """Return the latest open and the latest close at or before `now`, in order."""
    if table.continuous:
        return []
    sessions = table.around(now - timedelta(days=1), now)
    rung = [bell for bell in _bells_of(sessions) if bell.at <= now]
    newest = {bell.kind: bell for bell in sorted(rung)}
    return sorted(newest.values())


def _bells_of_sessions(table: SessionTable, after: datetime, until: datetime) -> Iterator[Bell]:
    return _bells_of(table.around(after, until))


def _bells_of(sessions: tuple[Session, ...]) -> Iterator[Bell]:
    joined = {before.close for before, behind in pairwise(sessions) if before.close == behind.open}
    for session in sessions:
        if session.open not in joined:
            yield Bell(session.open, "opened", Phase.open, session.date)
        if session.close not in joined:
            yield Bell(session.close, "closed", Phase.closed, session.date)


def _changes_of_phase(table: SessionTable, after: datetime, until: datetime) -> Iterator[Bell]:
    spans = phase_spans(table, after, until, post_close=table.post_close)
    for span in spans:
        yield Bell(span.start, "phase", span.phase, span.session_date)
    followed = {span.start for span in spans}
    for span in spans:
        # The span that follows the last one listed starts after `until`, and so would this change.
        if span.end not in followed:
            yield Bell(span.end, "phase", Phase.closed, span.session_date)
