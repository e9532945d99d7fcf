"""Questions to a table of sessions, at the instants where answers change."""

import functools
import threading
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from thor.markets.sessions import sessions_of_calendar
from thor.markets.table import SessionTable
from thor.timing.session import Session, Sessions


@functools.cache
def tokyo() -> list[Session]:
    return sessions_of_calendar("XTKS").between(date(1997, 1, 1), date(2033, 1, 1))


MOMENT = timedelta(microseconds=1)
INSTANTS = st.datetimes(datetime(1998, 1, 1), datetime(2032, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


def test_a_session_begins_with_its_open_and_ends_before_its_close():
    table = sessions_of_calendar("XNYS")
    session = table.on(date(2026, 11, 27))

    assert not table.is_open(session.open - MOMENT)
    assert table.is_open(session.open)
    assert table.is_open(session.close - MOMENT)
    assert not table.is_open(session.close)


def test_a_break_is_not_open():
    table = sessions_of_calendar("XTKS")
    pause = table.on(date(2021, 1, 14)).breaks[0]

    assert table.is_open(pause.start - MOMENT)
    assert not table.is_open(pause.start)
    assert not table.is_open(pause.end - MOMENT)
    assert table.is_open(pause.end)


def test_crypto_is_open_across_midnight():
    table = sessions_of_calendar("24/7")

    assert table.continuous
    assert all(table.is_open(datetime(2028, 2, 29, tzinfo=UTC) + offset) for offset in (-MOMENT, MOMENT * 0, MOMENT))


@settings(deadline=None, max_examples=300)
@given(at=INSTANTS, calendar=st.sampled_from(["XNYS", "XTKS", "XSHG", "CMES-GLOBEX", "XNYS-PRE", "24/7"]))
def test_open_agrees_with_the_sessions_around(at, calendar):
    table = sessions_of_calendar(calendar)

    spans = [span for session in table.around(at, at) for span in session.trading_spans()]

    assert table.is_open(at) == any(span.contains(at) for span in spans)


@settings(deadline=None, max_examples=200)
@given(at=INSTANTS, hours=st.integers(0, 24 * 40))
def test_around_gives_the_overlapping_sessions_and_a_neighbour_on_each_side(at, hours):
    table, end = sessions_of_calendar("XTKS"), at + timedelta(hours=hours)
    every = tokyo()
    low = max(bisect_right([session.close for session in every], at) - 1, 0)
    high = bisect_right([session.open for session in every], end) + 1

    assert list(table.around(at, end)) == every[low:high]


def test_before_the_first_session_the_market_is_closed():
    table = sessions_of_calendar("XNYS")
    long_ago = datetime(1929, 10, 29, 15, tzinfo=UTC)

    assert not table.is_open(long_ago)
    assert len(table.around(long_ago, long_ago)) == 1


def test_the_end_of_time_is_closed_and_costs_no_thousand_years():
    table = SessionTable("XNYS", sessions_of_calendar("XNYS")._columns)
    end = datetime.max.replace(tzinfo=UTC)

    assert not table.is_open(end)
    assert len(table.around(end, end)) == 1
    assert table.between(date(2101, 1, 1), date.max) == []


def test_a_growing_table_keeps_its_earlier_answers():
    table = SessionTable("XSHG", sessions_of_calendar("XSHG")._columns)
    start = datetime(2026, 12, 1, tzinfo=UTC)
    before = table.around(start, start + timedelta(days=20))

    table.around(start, datetime(2040, 1, 1, tzinfo=UTC))

    assert table.around(start, start + timedelta(days=20)) == before


def test_many_threads_may_make_a_table_grow_at_once():
    table = SessionTable("XSHG", sessions_of_calendar("XSHG")._columns)
    answers: list[int] = []

    def ask(year: int) -> None:
        answers.append(len(table.between(date(year, 1, 1), date(year, 12, 31))))

    threads = [threading.Thread(target=ask, args=(2035,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [261] * 8


def test_a_table_is_what_timing_plans_with():
    sessions: Sessions = sessions_of_calendar("XNYS")

    assert sessions.around(datetime(2013, 10, 7, tzinfo=UTC), datetime(2013, 10, 8, tzinfo=UTC))
