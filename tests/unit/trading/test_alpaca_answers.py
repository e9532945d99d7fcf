"""Every word of Alpaca's, and what cannot be read."""

import logging
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from alpaca.trading.enums import OrderStatus

from thor.testing import alpaca_words
from thor.testing.broker import InMemoryBroker
from thor.trading.brokers.alpaca_answers import (
    FINAL,
    WORKING,
    read_account,
    read_fill,
    read_list,
    read_order,
    read_orders,
    read_position,
    standing_of,
    submitted_at,
)
from thor.trading.brokers.alpaca_rest import Unanswered
from thor.trading.brokers.port import OrderRequest, Side, Standing

AT = datetime(2026, 3, 3, 20, tzinfo=UTC)
TEN = Decimal(10)


@pytest.fixture
def book() -> InMemoryBroker:
    """Return a book with an order that is filled in part."""
    found = InMemoryBroker(lambda: AT)
    found.quote("SPY", "100.5", "4")
    found.submit(OrderRequest("a", "SPY", Side.BUY, TEN))
    return found


@pytest.fixture
def answer(book: InMemoryBroker) -> dict[str, Any]:
    """Return that order as Alpaca says it."""
    found = book.order("a")
    assert found is not None
    return alpaca_words.order(found)


def test_every_status_that_alpaca_has_is_known() -> None:
    assert {status.value for status in OrderStatus} == (set(FINAL) | WORKING) - {"cancelled"}


@pytest.mark.parametrize(
    ("status", "of_nothing", "of_some", "of_all"),
    [
        ("filled", Standing.FILLED, Standing.FILLED, Standing.FILLED),
        ("canceled", Standing.CANCELLED, Standing.CANCELLED, Standing.CANCELLED),
        ("cancelled", Standing.CANCELLED, Standing.CANCELLED, Standing.CANCELLED),
        ("replaced", Standing.CANCELLED, Standing.CANCELLED, Standing.CANCELLED),
        ("expired", Standing.EXPIRED, Standing.EXPIRED, Standing.EXPIRED),
        ("rejected", Standing.REJECTED, Standing.REJECTED, Standing.REJECTED),
        ("calculated", Standing.WORKING, Standing.PARTIAL, Standing.FILLED),
        ("partially_filled", Standing.PARTIAL, Standing.PARTIAL, Standing.PARTIAL),
        *[
            (status, Standing.WORKING, Standing.PARTIAL, Standing.PARTIAL)
            for status in (
                "new",
                "accepted",
                "pending_new",
                "accepted_for_bidding",
                "done_for_day",
                "stopped",
                "pending_cancel",
                "pending_replace",
                "pending_review",
                "held",
                "suspended",
                "a_word_of_later_days",
            )
        ],
    ],
)
def test_a_status_says_where_an_order_stands(
    status: str, of_nothing: Standing, of_some: Standing, of_all: Standing
) -> None:
    found = [standing_of(status, TEN, Decimal(filled)) for filled in (0, 3, 10)]

    assert found == [of_nothing, of_some, of_all]


def test_an_order_is_read_whole(answer: dict[str, Any]) -> None:
    found = read_order(answer)

    assert (found.client_order_id, found.symbol, found.side, found.quantity) == ("a", "SPY", Side.BUY, 10)
    assert (found.standing, found.status, found.reason) == (Standing.PARTIAL, "partially_filled", "")
    assert (found.filled_quantity, found.filled_average_price) == (4, Decimal("100.5"))
    assert found.submitted_at == found.updated_at == AT


def test_a_word_that_nobody_knows_is_said(answer: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = read_order({**answer, "status": "pending_moon"})

    assert "pending_moon" in found.reason
    assert "thor.order.status_unknown: a: Alpaca says 'pending_moon'" in caplog.text


def test_an_order_that_was_replaced_names_the_one_that_stands_for_it(answer: dict[str, Any]) -> None:
    found = read_order({**answer, "status": "replaced", "replaced_by": "904837e3"})

    assert found.reason == "replaced by 904837e3"


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"qty": "many"},
        {"qty": "NaN"},
        {"side": "sideways"},
        {"submitted_at": "yesterday"},
        {"symbol": ""},
        {"qty": "1e999999999"},
        {"qty": "1e-999999999"},
        {"filled_qty": "1e999999999"},
        {"filled_avg_price": "9" * 400},
        {"updated_at": "0001-01-01T00:00:00+14:00"},
        {"submitted_at": "9999-12-31T23:59:59-14:00"},
    ],
)
def test_an_order_that_cannot_be_read_is_no_answer(answer: dict[str, Any], change: dict[str, Any]) -> None:
    with pytest.raises(Unanswered, match="not an order that can be read"):
        read_order({**answer, **change})


@pytest.mark.parametrize("missing", ["id", "client_order_id", "qty", "status", "side", "type", "symbol"])
def test_an_order_without_what_matters_is_no_answer(answer: dict[str, Any], missing: str) -> None:
    del answer[missing]

    with pytest.raises(Unanswered, match=missing):
        read_order(answer)


@pytest.mark.parametrize("filled", ["0", "1.5"])
def test_an_order_of_an_amount_of_money_has_the_quantity_that_is_filled(answer: dict[str, Any], filled: str) -> None:
    found = read_order({**answer, "qty": None, "notional": "500", "filled_qty": filled})

    assert (found.quantity, found.filled_quantity) == (Decimal(filled), Decimal(filled))
    assert not found.standing.is_final


def test_an_order_that_cannot_be_read_is_kept_apart_by_its_id(answer: dict[str, Any]) -> None:
    legs = {**answer, "id": "legs", "symbol": None, "side": "", "order_class": "mleg"}

    found, unreadable = read_orders([answer, legs])

    assert list(found) == [answer["id"]]
    assert list(unreadable) == ["legs"]
    with pytest.raises(Unanswered):
        read_orders([answer, {**legs, "id": None}])


def test_when_an_order_was_submitted_is_read_from_any(answer: dict[str, Any]) -> None:
    assert submitted_at({**answer, "symbol": None}) == AT
    assert submitted_at({"created_at": answer["created_at"]}) == AT


@pytest.mark.parametrize("nothing", [None, [], "", {}, 7])
def test_nothing_is_read_from_what_is_nothing(nothing: Any) -> None:
    for read in (read_order, read_fill, read_position, read_account):
        with pytest.raises(Unanswered):
            read(nothing)


@pytest.mark.parametrize("change", [{"daytrade_count": float("inf")}, {"equity": "1e999999999"}])
def test_an_account_with_a_figure_beyond_all_is_no_answer(book: InMemoryBroker, change: dict[str, Any]) -> None:
    with pytest.raises(Unanswered, match="not the account that can be read"):
        read_account(alpaca_words.account(book.account(), change))


def test_a_position_with_a_figure_beyond_all_is_no_answer() -> None:
    position = {"symbol": "SPY", "qty": "1e999999999", "side": "long", "avg_entry_price": "100", "current_price": None}

    with pytest.raises(Unanswered, match="not a position that can be read"):
        read_position(position)


def test_a_word_that_is_lists_in_lists_is_no_answer(answer: dict[str, Any]) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(Unanswered, match="not an order that can be read"):
        read_order({**answer, "symbol": deep})


def test_an_answer_that_is_no_list_does_not_pass_for_an_empty_one() -> None:
    with pytest.raises(Unanswered, match="no list of positions"):
        read_list({}, "positions")


def test_of_an_account_without_the_fields_that_alpaca_took_away_day_trades_are_not_known(book: InMemoryBroker) -> None:
    gone = {"pattern_day_trader": None, "daytrade_count": None}

    found = read_account(alpaca_words.account(book.account(), gone))

    assert (found.is_pattern_day_trader, found.day_trades) == (False, None)


def test_an_account_whose_owner_has_suspended_trading_is_blocked(book: InMemoryBroker) -> None:
    found = read_account(alpaca_words.account(book.account(), {"trade_suspended_by_user": True}))

    assert found.is_trading_blocked


@pytest.mark.parametrize("flag", ["trading_blocked", "account_blocked"])
def test_a_block_that_is_not_told_does_not_pass_for_none(book: InMemoryBroker, flag: str) -> None:
    with pytest.raises(Unanswered, match=flag):
        read_account(alpaca_words.account(book.account(), {flag: None}))


def test_what_is_held_short_is_less_than_nothing() -> None:
    short = {"symbol": "SPY", "qty": "-3", "side": "short", "avg_entry_price": "100", "current_price": None}

    assert read_position(short).quantity == -3


def test_a_short_sale_is_a_sale(book: InMemoryBroker) -> None:
    (fill,) = book.every_fill()

    assert read_fill({**alpaca_words.fill(fill), "side": "sell_short"}).side is Side.SELL
