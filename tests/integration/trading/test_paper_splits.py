"""The embedded broker counts in new shares from the date of a split on: what the account is worth stays."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.integration.trading.daily_days import split
from tests.integration.trading.paper_desk import Desk, local
from thor.marketdata.models import Instrument
from thor.trading.brokers.port import Standing
from thor.trading.models.paper import PaperPosition

pytestmark = pytest.mark.django_db

#: The day after the desk opens.
DAY = date(2026, 3, 4)


@pytest.fixture
def desk() -> Desk:
    """Return a desk that has bought 100 SPY at about 100."""
    Instrument.objects.get_or_create(symbol="SPY", defaults={"venue": "us_equities", "kind": "equity"})
    found = Desk()
    found.quote("100")
    found.buy("100")
    return found


def held(desk: Desk) -> Decimal:
    (found,) = desk.broker.positions()
    return found.quantity


@pytest.mark.parametrize(("ratio", "quantity", "price"), [("2", "200", "50"), ("0.1", "10", "1000")])
def test_what_is_held_is_multiplied_and_worth_what_it_was(desk: Desk, ratio: str, quantity: str, price: str) -> None:
    split("SPY", DAY, ratio)
    before = desk.broker.account()
    desk.at("2026-03-03T16:00")
    assert held(desk) == 100

    desk.at("2026-03-04T09:30", last=price)

    (found,) = desk.broker.positions()
    assert (found.quantity, found.average_entry_price) == (Decimal(quantity), Decimal("100.05") / Decimal(ratio))
    assert (desk.broker.account().equity, desk.broker.account().cash) == (before.equity, before.cash)


def test_it_is_carried_out_once_whoever_settles_first(desk: Desk) -> None:
    split("SPY", DAY, "2")

    for time in ("2026-03-04T09:30", "2026-03-04T15:00", "2026-03-05T09:30"):
        desk.at(time, last="50")
        assert [one.positions()[0].quantity for one in (desk.broker, desk.another())] == [200, 200]


def test_a_quote_of_before_the_split_is_in_old_shares(desk: Desk) -> None:
    split("SPY", DAY, "2")
    before = desk.broker.account().equity

    desk.clock.set(local("2026-03-04T08:00"))

    assert held(desk) == 200
    assert desk.broker.positions()[0].price == 50
    found = desk.broker.account()
    assert (found.equity, found.last_equity) == (before, before)


def test_what_is_bought_on_the_day_of_a_split_is_in_new_shares_already(desk: Desk) -> None:
    split("SPY", DAY, "2")
    desk.at("2026-03-04T10:00", last="50")

    desk.buy("10", name="b")

    desk.at("2026-03-05T10:00", last="50")
    assert held(desk) == 210


def test_an_order_of_before_the_split_is_over(desk: Desk) -> None:
    split("SPY", DAY, "2")
    desk.at("2026-03-03T18:00")
    desk.sell("100")

    desk.at("2026-03-04T09:30", last="50")

    assert (desk.order("b").standing, desk.order("b").reason) == (Standing.CANCELLED, "the symbol was split")
    desk.sell("200", name="c")
    assert desk.broker.positions() == []


def test_splits_that_fell_into_a_pause_count_all(desk: Desk) -> None:
    split("SPY", DAY, "2")
    split("SPY", date(2026, 3, 9), "3")

    desk.at("2026-03-10T10:00", last="16.67")

    assert held(desk) == 600


@pytest.mark.parametrize("entered", ["2026-03-04T08:00", "2026-03-05T11:00"], ids=["on its date", "a day late"])
def test_a_split_that_is_entered_late_is_carried_out_at_the_next_settlement(desk: Desk, entered: str) -> None:
    before = desk.broker.account().equity
    for time in ("2026-03-04T00:20", entered):
        desk.at(time, last="25")
        assert held(desk) == 100

    split("SPY", DAY, "4")

    for _ in range(2):
        desk.broker.settle(at=desk.clock.now())
        assert (held(desk), desk.broker.account().equity) == (400, before)
    assert PaperPosition.objects.get().splits == ["2026-03-04"]
    desk.at("2026-03-06T10:00", last="25")
    assert held(desk) == 400


def test_what_was_traded_since_a_split_that_is_entered_late_is_in_new_shares_already(desk: Desk) -> None:
    desk.at("2026-03-04T10:00", last="50")
    desk.buy("10", name="b")
    desk.at("2026-03-05T10:00", last="50")
    desk.sell("30", name="c")

    split("SPY", DAY, "2")

    assert held(desk) == 2 * 100 + 10 - 30


def test_an_older_split_that_is_entered_after_a_newer_one_counts_what_was_traded_between_once(desk: Desk) -> None:
    split("SPY", date(2026, 3, 9), "3")
    desk.at("2026-03-05T10:00", last="50")
    desk.buy("10", name="b")
    desk.at("2026-03-10T10:00", last="16.67")
    assert held(desk) == 110 * 3
    desk.buy("5", name="c")

    split("SPY", DAY, "2")

    assert held(desk) == 100 * 2 * 3 + 10 * 3 + 5


def test_a_split_of_the_day_of_the_first_purchase_or_of_before_it_is_none_of_it(desk: Desk) -> None:
    desk.at("2026-03-05T10:00")

    split("SPY", date(2026, 3, 3), "2")
    split("SPY", date(2026, 3, 2), "2")

    assert held(desk) == 100


def test_what_was_sold_and_bought_again_is_a_position_of_its_own(desk: Desk) -> None:
    desk.at("2026-03-05T10:00", last="50")
    desk.sell("100")
    desk.buy("7", name="c")

    split("SPY", DAY, "2")

    assert held(desk) == 7


def test_a_position_of_which_nobody_noted_since_when_has_the_splits_until_the_last_settlement(desk: Desk) -> None:
    split("SPY", DAY, "2")
    desk.at("2026-03-04T10:00", last="50")
    assert held(desk) == 200
    PaperPosition.objects.update(since=None, splits=[])

    desk.at("2026-03-05T10:00", last="50")

    assert held(desk) == 200
    assert PaperPosition.objects.get().since == DAY
    split("SPY", date(2026, 3, 5), "3")
    assert held(desk) == 600


def test_an_order_of_the_day_of_a_split_that_is_entered_late_is_in_new_shares_and_stays(desk: Desk) -> None:
    desk.at("2026-03-03T18:00")
    desk.buy("10", limit="20", name="old")
    desk.at("2026-03-04T08:00", last="50")
    desk.sell("10", limit="60", name="new")

    split("SPY", DAY, "2")

    assert desk.order("old").standing is Standing.CANCELLED
    assert desk.order("new").standing is Standing.WORKING


def test_a_settlement_asks_once_for_the_splits_of_all_that_is_held_and_ordered(desk: Desk) -> None:
    desk.at("2026-03-04T10:00", last="100")
    desk.buy("10", limit="20", name="b")
    with CaptureQueriesContext(connection) as asked:
        desk.broker.settle(at=desk.clock.now())

    assert sum("marketdata_split" in one["sql"] for one in asked) == 1
