"""The derived figures of a row of quotes: each by hand, and None wherever an operand is missing."""

from dataclasses import fields, replace
from decimal import Decimal

import pytest

from thor.marketdata.row_metrics import Distance, Prices, RowMetrics, percent, row_metrics

ES = Prices(
    last=Decimal("4515"),
    bid=Decimal("4514.75"),
    ask=Decimal("4515.25"),
    open=Decimal("4490"),
    high=Decimal("4520"),
    low=Decimal("4480"),
    previous_close=Decimal("4500"),
    high_52w=Decimal("4800"),
    low_52w=Decimal("3600"),
)
NOTHING = Distance(None, None)
#: What each derived figure is made of.
OPERANDS = {
    "change": {"last", "previous_close"},
    "change_percent": {"last", "previous_close"},
    "spread": {"bid", "ask"},
    "last": {"last", "previous_close"},
    "open": {"open", "previous_close"},
    "high": {"high", "previous_close"},
    "low": {"low", "previous_close"},
    "range": {"high", "low"},
    "above_low_52w": {"last", "low_52w"},
    "below_high_52w": {"last", "high_52w"},
}


def away(diff: str, pct: str) -> Distance:
    return Distance(Decimal(diff), Decimal(pct))


def test_every_figure_of_a_row_is_what_a_hand_computes() -> None:
    assert row_metrics(ES) == RowMetrics(
        change=Decimal(15),
        change_percent=Decimal("0.3333"),
        spread=Decimal("0.50"),
        last=away("15", "0.3333"),
        open=away("-10", "-0.2222"),
        high=away("20", "0.4444"),
        low=away("-20", "-0.4444"),
        range=away("40", "0.8889"),
        above_low_52w=away("915", "25.4167"),
        below_high_52w=away("285", "5.9375"),
    )


@pytest.mark.parametrize("name", [one.name for one in fields(RowMetrics)])
def test_a_figure_lacks_exactly_what_its_operands_lack(name: str) -> None:
    whole = row_metrics(ES)

    for missing in ("last", "bid", "ask", "open", "high", "low", "previous_close", "high_52w", "low_52w"):
        found = getattr(row_metrics(replace(ES, **{missing: None})), name)
        expected = getattr(whole, name)
        if missing in OPERANDS[name]:
            expected = NOTHING if isinstance(expected, Distance) else None
        elif name == "range" and missing == "previous_close":
            expected = Distance(Decimal(40), None)
        assert found == expected, missing


def test_a_base_of_zero_keeps_the_difference_and_has_no_percentage() -> None:
    found = row_metrics(replace(ES, previous_close=Decimal(0), low_52w=Decimal(0), high_52w=Decimal("0.00")))

    assert found.last == Distance(Decimal(4515), None)
    assert found.range == Distance(Decimal(40), None)
    assert found.above_low_52w == Distance(Decimal(4515), None)
    assert found.below_high_52w == Distance(Decimal(-4515), None)
    assert found.change_percent is None


def test_the_sources_own_change_stands_before_the_computed_one() -> None:
    found = row_metrics(replace(ES, change=Decimal("14.5"), change_percent=Decimal("0.32")))

    assert (found.change, found.change_percent) == (Decimal("14.5"), Decimal("0.32"))
    assert found.last == away("15", "0.3333")


def test_a_change_percent_that_the_source_lacks_falls_back_to_the_last_price() -> None:
    found = row_metrics(replace(ES, change=Decimal("14.5")))

    assert (found.change, found.change_percent) == (Decimal("14.5"), Decimal("0.3333"))


def test_a_row_of_nothing_is_a_row_of_none() -> None:
    assert row_metrics(Prices()) == RowMetrics(None, None, None)


@pytest.mark.parametrize(
    ("part", "base", "expected"),
    [("1", "200000", "0.0005"), ("-1", "2000000", "-0.0001"), ("0.00001", "100", "0.0000"), ("5", "-100", "-5.0000")],
)
def test_percentages_have_four_places_and_halves_go_away_from_zero(part: str, base: str, expected: str) -> None:
    assert str(percent(Decimal(part), Decimal(base))) == expected
