"""At which price the embedded broker fills, and how much."""

from decimal import Decimal

import pytest

from thor.trading.brokers.paper.market import (
    SLIPPAGE,
    Quote,
    execution_price,
    read_quote,
    reserve_price,
    rounded_down,
)
from thor.trading.brokers.port import Kind, Side

AT = "2026-03-03T20:00:00+00:00"


def quote(**figures: str) -> Quote:
    """Return a quote of these figures."""
    found = read_quote({"at": AT, **{name: Decimal(value) for name, value in figures.items()}})
    assert found is not None
    return found


def test_slippage_is_five_basis_points() -> None:
    assert Decimal(5) / 10_000 == SLIPPAGE


def test_a_purchase_pays_the_ask_and_a_sale_gets_the_bid_each_with_slippage() -> None:
    spread = quote(bid="99.98", ask="100.02", last="100")

    assert execution_price(Side.BUY, None, spread) == Decimal("100.0701")  # 100.02 * 1.0005 = 100.07001, rounded up
    assert execution_price(Side.SELL, None, spread) == Decimal("99.9300")  # 99.98 * 0.9995 = 99.93001, rounded down


@pytest.mark.parametrize(
    ("side", "limit", "price"),
    [
        (Side.BUY, "100.01", None),
        (Side.BUY, "100.02", "100.02"),
        (Side.BUY, "100.05", "100.05"),
        (Side.BUY, "101", "100.0701"),
        (Side.SELL, "99.99", None),
        (Side.SELL, "99.98", "99.98"),
        (Side.SELL, "99.95", "99.95"),
        (Side.SELL, "99", "99.93"),
    ],
)
def test_a_limit_is_filled_where_the_other_side_is_and_never_beyond_it(
    side: Side, limit: str, price: str | None
) -> None:
    spread = quote(bid="99.98", ask="100.02", last="100")

    assert execution_price(side, Decimal(limit), spread) == (Decimal(price) if price else None)


def test_the_last_trade_stands_for_both_sides_where_a_feed_has_no_quotes() -> None:
    found = quote(last="100")

    assert (found.bid, found.ask) == (100, 100)


def test_a_side_that_nobody_quotes_cannot_be_traded() -> None:
    only_bid = quote(bid="100")

    assert execution_price(Side.BUY, None, only_bid) is None
    assert execution_price(Side.SELL, None, only_bid) == Decimal("99.95")


@pytest.mark.parametrize(
    "snapshot",
    [{}, {"at": AT}, {"last": Decimal(100)}, {"at": AT, "last": Decimal(0)}, {"at": AT, "last": None, "bid": None}],
)
def test_what_has_no_price_or_no_time_is_no_quote(snapshot: dict[str, object]) -> None:
    assert read_quote(snapshot) is None


def test_a_market_order_sets_aside_three_per_cent_more_than_the_ask_and_a_limit_order_its_limit() -> None:
    spread = quote(bid="99", ask="100", last="99.5")

    assert reserve_price(Kind.MARKET, None, spread) == 103
    assert reserve_price(Kind.LIMIT, Decimal(90), spread) == 90


def test_an_order_of_whole_units_is_filled_in_whole_units() -> None:
    assert rounded_down(Decimal("3.9"), Decimal(10)) == 3
    assert rounded_down(Decimal("3.9"), Decimal("10.5")) == Decimal("3.9")
    assert rounded_down(Decimal("-1"), Decimal(10)) == 0
