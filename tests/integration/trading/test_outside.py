"""What somebody else buys in the desk's account stays theirs: it is compared, told, and never sold by the desk."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from tests.integration.trading.daily_days import split
from tests.integration.trading.finished import trade
from tests.integration.trading.memory_desk import CLOSE, MemoryDesk, held, position, run_of
from tests.integration.trading.swing_desk import OPEN, SwingDesk
from thor.trading.booking import book_order
from thor.trading.brokers.port import BrokerPosition, Kind, OrderRequest, Side
from thor.trading.buying import Buyer
from thor.trading.commitments import situation
from thor.trading.desk import hold
from thor.trading.hours import session_for
from thor.trading.learning.examples import collect_examples
from thor.trading.models import Intent, Order, Position, Purpose, Reconciliation, Refusal, Trade
from thor.trading.positions import converge_split
from thor.trading.protection import watch_degradation
from thor.trading.selling import BLOCKED, SENT, Seller, holdings
from thor.trading.services.reconciliation import reconcile_account
from thor.trading.settings import limits
from thor.trading.switch import clear_protection

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> MemoryDesk:
    """Return a desk that has bought ten shares."""
    found = MemoryDesk()
    found.buy()
    found.wait(minutes=5)
    return found


def reconcile(desk: MemoryDesk, run: int) -> Reconciliation:
    reconcile_account(broker=desk.broker, run=run_of(run), at=desk.now)
    return Reconciliation.objects.get(run=run_of(run))


def by_hand(desk: MemoryDesk, quantity: str, side: Side = Side.BUY) -> None:
    desk.broker.take(OrderRequest(str(uuid4()), "SPY", side, Decimal(quantity), Kind.MARKET))
    desk.wait(minutes=5)


def shrink(desk: MemoryDesk, order: Order, quantity: str) -> None:
    """Let the exchange take back so much of an order that is over, and the desk hear of it."""
    desk.broker.take_back(order.client_order_id, quantity)
    told = desk.broker.order(order.client_order_id)
    assert told is not None
    book_order(Order.objects.get(pk=order.pk), told, at=desk.now)


def sell(desk: MemoryDesk) -> str:
    intent = desk.want(Purpose.EXIT, exit_type="SWING_EXIT")
    return Seller(desk.broker, holdings(desk.broker), desk.now, run_of(50)).sell(intent, Kind.MARKET)


def test_shares_of_somebody_else_are_kept_apart_and_agree_from_then_on(desk: MemoryDesk) -> None:
    desk.broker.quote("SPY", "130")
    by_hand(desk, "5")

    row = reconcile(desk, 100)

    assert (row.status, row.external) == ("SAFE_MODE", ["SPY"])
    assert row.warnings == ["the broker holds 15 SPY, the journal 10, and what is more is not the desk's to sell"]
    assert (held(), position().outside, position().cost) == (10, 5, 1000)
    again = reconcile(desk, 101)
    assert (again.status, again.external, again.warnings) == ("READY", ["SPY"], [])
    assert again.notes == ["5 SPY beside the desk's 10 are not its own"]


def test_the_desk_sells_its_own_alone_and_the_rest_is_found_as_external(desk: MemoryDesk) -> None:
    by_hand(desk, "5")
    reconcile(desk, 100)

    assert sell(desk) == SENT

    assert Order.objects.get(side="sell").quantity == 10
    assert (held(), Trade.objects.get().exit_quantity) == (0, 10)
    desk.wait(minutes=5)
    statuses = [reconcile(desk, run).status for run in (101, 102)]
    assert statuses == ["READY", "READY"]
    assert (held(), position().is_external, position().outside) == (5, True, 0)
    assert Reconciliation.objects.get(run=run_of(102)).external == ["SPY"]


def test_what_was_not_reconciled_yet_is_not_sold_either(desk: MemoryDesk) -> None:
    by_hand(desk, "5")

    sell(desk)

    assert Order.objects.get(side="sell").quantity == 10


def test_of_less_than_there_was_only_what_is_surely_the_desks_is_sold(desk: MemoryDesk) -> None:
    by_hand(desk, "5")
    reconcile(desk, 100)
    by_hand(desk, "12", Side.SELL)

    assert sell(desk) == BLOCKED  # 3 are left, and 5 are not the desk's

    assert not Order.objects.filter(side="sell").exists()
    desk.wait(minutes=5)
    reconcile(desk, 101)
    assert (held(), position().outside) == (3, 0)


def test_what_is_less_is_somebody_elses_first(desk: MemoryDesk) -> None:
    by_hand(desk, "5")
    reconcile(desk, 100)
    by_hand(desk, "3", Side.SELL)

    assert reconcile(desk, 101).status == "SAFE_MODE"

    assert (held(), position().outside, position().proceeds) == (10, 2, 0)
    by_hand(desk, "4", Side.SELL)
    reconcile(desk, 102)
    assert (held(), position().outside, position().proceeds) == (8, 0, 200)


def test_a_purchase_that_was_taken_back_was_the_desks_own() -> None:
    desk = MemoryDesk()
    order = desk.buy()
    by_hand(desk, "5")
    reconcile(desk, 100)
    assert (held(), position().outside) == (10, 5)

    shrink(desk, order, "3")
    reconcile(desk, 101)

    assert (held(), position().outside, position().entry_price) == (7, 5, 100)
    by_hand(desk, "2", Side.SELL)
    reconcile(desk, 102)
    assert (held(), position().outside) == (7, 3)


def test_a_sale_that_was_taken_back_costs_what_the_desk_has_paid(desk: MemoryDesk) -> None:
    desk.broker.quote("SPY", "130")
    by_hand(desk, "5")
    reconcile(desk, 100)
    order = desk.sell("4")
    desk.wait(minutes=5)

    shrink(desk, order, "2")
    reconcile(desk, 101)

    assert (held(), position().outside, position().entry_price) == (8, 5, 100)


def test_a_symbol_that_vanished_is_gone_with_all_that_was_of_it(desk: MemoryDesk) -> None:
    by_hand(desk, "5")
    reconcile(desk, 100)
    by_hand(desk, "15", Side.SELL)

    assert reconcile(desk, 101).status == "SAFE_MODE"

    assert (held(), Trade.objects.get().exit_quantity) == (0, 10)
    assert reconcile(desk, 102).status == "READY"


def test_a_split_multiplies_both(desk: MemoryDesk) -> None:
    by_hand(desk, "5")
    reconcile(desk, 100)
    split("SPY", date(2026, 3, 10), "2")
    at = datetime.fromisoformat("2026-03-10T03:00-04:00")

    with hold():
        assert converge_split(position(), Decimal(30), at=at)

    assert (held(), position().outside, position().cost) == (20, 10, 1000)


def test_parts_of_a_share_that_are_paid_out_are_somebody_elses_first(desk: MemoryDesk) -> None:
    by_hand(desk, "5")
    reconcile(desk, 100)
    split("SPY", date(2026, 3, 10), "0.5")
    at = datetime.fromisoformat("2026-03-10T03:00-04:00")

    with hold():
        assert converge_split(position(), Decimal(7), at=at)

    assert (held(), position().outside, position().proceeds) == (5, 2, 0)


def test_what_the_broker_sold_beyond_the_desks_own_was_somebody_elses(desk: MemoryDesk) -> None:
    by_hand(desk, "5")
    reconcile(desk, 100)
    desk.broker.quote("SPY", "100", "0")
    order = desk.sell("10")
    Position.objects.update(sold=4, proceeds=400)

    desk.broker.fill(order.client_order_id, "10", "100")
    told = desk.broker.order(order.client_order_id)
    assert told is not None
    book_order(order, told, at=desk.now)

    assert Position.objects.get().outside == 1


def test_a_short_position_raises_the_heat(desk: MemoryDesk) -> None:
    short = BrokerPosition("QQQ", Decimal(-10), Decimal(50), Decimal(50))
    long = BrokerPosition("SPY", Decimal(10), Decimal(100), Decimal(100))

    found = situation(desk.broker.account(), [short, long], at=desk.now, session_date=desk.now.date())

    assert found.exposure == 1500


def test_an_order_that_waits_for_the_open_is_not_stale_before_it_had_its_hour(desk: MemoryDesk) -> None:
    desk.clock.set(CLOSE + timedelta(minutes=10))
    desk.broker.quote("SPY", "100", "0")
    desk.sell()
    opens = datetime.fromisoformat("2026-03-04T09:30-05:00")

    desk.clock.set(CLOSE + timedelta(hours=6))
    assert reconcile(desk, 100).status == "READY"
    desk.clock.set(opens + timedelta(minutes=60))
    assert reconcile(desk, 101).status == "READY"

    desk.clock.set(opens + timedelta(minutes=61))

    assert "has been open for 61 minutes" in reconcile(desk, 102).warnings[0]


def test_a_watch_that_comes_late_counts_nothing_of_before_a_person_cleared_it() -> None:
    evening = CLOSE - timedelta(days=1)
    for place in range(10):
        trade(f"S{place}", evening - timedelta(days=30, hours=place), "-5", {"a": 1.0})
    assert [watch_degradation(run=uuid4(), at=evening - timedelta(days=d))["in_a_row"] for d in (4, 3)] == [1, 2]
    clear_protection(reason="looked", by="ana", at=CLOSE)

    told = watch_degradation(run=uuid4(), at=evening)

    assert (told["in_a_row"], told["protected_because"]) == (0, "")


def test_a_trade_of_which_a_part_was_sold_elsewhere_is_no_example(desk: MemoryDesk) -> None:
    by_hand(desk, "4", Side.SELL)
    reconcile(desk, 100)
    desk.wait(minutes=5)
    assert sell(desk) == SENT

    assert (collect_examples(at=desk.now), Trade.objects.count()) == (0, 1)


def test_a_trade_beside_which_somebody_has_bought_is_an_example(desk: MemoryDesk) -> None:
    by_hand(desk, "4")
    reconcile(desk, 100)
    sell(desk)

    assert collect_examples(at=desk.now) == 1


def test_no_more_is_bought_of_a_symbol_that_somebody_else_holds_too(swing_desk: SwingDesk) -> None:
    swing_desk.holds("SPY", since=OPEN)
    Position.objects.update(outside=5)
    swing_desk.at(OPEN + timedelta(hours=1))
    swing_desk.price("SPY", 110)
    swing_desk.feed_lives()
    swing_desk.reconciled()
    intent = Intent.objects.create(
        run=uuid4(), symbol="SPY", purpose=Purpose.ADD_ON.value, strategy_id="momentum_breakout_v1", confidence=5,
        session_date=OPEN.date() + timedelta(days=1), decided_at=OPEN, updated_at=OPEN,
    )  # fmt: skip
    session = session_for(swing_desk.clock.now())
    assert session is not None
    buyer = Buyer(swing_desk.broker, [intent], session, swing_desk.clock.now(), limits())

    assert buyer.buy(intent) == "external_position"

    assert Refusal.objects.get().reason == "5 SPY in the account are somebody else's; no more of it is bought"
