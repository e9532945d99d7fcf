"""The port to a broker's clock: what it answers, and which one this process has.

Markets knows no broker. The app that knows one calls `connect` when Django starts, in every process, so that the page
that offers a broker's clock, the job that asks it and the worker that relies on it agree whether there is one.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from thor.errors import ThorError

NOT_CONNECTED = "no broker's clock is connected; set the broker's keys, or the market's clock source to calendar"


class ClockUnavailable(ThorError):
    """The broker's clock gave no answer that can be used."""


@dataclass(frozen=True, slots=True)
class ClockAnswer:
    """What a broker's clock says at one instant, by its own `timestamp`; every instant is aware UTC.

    `opens_at` and `closes_at` are the next bells: while the market is open, `opens_at` is the *next* session's open, so
    how long it has been open cannot be computed from it. `day` is today's date at the exchange, `day_open` and
    `day_close` are its regular hours by the broker's calendar, both None on a date without a session.
    """

    timestamp: datetime
    is_open: bool
    opens_at: datetime
    closes_at: datetime
    day: date
    day_open: datetime | None
    day_close: datetime | None


class BrokerClock(Protocol):
    """A broker that can be asked whether a market is open. It makes one try, within a time-out of its own."""

    #: What people call it in a sentence.
    name: str
    #: The calendars whose hours it tells.
    calendars: frozenset[str]

    def ask(self) -> ClockAnswer:
        """Return what the clock says now; raise `ClockUnavailable` with what went wrong."""


_connected: BrokerClock | None = None


def connect(clock: BrokerClock | None) -> None:
    """Let this process ask that clock from now on; None takes it away."""
    global _connected
    _connected = clock


def connected() -> BrokerClock | None:
    """Return the clock of this process, if it has one."""
    return _connected


def why_not(calendar: str) -> str:
    """Say why a market of this calendar cannot go by a broker's clock; say nothing where it can."""
    if _connected is None:
        return NOT_CONNECTED
    if calendar not in _connected.calendars:
        told = ", ".join(sorted(_connected.calendars))
        return f"{_connected.name} tells the hours of {told} and not of {calendar}; set the clock source to calendar"
    return ""
