"""A new run of a feed that goes on loses no tick, and makes up nothing for the time in which nobody looked."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.marketdata.test_foldbook import T0, UNQUOTED, Kept, ticks
from thor.marketdata.bars import MINUTE
from thor.marketdata.ticks import TickBatch, make

SECOND = 10**9
#: T0 is 13:30 UTC; the feed is away from 13:00 to 15:30, over an open at 14:30.
AWAY, OPEN, BACK = -30 * MINUTE, 60 * MINUTE, 120 * MINUTE


def minutes_of(kept: Kept) -> list[int]:
    return [(mark["minute"] - T0) // MINUTE for mark in kept.marks]


def newest(kept: Kept) -> list[list[Any]]:
    return kept.marks[-1]["rows"]


def figures(kept: Kept) -> dict[int, tuple[Any, ...]]:
    names = ("open", "high", "low", "close", "volume", "ticks")
    return {start: tuple(getattr(bar, name) for name in names) for (_, start), bar in sorted(kept.bars.items())}


def in_passes(*batches: TickBatch, at_once: bool) -> Kept:
    kept = Kept()
    for part in [batches] if at_once else [(batch,) for batch in batches]:
        kept.take(*part)
    return kept


def feed_that_was_away(*late: tuple[str, int, float, float]) -> tuple[TickBatch, ...]:
    return (
        ticks(0, AWAY, ("SPY", AWAY - 90 * SECOND, 100.0, 10.0), ("IBM", AWAY - 80 * SECOND, 50.0, 5.0)),
        ticks(2, AWAY + SECOND, ("SPY", AWAY, 101.0, 1.0)),
        ticks(0, BACK + SECOND, *late, run="another"),
        ticks(len(late), BACK + 40 * SECOND, ("SPY", BACK + 30 * SECOND, 90.0, 2.0), run="another"),
        ticks(len(late) + 1, BACK + 3 * MINUTE, ("IBM", BACK + 70 * SECOND, 40.0, 1.0), run="another"),
    )


@pytest.mark.parametrize("at_once", [True, False])
def test_ticks_of_two_runs_within_one_minute_are_one_bar(at_once: bool) -> None:
    first = [("SPY", number * SECOND, 100.0 + number, 10.0) for number in range(10)]
    second = [("SPY", (30 + number) * SECOND, 200.0 + number, 10.0) for number in range(5)]

    kept = in_passes(ticks(0, 20 * SECOND, *first), ticks(0, 70 * SECOND, *second, run="another"), at_once=at_once)

    assert list(figures(kept).values()) == [(100, 204, 100, 204, 150, 15)]


def test_a_bar_that_was_sent_already_is_sent_again_with_all_of_its_ticks() -> None:
    kept = Kept()
    book = kept.take(ticks(0, 20 * SECOND, ("SPY", SECOND, 100.0, 10.0), ("IBM", SECOND, 50.0, 1.0)))
    book.close(T0 + MINUTE)
    kept.keep(book)
    assert kept.sent == 2

    kept.take(ticks(0, 70 * SECOND, ("SPY", 40 * SECOND, 99.0, 5.0), run="another"))

    assert {bar.symbol: (bar.close, bar.volume, bar.ticks) for bar in kept.bars.values()} == {
        "SPY": (99, 15, 2),
        "IBM": (50, 1, 1),
    }
    assert kept.sent == 3


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("late", [(), (("SPY", OPEN - 5 * MINUTE, 95.0, 1.0),)])
def test_an_open_that_the_feed_did_not_see_has_no_mark(at_once: bool, late: Any) -> None:
    """Also where the first thing that comes after it is a trade of before it."""
    kept = in_passes(*feed_that_was_away(*late), at_once=at_once)

    assert datetime.fromtimestamp((T0 + OPEN) / 1e9, UTC).strftime("%H:%M") == "14:30"
    assert minutes_of(kept) == [-31, -30, 121, 122, 123]


@pytest.mark.parametrize("at_once", [True, False])
def test_after_a_new_run_a_symbol_is_marked_once_it_has_traded_and_its_volume_goes_on(at_once: bool) -> None:
    kept = in_passes(*feed_that_was_away(), at_once=at_once)

    of = {minute: mark["rows"] for minute, mark in zip(minutes_of(kept), kept.marks, strict=True)}
    spy = ["SPY", 90.0, 13 * 10**8, *UNQUOTED]
    assert of[121] == [spy]
    assert of[122] == [spy, ["IBM", 40.0, 6 * 10**8, *UNQUOTED]]


def test_the_quote_of_before_is_forgotten() -> None:
    kept = Kept()
    quoted = make(
        ("SPY",), code=[0], at=[T0 + 5], price=[10.0], size=[1.0], bid=[9.0], ask=[11.0], bid_size=[3.0],
        ask_size=[4.0], watermark=T0 + MINUTE, source="TEST",
    )  # fmt: skip
    kept.take(quoted.stamped(run="run", first=0))
    assert newest(kept) == [["SPY", 10.0, 10**8, 9.0, 11.0, 3.0, 4.0]]

    kept.take(ticks(0, MINUTE + 9, run="another"))
    kept.take(ticks(0, 2 * MINUTE, ("SPY", MINUTE + 20, 12.0, 1.0), run="another"))

    assert newest(kept) == [["SPY", 12.0, 2 * 10**8, *UNQUOTED]]


def test_a_run_that_is_read_again_from_before_does_not_count_twice() -> None:
    rows = (("SPY", 5, 10.0, 1.0), ("SPY", 50, 11.0, 2.0))
    kept = Kept()
    kept.take(ticks(0, 100, *rows))
    kept.take(ticks(0, MINUTE, *rows, run="another"))

    assert list(figures(kept).values()) == [(10, 11, 10, 11, 3, 2)]
    assert newest(kept) == [["SPY", 11.0, 3 * 10**8, *UNQUOTED]]


def test_a_run_of_another_source_settles_what_was_open() -> None:
    kept = Kept()
    kept.take(ticks(0, 20, ("SPY", 5, 10.0, 1.0)))
    book = kept.take(ticks(0, 40, ("SPY", 30, 11.0, 1.0), run="another", source="ELSE"))

    assert [(bar.close, bar.source) for bar in kept.bars.values()] == [(10, "TEST")]
    assert book.place.source == "ELSE"


def cumulative(first: int, at: int, total: float, run: str) -> TickBatch:
    return make(
        ("SPY",), code=[0], at=[T0 + at], price=[10.0], size=[float("nan")], cumulative=[total],
        watermark=T0 + at + SECOND, source="TEST",
    ).stamped(run=run, first=first)  # fmt: skip


@pytest.mark.parametrize(("away", "traded"), [(10 * SECOND, 400), (BACK, 0)])
def test_volume_of_a_long_absence_belongs_to_no_minute(away: int, traded: int) -> None:
    kept = Kept()
    kept.take(cumulative(0, 0, 1000.0, "run"))
    kept.take(cumulative(0, away, 1400.0, "another"))
    kept.take(ticks(1, away + 2 * MINUTE, run="another"))

    assert sum(bar.volume for bar in kept.bars.values()) == traded


@pytest.mark.parametrize("at_once", [True, False])
def test_within_a_run_a_bar_is_named_after_the_source_of_its_own_ticks(at_once: bool) -> None:
    kept = in_passes(
        ticks(0, 20, ("SPY", 5, 10.0, 1.0), source="PUSH"),
        ticks(1, MINUTE + 20, ("SPY", MINUTE + 5, 10.0, 1.0), source="EXCEL"),
        ticks(2, 2 * MINUTE, source="PUSH"),
        at_once=at_once,
    )

    assert [bar.source for _, bar in sorted(kept.bars.items())] == ["PUSH", "EXCEL"]
