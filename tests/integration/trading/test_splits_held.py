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


@pytest.mark.parametrize(("quantity", "average"), [("20", "40"), ("11", "90.5"), ("11", "88")])
def test_shares_that_would_have_cost_less_than_nothing_are_not_the_desks(
    holds: Holds, quantity: str, average: str
) -> None:
    assert holds(quantity, average).status == "SAFE_MODE"

    assert (position().quantity, position().outside, position().cost) == (10, Decimal(quantity) - 10, 1000)


def test_a_split_that_nobody_told_of_may_have_a_part_of_a_share_paid_out(holds: Holds) -> None:
    Position.objects.update(bought=7, cost=700)

    holds("10", "66.67")

    assert (position().quantity, position().outside, position().cost) == (10, 0, 700)


@pytest.mark.parametrize(
    ("ratio", "quantity", "average", "own", "others"),
    [
        ("2", "23", "50", 20, 3),
        ("2", "26", "50", 20, 6),
        ("2", "60", "52.5", 20, 40),
        ("0.5", "8", "205", 5, 3),
        ("0.5", "12", "190", 5, 7),
        ("0.15", "3", "666.67", 1, 2),
    ],
)
def test_a_split_beside_which_somebody_has_bought_counts_first(
    holds: Holds, ratio: str, quantity: str, average: str, own: int, others: int
) -> None:
    split("SPY", DAY, ratio)

    row = holds(quantity, average)

    assert row.status == "SAFE_MODE"
    assert row.warnings == [
        f"the broker holds {quantity} SPY, the journal {own}, and what is more is not the desk's to sell"
    ]
    assert (position().quantity, position().outside, position().cost) == (own, others, 1000)
    assert unbooked_ratio(position(), DAY) == 1
    assert holds(quantity, average).status == "READY"


@pytest.mark.parametrize(
    ("ratio", "quantity", "average", "own", "others"),
    [("2", "23", "100", 10, 13), ("2", "23", "72", 10, 13), ("0.5", "8", "100", 8, 0), ("0.5", "14", "102", 10, 4)],
)
def test_a_split_that_the_broker_has_not_counted_yet_is_left(
    holds: Holds, ratio: str, quantity: str, average: str, own: int, others: int
) -> None:
    split("SPY", DAY, ratio)

    holds(quantity, average)

    assert (position().quantity, position().outside) == (own, others)
    assert unbooked_ratio(position(), DAY) == Decimal(ratio)


def test_a_split_that_came_while_somebody_bought_of_what_they_had_counts_for_both(
    desk: MemoryDesk, holds: Holds
) -> None:
    holds("15", "110")
    desk.wait(hours=1)
    split("SPY", DAY, "2")

    holds("33", "54.545")

    assert (position().quantity, position().outside, position().cost) == (20, 13, 1000)


@pytest.mark.parametrize(
    ("quantity", "average", "own", "others"),
    [
        ("30", "55", "20", "10"),
        ("22.5", "73.33", "15", "7.5"),
        ("7.5", "220", "5", "2.5"),
        ("7", "220", "4.666667", "2.333333"),
    ],
)
def test_a_split_that_nobody_told_of_counts_for_what_is_somebody_elses_too(
    desk: MemoryDesk, holds: Holds, quantity: str, average: str, own: str, others: str
) -> None:
    holds("15", "110")  # somebody has bought 5, at 130
    desk.wait(hours=1)

    row = holds(quantity, average)

    assert row.status == "SAFE_MODE"
    assert (position().quantity, position().outside) == (Decimal(own), Decimal(others))
    assert (position().cost, position().proceeds) == (1000, 0)
    assert holds(quantity, average).status == "READY"


def test_a_split_that_is_entered_when_it_was_counted_is_not_counted_again(desk: MemoryDesk, holds: Holds) -> None:
    holds("15", "110")
    desk.wait(hours=1)
    holds("30", "55")
    split("SPY", DAY, "2")
    desk.wait(hours=1)

    assert unbooked_ratio(position(), DAY) == 1
    holds("60", "55")  # somebody has bought 30 more

    assert (position().quantity, position().outside, position().cost) == (20, 40, 1000)


def test_two_splits_that_nobody_told_of_count_both(desk: MemoryDesk, holds: Holds) -> None:
    for quantity, average in [("15", "110"), ("30", "55"), ("90", "18.33")]:
        holds(quantity, average)
        desk.wait(hours=1)

    assert (position().quantity, position().outside, position().highest) == (60, 30, 20)


@pytest.mark.parametrize(("quantity", "average"), [("30", "60"), ("16", "103"), ("16", "107")])
def test_what_somebody_adds_to_their_own_is_no_split(
    desk: MemoryDesk, holds: Holds, quantity: str, average: str
) -> None:
    holds("15", "110")
    desk.wait(hours=1)

    holds(quantity, average)

    assert (position().quantity, position().outside) == (10, Decimal(quantity) - 10)


def test_where_nobody_knows_what_the_others_have_paid_nothing_more_is_the_desks(holds: Holds) -> None:
    Position.objects.update(outside=5)

    holds("30", "50")

    assert (position().quantity, position().outside) == (10, 20)


def test_whoever_sells_can_book_a_split_before(desk: MemoryDesk) -> None:
    split("SPY", DAY, "2")

    with hold():
        assert not converge_split(position(), Decimal(11), at=desk.now)
        assert not converge_split(position(), Decimal(0), at=desk.now)
        assert converge_split(position(), Decimal(20), at=desk.now)

    assert held() == 20
    assert not Trade.objects.exists()
