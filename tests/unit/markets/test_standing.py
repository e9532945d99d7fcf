"""Where a market stands, by the age of the broker's answer and by what the calendar says."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import InterfaceError

from thor.markets import broker_clock, standing_readings
from thor.markets.broker_clock import ClockAnswer
from thor.markets.models import ClockReading, Market
from thor.markets.sessions import sessions_of_calendar
from thor.markets.standing import MOST, Standing, State, doubts, judge, standing
from thor.markets.store import CalendarUnavailable


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


TUESDAY = utc("2026-11-24T15:00:00")
OPEN, CLOSE, NEXT_OPEN = utc("2026-11-24T14:30:00"), utc("2026-11-24T21:00:00"), utc("2026-11-25T14:30:00")
TICK = timedelta(seconds=60)


class Connected:
    """A clock that is there and is never asked."""

    name = "A broker's clock"
    calendars = frozenset({"XNYS"})

    def ask(self) -> ClockAnswer:
        """Fail: a standing asks nobody."""
        raise AssertionError


@pytest.fixture(autouse=True)
def usa(monkeypatch: pytest.MonkeyPatch) -> Market:
    """Let New York go by a broker's clock, without a database."""
    row = Market(key="usa", name="New York", calendar="XNYS", zone="America/New_York", clock_source="broker")
    monkeypatch.setattr("thor.markets.standing.market", lambda key: row)
    monkeypatch.setattr("thor.markets.standing.sessions_of", lambda key: sessions_of_calendar("XNYS"))
    monkeypatch.setattr("thor.markets.standing.reading_of", lambda key: None)
    monkeypatch.setattr(broker_clock, "_connected", Connected())
    return row


def reading(**changes: Any) -> ClockReading:
    """Return a good answer of Tuesday at ten in New York, changed."""
    values = {
        "asked_at": TUESDAY,
        "answered_at": TUESDAY,
        "is_open": True,
        "opens_at": NEXT_OPEN,
        "closes_at": CLOSE,
        "day": date(2026, 11, 24),
        "day_open": OPEN,
        "day_close": CLOSE,
        **changes,
    }
    return ClockReading(market_id=1, **values)


def closed_before(at: datetime) -> dict[str, Any]:
    """Return the answer before the bell: the next open is today's, the next close too."""
    return {"asked_at": at, "answered_at": at, "is_open": False, "opens_at": OPEN, "closes_at": CLOSE}


def test_a_good_answer_that_the_calendar_confirms_is_open(usa: Market) -> None:
    assert judge(usa, reading(), TUESDAY) == Standing(State.OPEN, True, "broker")


@pytest.mark.parametrize(("failures", "state"), [(0, "open"), (1, "open"), (MOST, "open"), (MOST + 1, "unknown")])
def test_failures_in_a_row_make_an_answer_cached_and_then_worthless(usa: Market, failures: int, state: str) -> None:
    found = judge(usa, reading(failures=failures, error="Alpaca answered 500"), TUESDAY)

    assert found.state == state
    assert found.source == ("broker" if state == "unknown" or not failures else "broker, cached")
    assert ("Alpaca answered 500" in found.reason) == bool(failures)


@pytest.mark.parametrize(
    ("age", "number"),
    [(0, 0), (60, 0), (119.9, 0), (120, 1), (180, 2), (419, 5), (420, 6), (-60, 0), (-420, 6), (86_400, 1439)],
)
def test_each_tick_in_which_nobody_asked_counts_as_a_failure(usa: Market, age: float, number: int) -> None:
    asked = TUESDAY - timedelta(seconds=age)

    assert doubts(reading(asked_at=asked), TUESDAY) == number
    assert judge(usa, reading(asked_at=asked), TUESDAY).state == (State.UNKNOWN if number > MOST else State.OPEN)


def test_silence_and_failures_add_up(usa: Market) -> None:
    found = judge(usa, reading(asked_at=TUESDAY - 5 * TICK, failures=2), TUESDAY)

    assert found.state is State.UNKNOWN
    assert found.reason == "the broker's clock was asked last at 2026-11-24 14:55:00 UTC"


@pytest.mark.parametrize(
    ("asked", "at", "said", "state"),
    [
        # asked while it was closed: its own next bells pass
        ("14:29:30", "14:29:59.999999", False, "closed"),
        ("14:29:30", "14:30:00", False, "open"),
        # asked while it was open
        ("20:59:30", "20:59:59.999999", True, "open"),
        ("20:59:30", "21:00:00", True, "closed"),
        ("20:59:30", "21:04:00", True, "closed"),
    ],
)
def test_the_answers_next_bells_count_when_they_have_passed(
    usa: Market, asked: str, at: str, said: bool, state: str
) -> None:
    when = utc(f"2026-11-24T{asked}")
    changes = {"asked_at": when, "answered_at": when} if said else closed_before(when)

    found = judge(usa, reading(**changes), utc(f"2026-11-24T{at}"))

    assert (found.state, found.disagrees) == (state, False)


def test_tomorrows_open_does_not_make_an_open_market_closed(usa: Market) -> None:
    at = NEXT_OPEN
    found = judge(usa, reading(asked_at=at - TICK, answered_at=at - TICK, day=date(2026, 11, 24)), at)

    assert (found.state, found.disagrees) == (State.OPEN, False)


@pytest.mark.parametrize(
    ("changes", "at", "reason"),
    [
        ({"is_open": False, "opens_at": NEXT_OPEN}, TUESDAY, "the broker says closed, the calendar open"),
        (
            {"closes_at": utc("2026-11-24T22:00:00"), "day": None},
            CLOSE + TICK,
            "the broker says open, the calendar closed",
        ),
        (
            {"day_close": utc("2026-11-24T18:00:00")},
            TUESDAY,
            "on 2026-11-24 the broker has 09:30 to 13:00, the calendar 09:30 to 16:00",
        ),
        (
            {"day_open": None, "day_close": None},
            TUESDAY,
            "on 2026-11-24 the broker has no session, the calendar 09:30 to 16:00",
        ),
    ],
    ids=["closed for the broker", "open for the broker", "a half day", "a holiday"],
)
def test_where_the_witnesses_disagree_it_is_closed(
    usa: Market, changes: dict[str, Any], at: datetime, reason: str
) -> None:
    found = judge(usa, reading(**{"asked_at": at, "closes_at": NEXT_OPEN + timedelta(hours=7)} | changes), at)

    assert found == Standing(State.CLOSED, at == TUESDAY, "broker", reason, disagrees=True)


@pytest.mark.parametrize(
    ("at", "disagrees"),
    [("14:29:55", False), ("14:29:45", True), ("14:30:05", False), ("14:30:15", True)],
)
def test_clocks_that_differ_by_seconds_are_no_disagreement_at_a_bell(usa: Market, at: str, disagrees: bool) -> None:
    when = utc(f"2026-11-24T{at}")
    early, late = {"is_open": True}, {"is_open": False, "opens_at": when + timedelta(seconds=3)}

    found = judge(usa, reading(asked_at=when, **(early if when < OPEN else late)), when)

    assert (found.state, found.disagrees) == (State.CLOSED, disagrees)


def test_yesterdays_hours_say_nothing_of_today(usa: Market) -> None:
    found = judge(usa, reading(day=date(2026, 11, 23), day_open=None, day_close=None), TUESDAY)

    assert (found.state, found.disagrees) == (State.OPEN, False)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (None, "the broker's clock has not answered yet"),
        (
            reading(answered_at=None, is_open=None, failures=1, error="no"),
            "the broker's clock has not answered yet: no",
        ),
    ],
)
def test_a_clock_that_has_never_answered_is_unknown(usa: Market, found: ClockReading | None, reason: str) -> None:
    assert judge(usa, found, TUESDAY) == Standing(State.UNKNOWN, True, "broker", reason)


def test_without_a_connection_even_a_good_answer_is_unknown(usa: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_clock, "_connected", None)

    found = judge(usa, reading(), TUESDAY)

    assert (found.state, found.calendar_open) == (State.UNKNOWN, True)
    assert found.reason.startswith("no broker's clock is connected")


def test_without_its_second_witness_a_good_answer_is_unknown(usa: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(key: str) -> None:
        raise CalendarUnavailable("there is no calendar.")

    monkeypatch.setattr("thor.markets.standing.sessions_of", unreadable)

    assert judge(usa, reading(), TUESDAY) == Standing(State.UNKNOWN, False, "broker", "there is no calendar")


@pytest.mark.parametrize(
    ("at", "state", "is_open"),
    [
        ("2026-11-24T15:00:00", "open", True),
        ("2026-11-24T21:00:00", "closed", False),
        ("2026-11-26T15:00:00", "closed", False),
        ("1950-01-04T15:00:00", "unknown", False),
        ("2105-01-05T15:00:00", "unknown", False),
    ],
    ids=["open", "after the close", "a holiday", "before the calendar", "after the calendar"],
)
def test_a_market_that_goes_by_its_calendar(usa: Market, at: str, state: str, is_open: bool) -> None:
    usa.clock_source = Market.ClockSource.CALENDAR

    found = standing("usa", utc(at))

    assert (found.state, found.calendar_open, found.source) == (state, is_open, "calendar")
    assert bool(found.reason) == (state == "unknown")


def test_an_answer_of_today_says_nothing_of_next_week(usa: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thor.markets.standing.reading_of", lambda key: reading())

    assert standing("usa", TUESDAY).state is State.OPEN
    assert standing("usa", TUESDAY + timedelta(days=7)).state is State.UNKNOWN


def test_readings_are_forgotten_after_a_write() -> None:
    standing_readings._stale_at = float("inf")

    standing_readings.forget_readings()

    assert standing_readings._stale_at < 0


def test_a_connection_that_the_server_closed_leaves_the_last_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    last = reading()

    def closed(*_: Any) -> None:
        raise InterfaceError("the connection is closed")

    monkeypatch.setattr(ClockReading.objects, "select_related", closed)
    monkeypatch.setattr(standing_readings, "_readings", {"usa": last})
    monkeypatch.setattr(standing_readings, "_stale_at", float("-inf"))

    assert standing_readings.reading_of("usa") is last
