"""What is held follows from fills: bought, added to, sold, and found where nobody expected it."""

from decimal import Decimal

import pytest

from tests.integration.trading.memory_desk import CLOSE, MemoryDesk, held, position, run_of
from thor.trading.desk import hold
from thor.trading.learning.examples import excursions
from thor.trading.models import Event, Position, Purpose, State, Trade
from thor.trading.positions import close_vanished, find_external
from thor.trading.services.reconciliation import reconcile_account
from thor.trading.settling import settle_orders

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> MemoryDesk:
    return MemoryDesk()


def test_a_purchase_opens_a_position_with_what_its_intent_knows(desk: MemoryDesk) -> None:
    order = desk.buy()

    found = position()
    assert (found.strategy_id, found.confidence, found.entry_order_id) == (
        "trend_pullback_v1",
        4,
        order.client_order_id,
    )
    assert (found.entry_date.isoformat(), found.quantity, found.entry_price) == ("2026-03-03", 10, 100)
    assert (found.risk_amount, found.entries, found.source) == (50, 1, "")


def test_what_is_added_makes_a_new_average_and_counts_as_one_entry(desk: MemoryDesk) -> None:
    desk.buy()
    desk.broker.quote("SPY", "110", "0")
    more = desk.send(desk.plan(desk.want(Purpose.ADD_ON, session_date="2026-03-04"), run=2))
    for quantity in ("4", "6"):
        desk.broker.fill(more.client_order_id, quantity, "110")
        settle_orders(broker=desk.broker, at=desk.now)

    found = position()
    assert (found.quantity, found.entry_price, found.entries, found.risk_amount) == (20, 105, 2, 100)


@pytest.mark.parametrize(("seen", "told"), [(("100", "108"), (0, 8)), (("97", "100"), (-3, 0))])
def test_what_is_added_leaves_the_excursions_what_they_were_in_percent(
    desk: MemoryDesk, seen: tuple[str, str], told: tuple[int, int]
) -> None:
    desk.buy("7.5")
    Position.objects.update(lowest=Decimal(seen[0]), highest=Decimal(seen[1]))
    desk.broker.quote("SPY", "108")
    desk.send(desk.plan(desk.want(Purpose.ADD_ON, session_date="2026-03-04"), "11.574", run=2))

    found = position()
    assert round(found.entry_price, 2) == Decimal("104.85")
    assert found.lowest is not None
    assert found.highest is not None
    worst, best = excursions(found.entry_price, found.lowest, found.highest, found.entry_price)
    assert (round(worst, 3), round(best, 3)) == told


def test_the_last_sale_makes_a_trade_with_its_profit(desk: MemoryDesk) -> None:
    bought = desk.buy()
    desk.wait(days=3)
    desk.broker.quote("SPY", "110", "4")
    sold = desk.sell()
    assert (held(), Trade.objects.count()) == (6, 0)

    desk.broker.quote("SPY", "105")
    settle_orders(broker=desk.broker, at=desk.now)

    trade = Trade.objects.get()
    assert (trade.entry_order_id, trade.exit_order_id) == (bought.client_order_id, sold.client_order_id)
    assert (trade.entry_price, trade.exit_price, trade.entry_quantity) == (100, 107, 10)
    assert (trade.gross_pnl, trade.net_pnl, trade.net_pnl_pct, trade.fees) == (70, 70, 7, 0)
    assert (trade.holding_days, trade.exit_type, trade.position_size) == (3, "SWING_EXIT", 1000)
    assert (held(), Position.objects.get().closed_at) == (0, sold.planned_at)


def test_a_sale_of_what_nobody_knew_of_is_booked_and_said(desk: MemoryDesk) -> None:
    desk.buy()
    order = desk.sell(limit="200")
    with hold():
        close_vanished(position(), at=desk.now, run=run_of(9))

    desk.broker.fill(order.client_order_id, "4", "200")
    settle_orders(broker=desk.broker, at=desk.now)
    order.refresh_from_db()
    assert (order.state, order.filled_quantity) == (State.CANCELLED, 4)  # nothing is held for it to sell
    desk.broker.fill(order.client_order_id, "6", "200")  # before the cancellation came, and told of later
    reconcile_account(broker=desk.broker, run=run_of(10), at=desk.now)

    assert held() == 0
    assert list(Trade.objects.order_by("pk").values_list("net_pnl", flat=True)) == [0, 0, 0]
    assert Event.objects.filter(key__startswith="oversold:").count() == 2


def test_a_position_that_vanished_is_closed_at_its_entry_price(desk: MemoryDesk) -> None:
    desk.buy()
    at = desk.wait(days=1)

    with hold():
        trade = close_vanished(position(), at=at, run=run_of(2))

    assert (trade.exit_type, trade.exit_price, trade.net_pnl) == ("EXTERNAL_CLOSE", 100, 0)
    assert "not known" in trade.exit_reason
    assert held() == 0


def test_a_position_from_outside_is_marked_as_such(desk: MemoryDesk) -> None:
    with hold():
        found = find_external("QQQ", Decimal("2.5"), Decimal("400.10"), at=CLOSE, key="external")

    assert (found.source, found.is_external, found.entry_price) == ("BROKER_RECONCILIATION", True, Decimal("400.1"))
    assert Event.objects.get().fields["source"] == "BROKER_RECONCILIATION"
