"""What the embedded broker does with hours and quotes; what every broker does is in the contracts."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis

from tests.integration.trading.paper_desk import Desk, local
from thor.trading.brokers.port import (
    BrokerUnreachable,
    Kind,
    OrderRequest,
    Rejected,
    Side,
    Standing,
    Unknown,
)
from thor.trading.models.paper import PaperAccount, PaperFill, PaperOrder, PaperPosition

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    found = Desk()
    found.quote("100")
    return found


@pytest.mark.parametrize("moment", ["2026-03-03T08:00", "2026-03-02T20:00", "2026-03-01T12:00"])
def test_an_order_that_is_sent_outside_the_session_waits_for_the_open(desk: Desk, moment: str) -> None:
    desk.at(moment)
    desk.buy()
    assert desk.order().standing is Standing.WORKING
    opens = "2026-03-03T09:30" if not moment.startswith("2026-03-01") else "2026-03-02T09:30"

    desk.clock.set(local(opens) - timedelta(seconds=1))
    desk.quote("100")
    assert desk.order().standing is Standing.WORKING
    desk.at(opens)

    assert desk.order().standing is Standing.FILLED
    assert desk.order().updated_at == local(opens)


def test_the_open_is_not_traded_at_a_quote_from_before_it(desk: Desk) -> None:
    desk.at("2026-03-03T09:29")
    desk.buy()

    desk.clock.set(local("2026-03-03T09:31"))
    assert desk.order().standing is Standing.WORKING
    desk.quote("100", at="2026-03-03T09:30")

    assert desk.order().standing is Standing.FILLED


def test_a_quote_of_a_feed_that_has_died_is_not_traded_at(desk: Desk) -> None:
    desk.quote("100", at="2026-03-03T09:44:59")
    desk.buy()
    assert desk.order().standing is Standing.WORKING

    desk.quote("100", at="2026-03-03T09:45")

    assert desk.order().standing is Standing.FILLED


def test_a_market_order_waits_for_a_price_that_is_meant(desk: Desk) -> None:
    desk.snapshots["SPY"] |= {"bid": Decimal(60), "ask": Decimal(140), "last_at": local("2026-03-03T09:40").isoformat()}
    desk.buy("10")
    assert desk.order().standing is Standing.WORKING

    desk.quote("100", bid="60", ask="140")

    assert (desk.order().standing, desk.order().filled_average_price) == (Standing.FILLED, Decimal("100.05"))


def test_an_order_expires_at_the_close_and_its_buying_power_comes_back(desk: Desk) -> None:
    desk.buy(limit="90")

    desk.at("2026-03-03T15:59:59")
    assert desk.order().standing is Standing.WORKING
    desk.at("2026-03-03T16:00", last="80")

    found = desk.order()
    assert (found.standing, found.updated_at) == (Standing.EXPIRED, local("2026-03-03T16:00"))
    assert found.reason
    assert desk.broker.account().buying_power == 100_000
    assert desk.broker.open_orders() == []


def test_an_order_of_the_evening_expires_at_the_next_close_and_not_before(desk: Desk) -> None:
    desk.at("2026-03-03T16:00")
    desk.buy(limit="90")

    desk.at("2026-03-04T15:59")
    assert desk.order().standing is Standing.WORKING
    desk.at("2026-03-04T16:00")

    assert desk.order().standing is Standing.EXPIRED


def test_an_order_on_a_half_day_expires_at_one(desk: Desk) -> None:
    desk.at("2026-11-27T10:00")
    desk.buy(limit="90")

    desk.at("2026-11-27T13:00")

    assert desk.order().standing is Standing.EXPIRED


def test_a_broker_that_nobody_asked_for_days_expires_what_it_would_have_filled(desk: Desk) -> None:
    desk.buy(limit="90")

    desk.at("2026-03-06T10:00", last="80")

    assert desk.order().standing is Standing.EXPIRED
    assert desk.broker.positions() == []


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (Desk.wish("0.0000001"), "six decimals"),
        (Desk.wish("NaN"), "quantity must"),
        (Desk.wish("Infinity"), "quantity must"),
        (Desk.wish(limit="0"), "limit price must"),
        (Desk.wish(limit="-1"), "limit price must"),
        (Desk.wish(limit="100.001"), "no price"),
        (Desk.wish(limit="0.99991"), "no price"),
        (Desk.wish(name=""), "client_order_id"),
        (Desk.wish(name="x" * 129), "client_order_id"),
        (OrderRequest("a", "SPY", Side.BUY, Decimal(1), Kind.LIMIT), "needs a limit price"),
        (OrderRequest("a", "SPY", Side.BUY, Decimal(1), Kind.MARKET, Decimal(1)), "no other order may have one"),
    ],
)
def test_an_order_of_a_bad_form_is_refused(desk: Desk, wish: OrderRequest, why: str) -> None:
    outcome = desk.broker.submit(wish)

    assert isinstance(outcome, Rejected)
    assert why in outcome.reason


def test_an_id_that_was_refused_can_be_used_again(desk: Desk) -> None:
    assert isinstance(desk.broker.submit(desk.wish("10000")), Rejected)

    desk.buy("1")

    assert desk.order().quantity == 1


def test_settling_twice_changes_nothing(desk: Desk) -> None:
    desk.buy("10")
    desk.buy("10", limit="90", name="b")
    before = _everything()

    desk.broker.settle(at=desk.clock.now())
    desk.another().settle(at=desk.clock.now())

    assert _everything() == before


def test_a_clock_that_goes_back_fills_nothing_in_the_past(desk: Desk) -> None:
    desk.at("2026-03-03T12:00")
    desk.buy("10")
    desk.at("2026-03-03T11:00")
    desk.quote("100", at="2026-03-03T12:00")
    desk.buy("10", name="b")

    found = desk.broker.fills(local("2026-03-03T00:00"))

    assert [fill.at for fill in found] == [local("2026-03-03T12:00")] * 2


def test_the_same_quotes_give_the_same_books_ids_included(desk: Desk) -> None:
    def day() -> tuple[object, ...]:
        one = Desk()
        one.volumes["SPY"] = Decimal(1_000)
        for minute in range(30):
            one.at(f"2026-03-03T10:{minute:02}", last=f"{100 + minute % 7}")
            one.broker.submit(one.wish(f"{minute + 1}", name=f"{minute}"))
            one.broker.submit(one.wish(f"{minute + 1}", "103", f"{minute} out", Side.SELL))
        since = local("2026-03-03T00:00")
        return one.broker.fills(since), one.broker.open_orders(), one.broker.positions(), one.broker.account()

    first = day()
    for book in (PaperFill, PaperOrder, PaperPosition, PaperAccount):
        book.objects.all().delete()

    assert day() == first
    assert len(first[0]) > 5  # type: ignore[arg-type]


def test_quotes_that_cannot_be_read_are_an_outage(desk: Desk) -> None:
    desk.buy(limit="90")
    desk.fault = redis.ConnectionError("Connection refused")

    for question in (desk.broker.account, desk.broker.positions, desk.broker.open_orders):
        with pytest.raises(BrokerUnreachable, match="Connection refused"):
            question()
    assert isinstance(desk.broker.submit(desk.wish(name="b")), Unknown)
    assert isinstance(desk.broker.cancel("a"), Unknown)

    desk.fault = None
    assert desk.broker.order("b") is None
    assert desk.order().standing is Standing.WORKING


def _everything() -> list[list[dict[str, Any]]]:
    books = (PaperAccount, PaperOrder, PaperFill, PaperPosition)
    return [list(book.objects.order_by("pk").values()) for book in books]
