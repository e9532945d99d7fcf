"""A split multiplies shares and divides prices: of what is held nothing is earned, lost or paid by one."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.integration.trading.daily_days import split
from tests.integration.trading.memory_desk import MemoryDesk, held, position, run_of
from thor.trading.brokers.port import BrokerPosition
from thor.trading.desk import hold
from thor.trading.models import Event, Position, Reconciliation, Trade
from thor.trading.positions import converge_split, unbooked_ratio
from thor.trading.services.reconciliation import reconcile_account

pytestmark = pytest.mark.django_db(transaction=True)

#: A week after the purchase, at three in the morning in New York.
DAY = date(2026, 3, 10)
NIGHT = datetime.fromisoformat("2026-03-10T03:00-04:00")


@pytest.fixture
def desk() -> MemoryDesk:
    """Return a desk that has bought 10 SPY at 100, and has seen it between 80 and 120."""
    found = MemoryDesk()
    found.buy()
    Position.objects.update(highest=120, lowest=80)
    found.clock.set(NIGHT)
    return found


@pytest.fixture
def holds(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> "Holds":
    return Holds(desk, monkeypatch)


class Holds:
    """Let the broker hold something from now on, and reconcile."""

    def __init__(self, desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
        self._desk, self._patch, self._runs = desk, monkeypatch, 100

    def __call__(self, quantity: str, average: str) -> Reconciliation:
        told = BrokerPosition("SPY", Decimal(quantity), Decimal(average), Decimal(average))
        self._patch.setattr(self._desk.broker, "positions", lambda: [told])
        self._runs += 1
        reconcile_account(broker=self._desk.broker, run=run_of(self._runs), at=self._desk.now)
        return Reconciliation.objects.get(run=run_of(self._runs))


def test_a_split_doubles_what_is_held_and_leaves_what_was_paid(holds: Holds) -> None:
    split("SPY", DAY, "2")

    row = holds("20", "50")

    found = position()
    assert (row.status, row.notes) == ("READY", ["the broker holds 20 SPY, the journal 10, which a split makes of it"])
    assert (found.quantity, found.cost, found.entry_price, found.highest, found.lowest) == (20, 1000, 50, 60, 40)
    event = Event.objects.get(kind="position_found")
    assert event.fields == {"change": "split", "ratio": "2", "before": "10", "quantity": "20"}


def test_a_reverse_split_earns_nothing(desk: MemoryDesk, holds: Holds) -> None:
    split("SPY", DAY, "0.5")
    holds("5", "200")
    assert (position().sold, position().proceeds, position().entry_price) == (0, 0, 200)

    desk.broker.quote("SPY", "200")
    desk.sell("5")

    assert Trade.objects.get().net_pnl == 0


def test_what_was_sold_before_is_counted_in_new_shares_too(desk: MemoryDesk, holds: Holds) -> None:
    desk.broker.quote("SPY", "110", "4")
    desk.sell()
    desk.broker.close_day()
    desk.clock.set(NIGHT + timedelta(hours=1))
    split("SPY", DAY, "3")

    holds("18", "33.33")

    found = position()
    assert (found.bought, found.sold, found.cost, found.proceeds) == (30, 12, 1000, 440)


@pytest.mark.parametrize(
    ("quantity", "proceeds", "left"), [("3.333333", "0", "0"), ("3", "100", "0.333333"), ("4", "0", "0")]
)
def test_parts_of_a_share_are_kept_paid_out_or_rounded_up(
    holds: Holds, quantity: str, proceeds: str, left: str
) -> None:
    split("SPY", DAY, "0.33333333")

    assert holds(quantity, "300").status == "READY"

    found = position()
    assert (found.quantity, found.sold, found.cost) == (Decimal(quantity), Decimal(left), 1000)
    assert abs(found.proceeds - Decimal(proceeds)) < Decimal("0.01")


def test_a_split_is_booked_once(desk: MemoryDesk, holds: Holds) -> None:
    split("SPY", DAY, "2")
    holds("20", "50")
    desk.wait(hours=1)

    row = holds("40", "55")  # somebody has bought 20 more, at 60

    assert row.status == "SAFE_MODE"
    assert (position().quantity, position().outside, position().cost) == (20, 20, 1000)
    assert unbooked_ratio(position(), DAY) == 1


def test_splits_of_before_the_purchase_or_after_today_are_none_of_it(holds: Holds) -> None:
    split("SPY", date(2026, 3, 3), "2")
    split("SPY", date(2026, 3, 11), "2")

    assert unbooked_ratio(position(), DAY) == 1
    assert holds("20", "60").status == "SAFE_MODE"
    assert (position().cost, position().outside) == (1000, 10)


def test_two_splits_count_both_and_the_second_alone_once_the_first_is_booked(desk: MemoryDesk, holds: Holds) -> None:
    split("SPY", date(2026, 3, 6), "0.33333333")
    split("SPY", DAY, "6")
    assert unbooked_ratio(position(), date(2026, 3, 9)) == Decimal("0.33333333")
    desk.clock.set(NIGHT - timedelta(days=1))
    holds("3.333333", "300")

    desk.clock.set(NIGHT)

    assert unbooked_ratio(position(), DAY) == 6


@pytest.mark.parametrize("average", ["50", "49"])
def test_shares_that_nobody_has_paid_for_cost_nothing(holds: Holds, average: str) -> None:
    assert holds("20", average).status == "SAFE_MODE"

    assert (position().quantity, position().cost, position().entry_price) == (20, 1000, 50)


def test_whoever_sells_can_book_a_split_before(desk: MemoryDesk) -> None:
    split("SPY", DAY, "2")

    with hold():
        assert not converge_split(position(), Decimal(11), at=desk.now)
        assert not converge_split(position(), Decimal(0), at=desk.now)
        assert converge_split(position(), Decimal(20), at=desk.now)

    assert held() == 20
    assert not Trade.objects.exists()
