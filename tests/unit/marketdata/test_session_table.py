"""The figures of the running session follow the ticks, whatever the batches, the passes and the order of arrival."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.marketdata.test_foldbook import T0, Kept, ticks
from thor.marketdata import minutes
from thor.marketdata.bars import MINUTE
from thor.marketdata.foldbook import Book
from thor.marketdata.minutes import MinuteTable
from thor.marketdata.ticks import TickBatch

#: Two sessions, the first with a break at its fifth and sixth minute, in which its table goes on.
FIRST, SECOND = T0, T0 + 20 * MINUTE


def session_of(minute: int) -> int | None:
    """Return the open of a session of ten minutes; between the two nothing is open."""
    return next((opened for opened in (FIRST, SECOND) if opened <= minute < opened + 10 * MINUTE), None)


class Followed(Kept):
    """Keep the session's table between passes, too, as bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.session: MinuteTable | None = None

    def book(self) -> Book:
        found = super().book()
        found.session_of, found.session = session_of, self.session
        return found

    def keep(self, book: Book) -> Book:
        table = book.session
        self.session = minutes.decode(table.minute, table.encode()) if table else None
        return super().keep(book)

    def figures(self) -> dict[str, tuple[Any, ...]]:
        assert self.session is not None
        names = ("open", "high", "low", "close", "volume", "trades")
        return {symbol: tuple(row[name] for name in names) for symbol, row in self.session.traded()}


def test_a_session_adds_up_over_its_minutes_and_its_break() -> None:
    kept = Followed()
    kept.take(ticks(0, MINUTE, ("SPY", 5, 10.0, 1.0), ("SPY", 6, 14.0, 2.0)))
    kept.take(ticks(2, 8 * MINUTE, ("SPY", 4 * MINUTE, 9.0, 1.0), ("IBM", 7 * MINUTE, 3.0, 1.0)))

    assert kept.session is not None
    assert kept.session.minute == FIRST
    assert kept.figures() == {"SPY": (10, 14, 9, 9, 4 * 10**8, 3), "IBM": (3, 3, 3, 3, 10**8, 1)}


def test_a_new_session_begins_afresh_and_a_late_tick_of_the_old_one_does_not_count_in_it() -> None:
    kept = Followed()
    kept.take(ticks(0, 9 * MINUTE, ("SPY", 8 * MINUTE, 10.0, 1.0)))
    kept.take(ticks(1, 20 * MINUTE + 9, ("SPY", 20 * MINUTE + 5, 20.0, 1.0), ("SPY", 9 * MINUTE, 99.0, 1.0)))
    kept.take(ticks(3, 21 * MINUTE, ("SPY", 9 * MINUTE + 1, 1.0, 1.0)))

    assert kept.session is not None
    assert kept.session.minute == SECOND
    assert kept.figures() == {"SPY": (20, 20, 20, 20, 10**8, 1)}
    assert len(kept.bars) == 3


def test_ticks_outside_of_any_session_are_folded_and_leave_the_figures_as_they_are() -> None:
    kept = Followed()
    kept.take(ticks(0, 9 * MINUTE, ("SPY", 8 * MINUTE, 10.0, 1.0)))
    kept.take(ticks(1, 16 * MINUTE, ("SPY", 15 * MINUTE, 50.0, 1.0)))

    assert kept.figures() == {"SPY": (10, 10, 10, 10, 10**8, 1)}
    assert sorted(bar.close for bar in kept.bars.values()) == [10, 50]


def test_the_session_goes_on_in_a_new_run_of_the_same_source() -> None:
    kept = Followed()
    kept.take(ticks(0, MINUTE, ("SPY", 5, 10.0, 1.0)))
    kept.take(ticks(0, MINUTE + 9, ("SPY", MINUTE + 5, 11.0, 1.0), run="another"))

    assert kept.figures() == {"SPY": (10, 11, 10, 11, 2 * 10**8, 2)}


def test_a_run_of_another_source_or_back_in_time_begins_the_session_afresh() -> None:
    for run in (
        ticks(0, MINUTE + 9, ("SPY", MINUTE + 5, 11.0, 1.0), run="another", source="ELSE"),
        ticks(0, MINUTE + 9, ("SPY", MINUTE - 1, 11.0, 1.0), run="another"),
    ):
        kept = Followed()
        kept.take(ticks(0, MINUTE, ("SPY", 5, 10.0, 1.0)))
        kept.take(run)

        assert kept.figures() == {"SPY": (11, 11, 11, 11, 10**8, 1)}


def test_a_quote_alone_makes_no_figure() -> None:
    kept = Followed()
    kept.take(ticks(0, MINUTE, ("SPY", 5, float("nan"), float("nan"))))

    assert kept.figures() == {}


def test_a_table_can_be_asked_for_some_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    """And then makes nothing of the others: there are thousands of them."""
    kept = Followed()
    kept.take(ticks(0, MINUTE, ("SPY", 5, 10.0, 1.0), ("IBM", 6, 14.0, 2.0), ("GLD", 6, float("nan"), float("nan"))))
    assert kept.session is not None

    made: list[str] = []
    monkeypatch.setattr(minutes, "dict", lambda pairs: made.append("row") or dict(pairs), raising=False)
    found = {symbol: row["close"] for symbol, row in kept.session.traded(["IBM", "GLD", "AAPL"])}

    assert found == {"IBM": 14.0}
    assert made == ["row"]


rows = st.lists(
    st.tuples(st.sampled_from(["A", "B"]), st.integers(0, 30 * MINUTE), st.integers(1, 50), st.integers(0, 9)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(rows, st.integers(1, 30))
def test_the_session_does_not_depend_on_passes(drawn: list[tuple[str, int, int, int]], size: int) -> None:
    trades = sorted(
        ((symbol, at, price / 4, float(count)) for symbol, at, price, count in drawn), key=lambda row: row[1]
    )
    entries: list[TickBatch] = []
    for start in range(0, len(trades), size):
        part = trades[start : start + size]
        entries.append(ticks(start, part[-1][1], *part))

    at_once, spread = Followed(), Followed()
    at_once.take(*entries)
    for entry in entries:
        spread.take(entry)

    known = [kept.session.minute if kept.session else None for kept in (at_once, spread)]
    assert (
        known[0]
        == known[1]
        == next((session_of(T0 + at) for _, at, _, _ in reversed(trades) if session_of(T0 + at)), None)
    )
    if known[0] is not None:
        assert at_once.figures() == spread.figures()
