"""What every broker must do when it refuses, when it is away, and when an answer is lost; see `broker_conformance`."""

import pytest

from tests.contracts.broker_bench import NOON, Bench, accepted, known, limit, market
from thor.trading.brokers.port import (
    Accepted,
    BrokerUnreachable,
    OrderRequest,
    Rejected,
    Side,
    Standing,
    Unknown,
)


class InDoubt:
    """The part of the suite about refusals and silence."""

    @pytest.mark.parametrize(
        ("wish", "why"),
        [
            (market("a", quantity="2000"), "buying power"),
            (limit("a", "100", quantity="1001"), "buying power"),
            (market("a", quantity="0"), "quantity"),
            (market("a", quantity="-1"), "quantity"),
            (market("a", Side.SELL, "1"), "quantity available"),
            (market("a", symbol="NOSUCH"), "NOSUCH"),
        ],
        ids=["too dear", "too dear at its limit", "nothing", "less than nothing", "not held", "not quoted"],
    )
    def test_a_refusal_says_why_and_orders_nothing(self, bench: Bench, wish: OrderRequest, why: str) -> None:
        outcome = bench.broker.submit(wish)

        assert isinstance(outcome, Rejected)
        assert why in outcome.reason
        assert bench.broker.order("a") is None
        assert bench.broker.open_orders() == []
        assert bench.broker.fills(NOON) == []

    def test_what_is_promised_to_one_sale_cannot_be_sold_by_another(self, bench: Bench) -> None:
        bench.broker.submit(market("a"))
        bench.broker.submit(limit("b", "200", Side.SELL, "8"))

        assert isinstance(bench.broker.submit(market("c", Side.SELL, "3")), Rejected)
        assert isinstance(bench.broker.submit(market("d", Side.SELL, "2")), Accepted)

    def test_an_outage_is_said_and_is_no_empty_answer(self, bench: Bench) -> None:
        bench.broker.submit(market("a"))
        bench.cut()

        for question in (
            bench.broker.account,
            bench.broker.positions,
            bench.broker.open_orders,
            lambda: bench.broker.order("a"),
            lambda: bench.broker.order("never sent"),
            lambda: bench.broker.fills(NOON),
        ):
            with pytest.raises(BrokerUnreachable, match=r"\w"):
                question()
        bench.mend()
        assert known(bench, "a").standing is Standing.FILLED

    def test_orders_and_cancellations_in_an_outage_are_unknown_and_never_raise(self, bench: Bench) -> None:
        bench.broker.submit(limit("a", "90"))
        bench.cut()

        assert isinstance(bench.broker.submit(market("b")), Unknown)
        assert isinstance(bench.broker.cancel("a"), Unknown)
        bench.mend()
        assert bench.broker.order("b") is None
        assert known(bench, "a").standing is Standing.WORKING

    def test_an_order_whose_answer_was_lost_is_unknown_and_found_by_its_id(self, bench: Bench) -> None:
        bench.lose_answer()

        outcome = bench.broker.submit(market("a"))

        assert isinstance(outcome, Unknown)
        assert outcome.reason
        assert known(bench, "a").quantity == 10
        assert accepted(bench.broker.submit(market("a"))).id == known(bench, "a").id
        assert [one.quantity for one in bench.broker.positions()] == [10]

    def test_an_order_that_was_lost_on_its_way_is_unknown_and_not_there(self, bench: Bench) -> None:
        bench.lose_request()

        assert isinstance(bench.broker.submit(market("a")), Unknown)
        assert bench.broker.order("a") is None
        accepted(bench.broker.submit(market("a")))
        assert [one.quantity for one in bench.broker.positions()] == [10]
