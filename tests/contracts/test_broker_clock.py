"""What every broker's clock must do: Alpaca's, against a server of this machine, the paper broker's, and the twin.

The hours are those that the New York Stock Exchange published for the week of Thanksgiving 2026, with its half day.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.integration.trading.alpaca_server import KEYS, serving
from tests.integration.trading.given_up import PATIENT
from thor.markets.broker_clock import BrokerClock, ClockAnswer, ClockUnavailable
from thor.markets.sessions import sessions_of_calendar
from thor.markets.store import CalendarUnavailable
from thor.markets.table import SessionTable
from thor.testing.broker_clock import InMemoryBrokerClock
from thor.trading.alpaca_clock import AlpacaClock
from thor.trading.brokers.paper.clock import PaperClock

HOURS = {
    "2026-11-24": ("09:30", "16:00"),
    "2026-11-25": ("09:30", "16:00"),
    "2026-11-27": ("09:30", "13:00"),
    "2026-11-30": ("09:30", "16:00"),
}


def local(text: str) -> datetime:
    """Return an instant that is written in New York's winter time."""
    return datetime.fromisoformat(f"{text}-05:00").astimezone(UTC)


#: At this instant: is it open, when does it open next, when does it close next, what are the hours of the day?
WEEK = {
    "before the open": ("2026-11-25T09:29", False, "2026-11-25T09:30", "2026-11-25T16:00", "2026-11-25"),
    "at the open": ("2026-11-25T09:30", True, "2026-11-27T09:30", "2026-11-25T16:00", "2026-11-25"),
    "before the close": ("2026-11-25T15:59", True, "2026-11-27T09:30", "2026-11-25T16:00", "2026-11-25"),
    "at the close": ("2026-11-25T16:00", False, "2026-11-27T09:30", "2026-11-27T13:00", "2026-11-25"),
    "after midnight in London": ("2026-11-24T21:00", False, "2026-11-25T09:30", "2026-11-25T16:00", "2026-11-24"),
    "on a holiday": ("2026-11-26T11:00", False, "2026-11-27T09:30", "2026-11-27T13:00", "2026-11-26"),
    "on a half day": ("2026-11-27T12:00", True, "2026-11-30T09:30", "2026-11-27T13:00", "2026-11-27"),
    "after a half day": ("2026-11-27T14:00", False, "2026-11-30T09:30", "2026-11-30T16:00", "2026-11-27"),
    "on a Saturday": ("2026-11-28T11:00", False, "2026-11-30T09:30", "2026-11-30T16:00", "2026-11-28"),
}


@dataclass
class Case:
    """A clock, a way to set its time to a moment of that week, and one that is cut off."""

    clock: BrokerClock
    set: Callable[[str], None]
    unreachable: BrokerClock


@pytest.fixture(params=["in memory", "paper", "alpaca"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    if request.param != "alpaca":
        yield in_memory() if request.param == "in memory" else paper()
        return
    with serving() as alpaca:
        alpaca.calendar = dict(HOURS)

        def set_time(moment: str) -> None:
            at, is_open, opens, closes, _ = WEEK[moment]
            alpaca.tells(f"{at}:00-05:00", is_open=is_open, next_open=f"{opens}-05:00", next_close=f"{closes}-05:00")

        nobody = AlpacaClock("http://127.0.0.1:9", *KEYS)
        yield Case(AlpacaClock(alpaca.url, *KEYS, timeout=PATIENT), set_time, nobody)


def in_memory() -> Case:
    now = [local("2026-11-24T00:00")]
    table = sessions_of_calendar("XNYS")
    cut = InMemoryBrokerClock(table, lambda: now[0])
    cut.cut()
    return Case(
        InMemoryBrokerClock(table, lambda: now[0]), lambda moment: now.__setitem__(0, local(WEEK[moment][0])), cut
    )


def paper() -> Case:
    now = [local("2026-11-24T00:00")]
    clock = PaperClock(lambda: sessions_of_calendar("XNYS"), lambda: now[0], "XNYS")
    unreadable = PaperClock(no_sessions, lambda: now[0], "XNYS")
    return Case(clock, lambda moment: now.__setitem__(0, local(WEEK[moment][0])), unreadable)


def no_sessions() -> SessionTable:
    raise CalendarUnavailable("the calendar XNYS cannot be made")


@pytest.mark.parametrize("moment", WEEK)
def test_a_clock_tells_the_state_the_next_bells_and_the_hours_of_the_day(case: Case, moment: str) -> None:
    at, is_open, opens, closes, day = WEEK[moment]
    hours = [local(f"{day}T{text}") for text in HOURS.get(day, ())] or [None, None]
    case.set(moment)

    found = case.clock.ask()

    assert found == ClockAnswer(
        local(at), is_open, local(opens), local(closes), date.fromisoformat(day), hours[0], hours[1]
    )


def test_instants_are_utc(case: Case) -> None:
    case.set("on a half day")

    found = case.clock.ask()

    instants = (found.timestamp, found.opens_at, found.closes_at, found.day_open, found.day_close)
    assert [at.utcoffset() for at in instants if at] == [timedelta(0)] * 5


def test_a_clock_that_cannot_be_reached_says_so(case: Case) -> None:
    with pytest.raises(ClockUnavailable, match=r"\w"):
        case.unreachable.ask()


def test_a_clock_names_itself_and_its_calendars(case: Case) -> None:
    assert case.clock.name
    assert "XNYS" in case.clock.calendars
