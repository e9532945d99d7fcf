"""The embedded broker counts in new shares from the date of a split on: what the account is worth stays."""

from datetime import date
from decimal import Decimal

import pytest

from tests.integration.trading.daily_days import split
from tests.integration.trading.paper_desk import Desk, local
from thor.marketdata.models import Instrument
from thor.trading.brokers.port import Standing

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
