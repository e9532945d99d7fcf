"""Say what a date brings on each market: its sessions, its phases and its bells, in order.

A session is told apart from an ordinary one by comparison with its neighbours, the same weekday five weeks before and
after in local time: so a half day is seen as one in every year of a table, and a change of the clocks is none.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from thor.markets.models import Market
from thor.markets.phases import Bell, bells, phase_at
from thor.markets.sessions import sessions_of
from thor.markets.store import CalendarUnavailable
from thor.markets.table import SessionTable
from thor.timing import Phase, Session, phase_spans
from thor.timing.instants import MICROSECOND

#: How far around a session its usual hours are looked for.
NEAR = timedelta(weeks=5)


@dataclass(frozen=True, slots=True)
class Day:
    """Mark a date in a zone as the stretch [start, end) of UTC: 23 or 25 hours where the clocks change."""

    date: date
    zone: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class SessionOfDay:
    """Describe one session that a date touches.

    `remarks` say what is unlike its neighbours: an early close, a late open, no break. `provisional` says that its
    hours are a guess beyond the horizon of its calendar. `override` is the reason for which a person gave it other
    hours than its calendar has, empty where nobody did.
    """

    date: date
    open: datetime
    close: datetime
    breaks: tuple[tuple[datetime, datetime], ...]
    provisional: bool
    remarks: tuple[str, ...]
    override: str


@dataclass(frozen=True, slots=True)
class PhaseOfDay:
    """Mark the part [start, end) of the date in which a market is in one phase."""

    start: datetime
    end: datetime
    phase: Phase
    session_date: date | None


@dataclass(frozen=True, slots=True)
class BellOfDay:
    """Mark an instant at which a market changes: `opens`, `closes`, or the phase that begins."""

    at: datetime
    what: str
    phase: Phase
    session_date: date


@dataclass(frozen=True, slots=True)
class MarketDay:
    """Tell everything that a date brings on one market. A market that is not active has no sessions and no bells.

    `remark` says why there is no session of that date, or why nothing is known; `override` is the reason of a person
    who closed the market on it. `provisional` says that the date lies
    beyond the horizon of the calendar, `known_until`.
    """

    key: str
    name: str
    zone: str
    active: bool
    holiday: bool
    provisional: bool
    remark: str
    known_until: date | None
    override: str = ""
    sessions: tuple[SessionOfDay, ...] = ()
    phases: tuple[PhaseOfDay, ...] = ()
    bells: tuple[BellOfDay, ...] = ()


def market_day(row: Market, day: Day) -> MarketDay:
    """Return what the date brings on one market."""
    if not row.active:
        return _nothing(row, "inactive: no bells, no entries")
    try:
        return day_of_market(row, sessions_of(row.key), day)
    except CalendarUnavailable as error:
        return _nothing(row, f"its calendar cannot be read: {error}")


def _nothing(row: Market, remark: str) -> MarketDay:
    return MarketDay(row.key, row.name, row.zone, row.active, False, False, remark, None)


def day_of_market(row: Market, table: SessionTable, day: Day) -> MarketDay:
    """Return what the date brings on an active market whose sessions are known."""
    touched = [s for s in table.around(day.start, day.end) if s.open < day.end and s.close > day.start]
    absent = table.on(day.date) is None
    said = table.overrides.get(day.date) if absent else None
    holiday = absent and said is None and table.trades_on(day.date.weekday())
    return MarketDay(
        key=row.key,
        name=row.name,
        zone=row.zone,
        active=True,
        holiday=holiday,
        provisional=day.date > table.known_until or any(session.provisional for session in touched),
        remark="closed" if said else "holiday" if holiday else "" if touched else "no session",
        known_until=table.known_until,
        override=said.reason if said else "",
        sessions=tuple(_session(table, session) for session in touched),
        phases=tuple(_phases(table, day)),
        bells=tuple(_bells(table, day)),
    )


def _session(table: SessionTable, session: Session) -> SessionOfDay:
    said = table.overrides.get(session.date)
    return SessionOfDay(
        date=session.date,
        open=session.open,
        close=session.close,
        breaks=tuple((pause.start, pause.end) for pause in session.breaks),
        provisional=session.provisional,
        remarks=() if table.continuous else tuple(_remarks(table, session)),
        override=said.reason if said else "",
    )


class _Hours(NamedTuple):
    """The hours of a session as a wall clock shows them, counted from the midnight of its date."""

    open: timedelta
    close: timedelta
    breaks: tuple[tuple[timedelta, timedelta], ...]


def _remarks(table: SessionTable, session: Session) -> Iterator[str]:
    zone = ZoneInfo(table.zone)
    hours, usual = _hours(session, zone), _usual(table, session, zone)
    for bell, here, there in (("open", hours.open, usual.open), ("close", hours.close, usual.close)):
        if here != there:
            yield f"{'early' if here < there else 'late'} {bell}, usually {_clock(there)}"
    if usual.breaks and not hours.breaks:
        yield "no break"
    elif hours.breaks != usual.breaks:
        yield "another break than usual"


def _usual(table: SessionTable, session: Session, zone: ZoneInfo) -> _Hours:
    near = table.between(session.date - NEAR, session.date + NEAR)
    alike = Counter(_hours(one, zone) for one in near if one.date.weekday() == session.date.weekday())
    return alike.most_common(1)[0][0]


def _hours(session: Session, zone: ZoneInfo) -> _Hours:
    midnight = datetime.combine(session.date, time())

    def shown(at: datetime) -> timedelta:
        return at.astimezone(zone).replace(tzinfo=None) - midnight

    pauses = tuple((shown(pause.start), shown(pause.end)) for pause in session.breaks)
    return _Hours(shown(session.open), shown(session.close), pauses)


def _clock(since_midnight: timedelta) -> str:
    hours, minutes = divmod(since_midnight % timedelta(days=1) // timedelta(minutes=1), 60)
    return f"{hours:02}:{minutes:02}"


def _phases(table: SessionTable, day: Day) -> Iterator[PhaseOfDay]:
    """Yield the phases of the whole date without a gap: what is no phase of a session is closed, or a holiday."""
    cuts = {day.start, *_midnights(table, day)}
    if not table.continuous:
        spans = phase_spans(table, day.start, day.end, post_close=table.post_close)
        cuts |= {at for span in spans for at in (span.start, span.end) if day.start < at < day.end}
    last: PhaseOfDay | None = None
    starts = sorted(cuts)
    for start, end in zip(starts, [*starts[1:], day.end], strict=True):
        now = phase_at(table, start)
        if last is not None and (last.phase, last.session_date) == (now.phase, now.session_date):
            last = PhaseOfDay(last.start, end, now.phase, now.session_date)
            continue
        if last is not None:
            yield last
        last = PhaseOfDay(start, end, now.phase, now.session_date)
    if last is not None:
        yield last


def _midnights(table: SessionTable, day: Day) -> Iterator[datetime]:
    """Yield the midnights of the market's own zone within the date: there a holiday, or a session of crypto, begins."""
    zone = ZoneInfo(table.zone)
    for days in range(3):
        local = day.start.astimezone(zone).date() + timedelta(days=days)
        at = datetime.combine(local, time(), zone).astimezone(UTC)
        if day.start < at < day.end:
            yield at


def _bells(table: SessionTable, day: Day) -> Iterator[BellOfDay]:
    """Yield one bell an instant: an open or close is also a change of phase, and is said once."""
    found: dict[datetime, BellOfDay] = {}
    for bell in bells(table, day.start - MICROSECOND, day.end - MICROSECOND):
        known = found.get(bell.at)
        if known is None:
            found[bell.at] = BellOfDay(bell.at, _what(bell), bell.phase, bell.session_date)
        elif known.what == "closes" and bell.kind == "phase":
            found[bell.at] = BellOfDay(bell.at, known.what, bell.phase, known.session_date)
    yield from found.values()


def _what(bell: Bell) -> str:
    return {"opened": "opens", "closed": "closes"}.get(bell.kind, bell.phase.value)
