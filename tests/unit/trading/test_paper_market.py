"""At which price the embedded broker fills, and how much."""

from datetime import UTC, datetime
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


def test_a_market_order_is_filled_at_the_last_trade_where_bid_and_ask_are_not_meant() -> None:
    wide = quote(bid="60", ask="140", last="100")

    assert execution_price(Side.BUY, None, wide) == Decimal("100.05")
    assert execution_price(Side.SELL, None, wide) == Decimal("99.95")
    assert reserve_price(Kind.MARKET, None, wide) == 103


def test_a_market_order_waits_where_bid_and_ask_are_not_meant_and_nobody_has_traded() -> None:
    for wide in (old(bid="60", ask="140", last="100"), quote(bid="60", ask="140")):
        assert execution_price(Side.BUY, None, wide) is None
        assert execution_price(Side.SELL, None, wide) is None


def test_a_limit_says_itself_how_far_an_order_goes_at_a_bid_and_an_ask_that_are_not_meant() -> None:
    wide = quote(bid="60", ask="140", last="100")

    assert execution_price(Side.BUY, Decimal(139), wide) is None
    assert execution_price(Side.BUY, Decimal(140), wide) == 140
    assert execution_price(Side.SELL, Decimal(60), wide) == 60


def test_a_bid_and_an_ask_of_ten_per_cent_are_meant() -> None:
    assert execution_price(Side.BUY, None, quote(bid="100", ask="110", last="105")) == Decimal("110.055")


def test_an_order_of_whole_units_is_filled_in_whole_units() -> None:
    assert rounded_down(Decimal("3.9"), Decimal(10)) == 3
    assert rounded_down(Decimal("3.9"), Decimal("10.5")) == Decimal("3.9")
    assert rounded_down(Decimal("-1"), Decimal(10)) == 0


@pytest.mark.parametrize(
    ("figures", "worth"),
    [
        ({"last": "1", "bid": "100", "ask": "100.1"}, "100.05"),  # one bad print
        ({"last": "100", "bid": "70", "ask": "70.1"}, "70.05"),  # a fall that the bid follows, and no trade yet
        ({"last": "70", "bid": "69.9", "ask": "70.1"}, "70"),
        ({"last": "98", "bid": "100", "ask": "100.1"}, "98"),  # two per cent outside is at the edge
        ({"last": "97.99", "bid": "100", "ask": "100.1"}, "100.05"),
        ({"last": "112", "bid": "100", "ask": "113"}, "112"),  # so wide a quote says nothing
        ({"last": "100", "bid": "70"}, "100"),
    ],
)
def test_a_last_price_that_bid_and_ask_speak_against_is_not_what_it_is_worth(
    figures: dict[str, str], worth: str
) -> None:
    found = quote(**figures)

    assert (found.last, found.is_guess) == (Decimal(worth), False)


def old(**figures: str) -> Quote:
    """Return a quote whose last trade is 16 minutes older than itself."""
    found = read_quote({"at": AT, "last_at": "2026-03-03T19:44:00+00:00"} | {k: Decimal(v) for k, v in figures.items()})
    assert found is not None
    return found


def test_where_the_last_trade_is_old_the_middle_of_bid_and_ask_counts() -> None:
    found = old(last="100", bid="80", ask="80.1")

    assert (found.last, found.is_guess) == (Decimal("80.05"), False)


@pytest.mark.parametrize("figures", [{"last": "100", "bid": "80"}, {"last": "100", "bid": "50", "ask": "99"}])
def test_an_old_trade_is_a_guess_where_bid_and_ask_say_nothing(figures: dict[str, str]) -> None:
    found = old(**figures)

    assert (found.last, found.is_guess) == (100, True)


def test_an_old_trade_does_not_stand_for_a_side_that_nobody_quotes() -> None:
    found = old(last="100", ask="80")

    assert execution_price(Side.SELL, None, found) is None
    assert execution_price(Side.BUY, None, found) == Decimal("80.04")


def test_a_trade_that_is_old_by_now_is_old() -> None:
    snapshot = {"at": AT, "last_at": AT, "last": Decimal(100)}

    early, late = (read_quote(snapshot, datetime(2026, 3, 3, 20, minute, tzinfo=UTC)) for minute in (15, 16))

    assert early is not None
    assert late is not None
    assert (early.is_guess, late.is_guess) == (False, True)
