"""Answer questions about markets: is it open, which phase is it in, which ones are open now, what comes next.

Every question takes the instant as an argument. A market whose calendar cannot be read counts as not open.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from thor.markets.calendars import DERIVED
from thor.markets.models import Market
from thor.markets.overrides import DayOverride
from thor.markets.phases import is_holiday, phase_at
from thor.markets.registry import markets, reading
from thor.markets.sessions import sessions_of
from thor.markets.store import CalendarUnavailable
from thor.markets.table import SessionTable
from thor.timing.phase import Phase
from thor.timing.session import Session

log = logging.getLogger(__name__)

#: The markets whose calendar could not be read when they were last asked, and why.
_unavailable: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class MarketStatus:
    """What a page shows of one market at one instant.

    `session_date` is the session that the phase belongs to, or None between sessions. `next_event` is open,
    close, break or resume; it is None for a market without bells. `known_until` is the horizon of its
    calendar, and `provisional` says that the session on show lies beyond it. `override` is the reason of an override
    of today's session, empty where there is none; `override_hours` says in a few words what it changes.
    """

    key: str
    name: str
    role: str
    zone: str
    active: bool
    phase: Phase
    session_date: date | None
    is_open: bool
    local_time: datetime
    next_event: str | None
    next_event_at: datetime | None
    provisional: bool
    holiday: bool
    known_until: date | None
    override: str = ""
    override_hours: str = ""


@dataclass(frozen=True, slots=True)
class ComingOverride:
    """An override of today or later: what somebody said of a market, and which derived markets move with it."""

    key: str
    name: str
    said: DayOverride
    moves: tuple[str, ...]


def is_open(key: str, at: datetime) -> bool:
    """Say whether a market trades at this instant: open or pre-close, not in a break. Costs about 0.5 µs."""
    return sessions_of(key).is_open_at(at.timestamp())


def phase(key: str, at: datetime) -> Phase:
    """Return the phase of a market at this instant."""
    return phase_at(sessions_of(key), at).phase


def active_markets(at: datetime, role: str | None = None) -> list[Market]:
    """Return the active markets that trade at this instant, of one role or of both, in the order of lists."""
    return [row for row, table in active_tables(role) if table.is_open(at)]


def has_active_markets(at: datetime, role: str | None = None) -> bool:
    """Say whether any active market, of one role or of both, trades at this instant."""
    return any(table.is_open(at) for _, table in active_tables(role))


def status_board(at: datetime) -> list[MarketStatus]:
    """Return the status of every market, active or not, in the order of lists."""
    return [market_status(row, at) for row in markets()]


def market_status(row: Market, at: datetime) -> MarketStatus:
    """Return the status of one market."""
    table = _table(row)
    return _unreadable(row, at) if table is None else _status(row, table, at)


def coming_overrides(at: datetime) -> list[ComingOverride]:
    """Return the overrides of today and later, the nearest first; today is that of each market."""
    now = reading()
    return sorted(
        (
            ComingOverride(row.key, row.name, said, _moved_with(row, now.markets.values()))
            for row in now.markets.values()
            for said in now.overrides.get(row.key, {}).values()
            if said.date >= at.astimezone(row.zone_info).date()
        ),
        key=lambda one: one.said.date,
    )


def override_at(row: Market, table: SessionTable, at: datetime, session_date: date | None) -> DayOverride | None:
    """Return the override of the session that an instant belongs to, or else of the market's local date."""
    days = (session_date or date.min, at.astimezone(row.zone_info).date())
    return next((table.overrides[day] for day in days if day in table.overrides), None)


def active_tables(role: str | None = None) -> Iterator[tuple[Market, SessionTable]]:
    """Iterate over the active markets with their sessions, without those whose calendar cannot be read."""
    for row in markets():
        table = _table(row) if row.active and role in (None, row.role) else None
        if table is not None:
            yield row, table


def _table(row: Market) -> SessionTable | None:
    try:
        table = sessions_of(row.key)
    except CalendarUnavailable as error:
        # The leader asks several times a second: a line for each change of the reason, not for each question.
        if _unavailable.get(row.key) != str(error):
            _unavailable[row.key] = str(error)
            log.warning("thor.market.unavailable: %s: %s", row.key, error)
        return None
    if _unavailable and _unavailable.pop(row.key, None):
        log.warning("thor.market.available: %s: its calendar can be read again", row.key)
    return table


def _status(row: Market, table: SessionTable, at: datetime) -> MarketStatus:
    now = phase_at(table, at)
    near = table.around(at, at)
    event, event_at = _next_event(table, near, at)
    shown = next((session for session in near if session.close > at), None)
    said = override_at(row, table, at, now.session_date)
    return MarketStatus(
        key=row.key,
        name=row.name,
        role=row.role,
        zone=row.zone,
        active=row.active,
        phase=now.phase,
        session_date=now.session_date,
        is_open=table.is_open(at),
        local_time=at.astimezone(row.zone_info),
        next_event=event,
        next_event_at=event_at,
        provisional=shown is not None and shown.provisional,
        holiday=is_holiday(table, at),
        known_until=table.known_until,
        override=said.reason if said else "",
        override_hours=said.hours if said else "",
    )


def _unreadable(row: Market, at: datetime) -> MarketStatus:
    local = at.astimezone(ZoneInfo(row.zone))
    unknown = (Phase.closed, None, False, local, None, None, True, False, None)
    return MarketStatus(row.key, row.name, row.role, row.zone, row.active, *unknown)


def _next_event(table: SessionTable, near: tuple[Session, ...], at: datetime) -> tuple[str | None, datetime | None]:
    found = _pauses(near) if table.continuous else (event for session in near for event in _events(session))
    ahead = sorted((instant, name) for name, instant in found if instant > at)
    return (ahead[0][1], ahead[0][0]) if ahead else (None, None)


def _pauses(near: tuple[Session, ...]) -> Iterator[tuple[str, datetime]]:
    """Yield when a market around the clock stops and goes on again: only overrides make it."""
    for before, behind in pairwise(near):
        if before.close < behind.open:
            yield "close", before.close
            yield "open", behind.open


def _moved_with(row: Market, rows: Iterable[Market]) -> tuple[str, ...]:
    derived = {name for name, one in DERIVED.items() if one.source == row.calendar}
    return tuple(other.name for other in rows if other.calendar in derived)


def _events(session: Session) -> Iterator[tuple[str, datetime]]:
    yield "open", session.open
    for pause in session.breaks:
        yield "break", pause.start
        yield "resume", pause.end
    yield "close", session.close
