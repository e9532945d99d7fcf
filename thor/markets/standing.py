"""Say whether a market is open in the way that entries may rely on: open, closed, or unknown.

A market goes by its calendar or by its broker's clock. The broker's answer is kept in a row and grows old: it counts as
given while it is fresh, stands as the cached answer for a few more ticks, and then nobody knows. Where the broker is
the clock, the calendar is the second witness: they must agree for the market to count as open.

    fresh          failures in a row, or ticks in which nobody asked         more than `MOST`
    "broker"  ──►  "broker, cached": the answer and its next bells stand ──►  unknown: not open, for entries
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from thor.env import env
from thor.markets import broker_clock
from thor.markets.models import ClockReading, Market
from thor.markets.registry import market, markets
from thor.markets.sessions import sessions_of
from thor.markets.standing_readings import reading_of
from thor.markets.store import CalendarUnavailable
from thor.markets.table import SessionTable

#: For so many failures in a row the cached answer stands.
MOST: Final = 5
#: By how much two clocks may differ at a bell before the witnesses count as disagreeing.
BELL: Final = timedelta(seconds=10)
NOT_ASKED: Final = "the broker's clock has not answered yet"


class State(StrEnum):
    """Whether a market is open, as far as entries may rely on it."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a market stands at one instant, who says so, and what is wrong with it.

    `calendar_open` is the second witness, for work that must go on while the broker's clock is unknown. `source` is
    "calendar", "broker" or "broker, cached"; `reason` is empty when all is well.
    """

    state: State
    calendar_open: bool
    source: str
    reason: str = ""
    disagrees: bool = False

    @property
    def is_doubtful(self) -> bool:
        """Say whether what depends on the market's being open, or being closed, should rather wait."""
        return self.disagrees or self.state is State.UNKNOWN


def standing(key: str, at: datetime) -> Standing:
    """Return where a market stands; raise `UnknownMarket`. A market that goes by its calendar costs no query."""
    row = market(key)
    if row.clock_source == Market.ClockSource.CALENDAR:
        return _by_calendar(key, at)
    return judge(row, reading_of(key), at)


def by_broker() -> list[Market]:
    """Return the active markets that go by a broker's clock; where there is none this costs no query."""
    return [row for row in markets() if row.active and row.clock_source == Market.ClockSource.BROKER]


def judge(row: Market, reading: ClockReading | None, at: datetime) -> Standing:
    """Return where a market stands that goes by its broker's clock, according to this reading."""
    witness = _by_calendar(row.key, at)
    unsure = broker_clock.why_not(row.calendar) or _why_unknown(reading, at) or witness.reason
    if unsure or reading is None:
        return Standing(State.UNKNOWN, witness.calendar_open, "broker", unsure)
    return _together(reading, sessions_of(row.key), at)


def doubts(reading: ClockReading, at: datetime) -> int:
    """Count the failures in a row, and the ticks in which nobody asked at all, since the last answer.

    An answer of another time, as of the future after a clock was set back, or for a question about next week, is as
    doubtful as an old one.
    """
    silent = int(abs(at - reading.asked_at) / timedelta(seconds=env().scheduler_tick))
    return reading.failures + max(0, silent - 1)


def _by_calendar(key: str, at: datetime) -> Standing:
    try:
        table = sessions_of(key)
    except CalendarUnavailable as error:
        return Standing(State.UNKNOWN, False, "calendar", str(error).rstrip("."))
    if table.is_open(at):
        return Standing(State.OPEN, True, "calendar")
    if _is_beyond(table, at):
        return Standing(State.UNKNOWN, False, "calendar", f"the calendar {table.calendar} does not reach {at:%F}")
    return Standing(State.CLOSED, False, "calendar")


def _is_beyond(table: SessionTable, at: datetime) -> bool:
    """Say whether a table that is closed at this instant is so because it has no sessions there any more, or yet."""
    near = table.around(at, at)
    return not near or near[0].open > at or near[-1].close <= at


def _why_unknown(reading: ClockReading | None, at: datetime) -> str:
    if reading is None:
        return NOT_ASKED
    number = doubts(reading, at)
    if reading.answered_at is None or reading.is_open is None:
        return f"{NOT_ASKED}: {reading.error}" if reading.error else NOT_ASKED
    if number <= MOST:
        return ""
    if reading.failures <= MOST:
        return _asked_last(reading)
    return f"the broker's clock has failed {reading.failures} times in a row: {reading.error}"


def _together(reading: ClockReading, table: SessionTable, at: datetime) -> Standing:
    """Return what both witnesses say of an instant of which the broker's answer may still be used."""
    calendar_open, said = table.is_open(at), _said(reading, at)
    source = "broker, cached" if doubts(reading, at) else "broker"
    wrong = _other_hours(reading, table, at) or _other_state(said, table, at)
    if wrong:
        return Standing(State.CLOSED, calendar_open, source, wrong, disagrees=True)
    state = State.OPEN if said and calendar_open else State.CLOSED
    return Standing(state, calendar_open, source, _why_cached(reading, at))


def _why_cached(reading: ClockReading, at: datetime) -> str:
    if reading.failures:
        return f"the last answer stands, since the broker's clock fails: {reading.error}"
    return f"the last answer stands: {_asked_last(reading)}" if doubts(reading, at) else ""


def _asked_last(reading: ClockReading) -> str:
    return f"the broker's clock was asked last at {reading.asked_at.astimezone(UTC):%F %T} UTC"


def _said(reading: ClockReading, at: datetime) -> bool:
    """Return what the answer says of this instant: its own next bells count, once they have passed."""
    bells = ((reading.opens_at, True), (reading.closes_at, False))
    rung = [(bell, is_open) for bell, is_open in bells if bell is not None and bell <= at]
    return max(rung)[1] if rung else bool(reading.is_open)


def _other_state(said: bool, table: SessionTable, at: datetime) -> str:
    if table.is_open(at) == said or table.is_open(at - BELL) != table.is_open(at + BELL):
        return ""
    words = ("closed", "open")
    return f"the broker says {words[said]}, the calendar {words[not said]}"


def _other_hours(reading: ClockReading, table: SessionTable, at: datetime) -> str:
    zone = ZoneInfo(table.zone)
    if reading.day is None or reading.day != at.astimezone(zone).date():
        return ""
    session = table.on(reading.day)
    ours = (session.open, session.close) if session else (None, None)
    theirs = (reading.day_open, reading.day_close)
    if ours == theirs:
        return ""
    return f"on {reading.day:%F} the broker has {_hours(theirs, zone)}, the calendar {_hours(ours, zone)}"


def _hours(span: tuple[datetime | None, datetime | None], zone: ZoneInfo) -> str:
    opened, closed = span
    if opened is None or closed is None:
        return "no session"
    return f"{opened.astimezone(zone):%H:%M} to {closed.astimezone(zone):%H:%M}"
