"""What the API says: the models of its answers, made from what the markets say of themselves.

Instants are ISO 8601: `utc` ends in Z, `local` has the offset of the market's zone at that instant. Weights and the
composite are decimals written as strings, so that no reader's float changes them.
"""

import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from ninja import Schema
from pydantic import Field

from thor.dashboard.api.upcoming import Upcoming
from thor.markets.composite import Composite, SessionPhase
from thor.markets.models import Market
from thor.markets.overrides import DayOverride
from thor.markets.selectors import MarketStatus
from thor.markets.standing import Standing, State
from thor.markets.table import SessionTable
from thor.timing import session as timing
from thor.timing.phase import Phase

#: What is said of a market's status as it is.
_AS_THEY_ARE: Final = (
    *("key", "name", "role", "active", "zone", "phase", "session_date", "next_event"),
    *("override", "override_hours", "provisional", "known_until"),
)


class Moment(Schema):
    """One instant, twice: as machines and as the market's people write it."""

    utc: datetime
    local: datetime

    @classmethod
    def of(cls, at: datetime, zone: ZoneInfo) -> "Moment":
        """Return an instant in both writings."""
        return cls(utc=at, local=at.astimezone(zone))


class Capture(Schema):
    """What is captured at a market's bells."""

    futures: bool
    open: bool
    close: bool


class MarketAnswer(Schema):
    """A market as operators have entered it."""

    key: str = Field(description="Its name in addresses, jobs and logs; never changed.")
    name: str
    role: Market.Role = Field(description="A control market rings bells, a venue is where instruments trade.")
    calendar: str = Field(description="A calendar of exchange_calendars, or one derived from it.")
    zone: str = Field(description="Its time zone, for example Asia/Tokyo.")
    weight: Decimal = Field(description="Its share of the global composite, 0 to 1.")
    currency: str
    active: bool = Field(description="False: no bells and no entries.")
    capture: Capture
    clock_source: Market.ClockSource
    post_close_seconds: int = Field(description="How long after the close it is post close.")

    @classmethod
    def of(cls, row: Market) -> "MarketAnswer":
        """Return what is said of a row."""
        capture = Capture(futures=row.capture_futures, open=row.capture_open, close=row.capture_close)
        names = ("key", "name", "role", "calendar", "zone", "weight", "currency", "active", "clock_source")
        values = {name: getattr(row, name) for name in names}
        return cls(**values, capture=capture, post_close_seconds=row.post_close // timedelta(seconds=1))


class StandingAnswer(Schema):
    """Whether a market is open as far as entries may rely on it, and who says so."""

    state: State = Field(description="Unknown is not open: no entries.")
    source: str = Field(description="calendar, broker, or broker, cached.")
    calendar_open: bool = Field(description="What the calendar alone says, the second witness.")
    disagrees: bool = Field(description="Whether broker and calendar disagree; the more careful answer then stands.")
    reason: str = Field(description="A sentence; empty when all is well.")

    @classmethod
    def of(cls, standing: Standing) -> "StandingAnswer":
        """Return what is said of a standing."""
        return cls(**{name: getattr(standing, name) for name in cls.model_fields})


class StatusAnswer(Schema):
    """A market at one instant."""

    key: str
    name: str
    role: Market.Role
    active: bool
    zone: str
    at: Moment
    phase: Phase = Field(description="By the calendar; pre_close is still open, a break is not.")
    session_date: date | None = Field(description="The session that the phase belongs to, if to any.")
    is_open: bool = Field(description="Whether standing.state is open.")
    standing: StandingAnswer
    next_open: Moment | None = Field(description="The first open after `at`: while open, that of the next session.")
    next_close: Moment | None = Field(description="The first close after `at`: while open, that of this session.")
    next_event: Literal["open", "break", "resume", "close"] | None
    next_event_at: Moment | None = Field(description="None for a market without bells.")
    seconds_to_next_event: int | None = Field(description="Rounded up, so never 0 before the event.")
    holiday_today: bool = Field(description="Its local date is a weekday on which it trades, and has no session.")
    override: str = Field(description="Why an operator changed today's session; empty when the calendar rules.")
    override_hours: str = Field(description="What that changes: closed, opens 10:30, closes 13:00.")
    provisional: bool = Field(description="The hours are the usual ones: the calendar does not reach so far.")
    known_until: date | None = Field(description="The last date of its calendar; null where it cannot be read.")

    @classmethod
    def of(cls, status: MarketStatus, standing: Standing, ahead: Upcoming, at: datetime) -> "StatusAnswer":
        """Return what is said of a market at this instant."""
        zone = ZoneInfo(status.zone)
        values = {name: getattr(status, name) for name in _AS_THEY_ARE}
        return cls(
            **values,
            at=Moment.of(at, zone),
            is_open=standing.state is State.OPEN,
            standing=StandingAnswer.of(standing),
            next_open=_moment(ahead.open, zone),
            next_close=_moment(ahead.close, zone),
            next_event_at=_moment(status.next_event_at, zone),
            seconds_to_next_event=_seconds(status.next_event_at, at),
            holiday_today=status.holiday,
        )


class Counted(Schema):
    """A market that counts in the composite."""

    key: str
    name: str
    weight: Decimal


class CompositeAnswer(Schema):
    """The global composite."""

    at: datetime
    composite: Decimal = Field(description="Sum of weight × 100 over the markets that are counted.")
    session_phase: SessionPhase = Field(description="By the hour in UTC: from 0, from 8, from 14, from 21.")
    markets: list[Counted] = Field(description="The active control markets that trade, by their calendars.")

    @classmethod
    def of(cls, found: Composite) -> "CompositeAnswer":
        """Return what is said of a composite."""
        counted = [Counted(key=row.key, name=row.name, weight=row.weight) for row in found.markets]
        return cls(at=found.at, composite=found.value, session_phase=found.session_phase, markets=counted)


class ActiveMarket(Schema):
    """An active market that trades."""

    key: str
    name: str
    role: Market.Role


class ActiveAnswer(Schema):
    """The active markets that trade, by their calendars."""

    at: datetime
    any: bool = Field(description="Whether there is one at all.")
    markets: list[ActiveMarket]

    @classmethod
    def of(cls, rows: list[Market], at: datetime) -> "ActiveAnswer":
        """Return what is said of the markets that trade at this instant."""
        markets = [ActiveMarket(key=row.key, name=row.name, role=Market.Role(row.role)) for row in rows]
        return cls(at=at, any=bool(rows), markets=markets)


class Pause(Schema):
    """A break in a session: it starts at `start`, trading goes on at `end`."""

    start: Moment
    end: Moment


class SessionAnswer(Schema):
    """One session of a market."""

    date: date
    open: Moment
    close: Moment
    breaks: list[Pause]
    trading_seconds: int = Field(description="From open to close without the breaks.")
    provisional: bool = Field(description="The hours are the usual ones: the calendar does not reach so far.")

    @classmethod
    def of(cls, session: timing.Session, zone: ZoneInfo) -> "SessionAnswer":
        """Return what is said of a session."""
        traded = sum((span.end - span.start for span in session.trading_spans()), timedelta())
        pauses = [Pause(start=Moment.of(span.start, zone), end=Moment.of(span.end, zone)) for span in session.breaks]
        return cls(
            date=session.date,
            open=Moment.of(session.open, zone),
            close=Moment.of(session.close, zone),
            breaks=pauses,
            trading_seconds=int(traded.total_seconds()),
            provisional=session.provisional,
        )


class OverrideAnswer(Schema):
    """What an operator changed of one date; a date that is closed has no session."""

    date: date
    hours: str = Field(description="closed, or for example opens 10:30, closes 13:00.")
    reason: str

    @classmethod
    def of(cls, override: DayOverride) -> "OverrideAnswer":
        """Return what is said of an override."""
        return cls(date=override.date, hours=override.hours, reason=override.reason)


class SessionsAnswer(Schema):
    """The sessions of a market on a range of dates, both included."""

    market: str
    zone: str
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    known_until: date = Field(description="The last date of its calendar; later sessions are provisional.")
    sessions: list[SessionAnswer]
    overrides: list[OverrideAnswer]

    @classmethod
    def of(cls, row: Market, table: SessionTable, first: date, last: date) -> "SessionsAnswer":
        """Return what is said of a market's sessions from the first date to the last."""
        days = sorted(day for day in table.overrides if first <= day <= last)
        values: dict[str, Any] = {"from": first, "to": last}
        return cls(
            **values,
            market=row.key,
            zone=row.zone,
            known_until=table.known_until,
            sessions=[SessionAnswer.of(session, row.zone_info) for session in table.between(first, last)],
            overrides=[OverrideAnswer.of(table.overrides[day]) for day in days],
        )


def _moment(at: datetime | None, zone: ZoneInfo) -> Moment | None:
    return None if at is None else Moment.of(at, zone)


def _seconds(until: datetime | None, at: datetime) -> int | None:
    return None if until is None else math.ceil((until - at).total_seconds())
