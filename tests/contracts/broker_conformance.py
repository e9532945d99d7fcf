"""What every broker must do: import `BrokerConformance`, and give it a fixture `bench`.

    class TestMyBroker(BrokerConformance):
        @pytest.fixture
        def bench(self) -> Bench: ...

`Bench` is in `tests.contracts.broker_bench`.
"""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.contracts.broker_bench import NOON, SLIP, Bench, accepted, known, limit, market
from tests.contracts.broker_doubt import InDoubt
from thor.trading.brokers.port import (
    Kind,
    Rejected,
    Side,
    Standing,
)


class BrokerConformance(InDoubt):
    """The suite; see the module."""

    @pytest.fixture(autouse=True)
    def _market(self, bench: Bench) -> None:
        bench.quote("SPY", "100")
        bench.quote("IBM", "50")

    def test_it_says_what_it_is(self, bench: Bench) -> None:
        assert bench.broker.name
        assert bench.broker.is_live is False

    def test_the_account_is_worth_its_cash_before_anything_is_bought(self, bench: Bench) -> None:
        found = bench.broker.account()

        assert (found.cash, found.equity, found.buying_power) == (100_000, 100_000, 100_000)
        assert (found.status, found.currency, found.multiplier) == ("ACTIVE", "USD", 1)
        assert (found.is_trading_blocked, found.is_account_blocked) == (False, False)
        assert (found.is_pattern_day_trader, found.day_trades) == (False, 0)

    def test_a_market_order_is_filled_at_about_the_quote(self, bench: Bench) -> None:
        order = accepted(bench.broker.submit(market("a")))

        assert (order.client_order_id, order.symbol, order.side, order.kind) == ("a", "SPY", Side.BUY, Kind.MARKET)
        assert (order.quantity, order.limit_price) == (10, None)
        found = known(bench, "a")
        assert (found.id, found.standing, found.filled_quantity) == (order.id, Standing.FILLED, 10)
        assert found.filled_average_price is not None
        assert 100 <= found.filled_average_price <= 100 * (1 + SLIP)

    def test_a_purchase_changes_cash_and_buying_power_and_hardly_the_equity(self, bench: Bench) -> None:
        accepted(bench.broker.submit(market("a")))

        found = bench.broker.account()
        assert 98_990 <= found.cash <= 99_000
        assert found.buying_power == found.cash
        assert 99_990 <= found.equity <= 100_000

    def test_a_limit_order_waits_for_its_price_and_is_never_filled_beyond_it(self, bench: Bench) -> None:
        order = accepted(bench.broker.submit(limit("a", "99")))
        assert (order.standing, order.limit_price, order.kind) == (Standing.WORKING, 99, Kind.LIMIT)
        assert order.filled_average_price is None

        bench.quote("SPY", "98.99")

        found = known(bench, "a")
        assert found.standing is Standing.FILLED
        assert found.filled_average_price is not None
        assert found.filled_average_price <= 99

    def test_a_sale_at_a_limit_gets_at_least_the_limit(self, bench: Bench) -> None:
        bench.broker.submit(market("a"))
        bench.broker.submit(limit("b", "101", Side.SELL))

        bench.quote("SPY", "101.01")

        found = known(bench, "b")
        assert found.standing is Standing.FILLED
        assert found.filled_average_price is not None
        assert found.filled_average_price >= 101
        assert bench.broker.positions() == []

    def test_the_same_id_orders_once_and_is_accepted_again(self, bench: Bench) -> None:
        first = accepted(bench.broker.submit(market("a")))

        second = accepted(bench.broker.submit(market("a", quantity="99")))

        assert (second.id, second.quantity) == (first.id, 10)
        assert len(bench.broker.fills(NOON)) == 1
        assert [(one.symbol, one.quantity) for one in bench.broker.positions()] == [("SPY", 10)]

    def test_the_same_id_is_accepted_again_while_the_first_works(self, bench: Bench) -> None:
        first = accepted(bench.broker.submit(limit("a", "90")))

        assert accepted(bench.broker.submit(limit("a", "90"))).id == first.id
        assert len(bench.broker.open_orders()) == 1

    def test_partial_fills_add_up(self, bench: Bench) -> None:
        bench.quote("SPY", "100", "3")
        bench.broker.submit(market("a"))

        partial = known(bench, "a")
        assert (partial.standing, partial.filled_quantity) == (Standing.PARTIAL, 3)
        bench.quote("SPY", "101", "4")
        bench.quote("SPY", "102", "50")

        whole, fills = known(bench, "a"), bench.broker.fills(NOON)
        assert (whole.standing, whole.filled_quantity) == (Standing.FILLED, 10)
        assert [fill.quantity for fill in fills] == [3, 4, 3]
        average = sum(fill.quantity * fill.price for fill in fills) / 10
        assert whole.filled_average_price is not None
        assert abs(whole.filled_average_price - average) < Decimal("0.001")

    def test_fills_belong_to_their_orders_and_have_ids_of_their_own(self, bench: Bench) -> None:
        bench.quote("SPY", "100", "3")
        orders = [accepted(bench.broker.submit(market("a"))), accepted(bench.broker.submit(market("b", symbol="IBM")))]
        bench.quote("SPY", "100")

        fills = bench.broker.fills(NOON)

        assert len({fill.id for fill in fills}) == len(fills) == 3
        assert {(fill.order_id, fill.symbol) for fill in fills} == {(orders[0].id, "SPY"), (orders[1].id, "IBM")}
        assert {fill.side for fill in fills} == {Side.BUY}

    def test_fills_come_in_order_and_are_the_same_when_asked_twice(self, bench: Bench) -> None:
        for number in range(5):
            bench.quote("SPY", f"{100 + number}", "1")
            bench.broker.submit(market(f"order {number}", quantity="1"))

        fills = bench.broker.fills(NOON)

        assert [fill.at for fill in fills] == sorted(fill.at for fill in fills)
        assert [int(fill.price) for fill in fills] == [100, 101, 102, 103, 104]
        assert bench.broker.fills(NOON) == fills

    def test_fills_are_asked_for_from_an_instant_on_which_is_included(self, bench: Bench) -> None:
        for number in range(3):
            bench.quote("SPY", "100")
            bench.broker.submit(market(f"order {number}"))
        first, second, third = bench.broker.fills(NOON)

        assert bench.broker.fills(second.at) == [second, third]
        assert bench.broker.fills(first.at + timedelta(microseconds=1)) == [second, third]
        assert bench.broker.fills(third.at + timedelta(microseconds=1)) == []

    def test_positions_are_the_sum_of_the_fills(self, bench: Bench) -> None:
        bench.quote("SPY", "100", "7")
        bench.broker.submit(market("a"))
        bench.broker.submit(market("b", symbol="IBM", quantity="2.5"))
        bench.quote("SPY", "104")
        bench.broker.submit(market("c", Side.SELL, "4"))

        signs = {Side.BUY: 1, Side.SELL: -1}
        held: dict[str, Decimal] = {}
        for fill in bench.broker.fills(NOON):
            held[fill.symbol] = held.get(fill.symbol, Decimal(0)) + signs[fill.side] * fill.quantity
        assert (
            {one.symbol: one.quantity for one in bench.broker.positions()} == held == {"SPY": 6, "IBM": Decimal("2.5")}
        )

    def test_a_position_knows_what_was_paid_and_what_it_is_worth(self, bench: Bench) -> None:
        bench.broker.submit(market("a"))
        bench.quote("SPY", "110")
        bench.broker.submit(market("b"))
        bench.broker.submit(market("c", Side.SELL, "5"))

        (found,) = bench.broker.positions()

        assert (found.symbol, found.quantity, found.price) == ("SPY", 15, 110)
        assert 105 <= found.average_entry_price <= 105 * (1 + SLIP)

    def test_what_is_sold_out_is_no_position(self, bench: Bench) -> None:
        bench.broker.submit(market("a"))
        bench.broker.submit(market("b", Side.SELL))

        assert bench.broker.positions() == []
        assert bench.broker.account().equity == bench.broker.account().cash

    def test_open_orders_are_those_that_are_not_final(self, bench: Bench) -> None:
        bench.broker.submit(market("filled"))
        bench.broker.submit(limit("working", "90"))
        bench.broker.submit(limit("cancelled", "91"))
        bench.broker.cancel("cancelled")
        bench.quote("SPY", "100", "3")
        bench.broker.submit(market("partial"))

        found = bench.broker.open_orders()

        assert {one.client_order_id: one.standing for one in found} == {
            "working": Standing.WORKING,
            "partial": Standing.PARTIAL,
        }
        assert sorted(found, key=lambda one: one.client_order_id) == [known(bench, "partial"), known(bench, "working")]

    def test_a_working_purchase_sets_buying_power_aside_and_its_cancellation_gives_it_back(self, bench: Bench) -> None:
        bench.broker.submit(limit("a", "90"))
        assert bench.broker.account().buying_power == 100_000 - 900

        bench.broker.cancel("a")

        assert bench.broker.account().buying_power == 100_000

    def test_a_working_order_is_cancelled(self, bench: Bench) -> None:
        bench.broker.submit(limit("a", "90"))

        assert accepted(bench.broker.cancel("a")).client_order_id == "a"

        assert known(bench, "a").standing is Standing.CANCELLED
        assert bench.broker.open_orders() == []

    def test_a_cancelled_rest_keeps_what_was_filled(self, bench: Bench) -> None:
        bench.quote("SPY", "100", "3")
        bench.broker.submit(market("a"))

        bench.broker.cancel("a")
        bench.quote("SPY", "100")

        found = known(bench, "a")
        assert (found.standing, found.filled_quantity) == (Standing.CANCELLED, 3)
        assert [one.quantity for one in bench.broker.positions()] == [3]

    def test_a_filled_order_cannot_be_cancelled(self, bench: Bench) -> None:
        bench.broker.submit(market("a"))

        outcome = bench.broker.cancel("a")

        assert isinstance(outcome, Rejected)
        assert outcome.reason
        assert known(bench, "a").standing is Standing.FILLED

    def test_an_order_that_is_not_there_cannot_be_cancelled(self, bench: Bench) -> None:
        outcome = bench.broker.cancel("never sent")

        assert isinstance(outcome, Rejected)
        assert outcome.reason

    def test_an_order_that_was_never_sent_is_none(self, bench: Bench) -> None:
        assert bench.broker.order("never sent") is None

    def test_instants_are_aware_utc(self, bench: Bench) -> None:
        bench.broker.submit(market("a"))

        order, (fill,) = known(bench, "a"), bench.broker.fills(NOON)
        for at in (order.submitted_at, order.updated_at, fill.at):
            assert at.utcoffset() == timedelta(0)
            assert NOON <= at <= NOON + timedelta(minutes=1)
