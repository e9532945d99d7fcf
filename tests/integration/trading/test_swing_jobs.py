"""When the jobs of entries and exits are due: by New York's bells, on half days and over weekends."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from thor.jobs.registry import specs
from thor.leadership.clock import live_by
from thor.markets.sessions import sessions_of
from thor.testing.broker import InMemoryBroker
from thor.timing import ManualClock, Occurrence
from thor.timing.entry import Entry
from thor.timing.plan import plan
from thor.trading.moment import moment
from thor.trading.readiness import why_not_enter, why_not_exit

pytestmark = pytest.mark.django_db(transaction=True)

#: The day after Thanksgiving closes at 13:00 in New York.
HALF_DAY, HALF_CLOSE = date(2026, 11, 27), datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
OPEN, CLOSE = datetime(2026, 3, 3, 14, 30, tzinfo=UTC), datetime(2026, 3, 3, 21, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def due(name: str, after: datetime, now: datetime) -> list[datetime]:
    """Return when a job is due in (after, now], asked every ten seconds as a leader does."""
    spec = specs()[name]
    entry = Entry(
        id=UUID(int=1), cadence=spec.cadence, window=spec.window, sessions=sessions_of("usa"), market="usa",
        catch_up=spec.catch_up, since=after - timedelta(days=30),
    )  # fmt: skip
    found: list[datetime] = []
    while after < now:
        until = min(now, after + timedelta(seconds=10))
        found += [one.nominal_at for one in plan(entry, after=after, now=until).due]
        after = until
    return found


def late(name: str, after: datetime, now: datetime) -> list[datetime]:
    """Return what is due where nobody asked before `now`."""
    spec = specs()[name]
    entry = Entry(
        id=UUID(int=1), cadence=spec.cadence, window=spec.window, sessions=sessions_of("usa"), market="usa",
        catch_up=spec.catch_up, since=after - timedelta(days=30),
    )  # fmt: skip
    return [one.nominal_at for one in plan(entry, after=after, now=now).due]


def test_entries_are_due_once_from_twenty_five_minutes_before_the_close() -> None:
    begin = CLOSE - 25 * MINUTE

    assert due("entry_signals", OPEN, CLOSE) == [begin]
    assert late("entry_signals", OPEN, begin - SECOND) == []
    assert late("entry_signals", OPEN, begin) == [begin]
    assert late("entry_signals", OPEN, CLOSE - SECOND) == [begin]
    assert late("entry_signals", OPEN, CLOSE) == []


def test_entries_of_a_half_day_are_due_before_its_early_close() -> None:
    assert due("entry_signals", HALF_CLOSE - timedelta(hours=1), HALF_CLOSE) == [HALF_CLOSE - 25 * MINUTE]


def test_swing_exits_are_due_ten_minutes_after_the_close_and_until_the_next_open() -> None:
    at = HALF_CLOSE + 10 * MINUTE
    monday = datetime(2026, 11, 30, 14, 30, tzinfo=UTC)

    assert late("swing_exits", HALF_CLOSE - SECOND, at - SECOND) == []
    assert late("swing_exits", HALF_CLOSE - SECOND, at) == [at]
    assert late("swing_exits", HALF_CLOSE - SECOND, monday - SECOND) == [at]
    assert late("swing_exits", HALF_CLOSE - SECOND, monday) == []


def test_exit_intents_are_due_each_minute_of_the_window_after_the_open() -> None:
    found = due("exit_intents", OPEN, OPEN + timedelta(hours=1))

    assert (found[0], found[-1], len(found)) == (OPEN + 5 * MINUTE, OPEN + 29 * MINUTE, 25)


def test_emergencies_are_looked_for_every_twenty_minutes_while_the_market_is_open() -> None:
    found = due("emergency_exits", OPEN - timedelta(hours=1), CLOSE + timedelta(hours=1))

    assert (found[0], found[-1]) == (OPEN + 10 * MINUTE, CLOSE - 20 * MINUTE)
    assert {later - earlier for earlier, later in pairwise(found)} == {20 * MINUTE}


@pytest.mark.parametrize(
    ("name", "on_doubt", "why", "again"),
    [
        ("entry_signals", "skip", why_not_enter, timedelta(seconds=45)),
        ("exit_intents", "skip", why_not_exit, None),
        ("emergency_exits", "calendar", why_not_exit, None),
        ("swing_exits", "skip", why_not_exit, timedelta(minutes=5)),
    ],
)
def test_each_says_what_it_does_in_doubt_what_it_waits_for_and_whether_it_tries_again(
    name: str, on_doubt: str, why: Any, again: timedelta | None
) -> None:
    spec = specs()[name]

    assert (spec.markets, spec.queue, spec.repeatable) == (("usa",), "trading", True)
    assert spec.options.get("on_doubt", "skip") == on_doubt
    assert spec.options["waits_for"] is why
    assert spec.options.get("tries_again") == again


@pytest.mark.parametrize(
    ("name", "at", "result"),
    [
        ("entry_signals", CLOSE, {"skipped": "the session is over, or has not begun"}),
        ("exit_intents", OPEN + 5 * MINUTE, {"executed": 0}),
        ("emergency_exits", OPEN + 10 * MINUTE, {"looked_at": 0}),
        ("swing_exits", CLOSE + 10 * MINUTE, {"looked_at": 0}),
    ],
)
def test_each_body_asks_the_broker_of_this_process(
    monkeypatch: pytest.MonkeyPatch, name: str, at: datetime, result: dict[str, Any]
) -> None:
    clock = ManualClock(at)
    body = specs()[name].body
    monkeypatch.setitem(body.__globals__, "broker", lambda: InMemoryBroker(clock.now))
    occurrence = Occurrence(uuid4(), at, at + MINUTE, market="usa", session_date=date(2026, 3, 3))

    with live_by(clock):
        assert body(occurrence) == result


def test_a_run_that_waited_is_told_the_moment_and_not_its_own_time() -> None:
    with live_by(ManualClock(OPEN + MINUTE)):
        assert moment(OPEN) == OPEN + MINUTE
        # A clock that is slow does not bring a run before its time.
        assert moment(OPEN + 2 * MINUTE) == OPEN + 2 * MINUTE
