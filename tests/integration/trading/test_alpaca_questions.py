"""What Alpaca's adapter makes of the answers to its questions, and of their absence."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.integration.trading.given_up import HASTY, PATIENT
from thor.testing import alpaca_words
from thor.testing.alpaca_faults import Fault, broken, says, silent, status, trickling
from thor.testing.alpaca_rest import AlpacaRest
from thor.timing import ManualClock
from thor.trading.alpaca_clock import AlpacaClock
from thor.trading.brokers.alpaca import AlpacaBroker
from thor.trading.brokers.port import (
    BrokerUnreachable,
    Kind,
    OrderRequest,
    Rejected,
    Side,
    Standing,
    Unknown,
)

NOON = datetime(2026, 3, 3, 20, 0, 0, 123_456, tzinfo=UTC)
WISH = OrderRequest("a", "SPY", Side.BUY, Decimal(10))
CHEAP = OrderRequest("a", "SPY", Side.BUY, Decimal(10), Kind.LIMIT, Decimal("90.05"))


def test_a_question_that_came_too_soon_is_asked_again_after_a_while(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker, waits: list[float]
) -> None:
    rest.fail(status(429), status(429))

    assert alpaca_broker.account().cash == 100_000
    assert waits == [1.0, 2.0]


def test_a_question_is_not_asked_for_ever(rest: AlpacaRest, alpaca_broker: AlpacaBroker, waits: list[float]) -> None:
    rest.fail(*[status(429, "too many requests.")] * 4)

    with pytest.raises(BrokerUnreachable, match=r"too many requests. \(429\)"):
        alpaca_broker.account()
    assert (rest.count("GET", "/v2/account"), waits) == (3, [1.0, 2.0])


@pytest.mark.parametrize(
    "fault",
    [
        *[status(number) for number in (401, 404, 500, 504)],
        *[silent(2 * HASTY), trickling(3 * HASTY), broken],
        *[says(text) for text in ("<html>", "{}", "null", "", '"text"')],
    ],
)
@pytest.mark.parametrize("question", ["positions", "open_orders", "fills"])
def test_what_is_no_answer_is_no_empty_list(
    rest: AlpacaRest, hasty_broker: AlpacaBroker, fault: Fault, question: str
) -> None:
    rest.fail(fault)
    ask: dict[str, Callable[[], object]] = {
        "positions": hasty_broker.positions,
        "open_orders": hasty_broker.open_orders,
        "fills": lambda: hasty_broker.fills(NOON),
    }

    with pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1"):
        ask[question]()


def test_a_gateway_that_knows_no_such_page_does_not_say_that_there_is_no_order(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker
) -> None:
    rest.fail(status(404, "endpoint not found."), says("<html>", 404))

    for _ in range(2):
        with pytest.raises(BrokerUnreachable):
            alpaca_broker.order("a")
    assert alpaca_broker.order("a") is None


def test_wrong_keys_are_said(rest: AlpacaRest) -> None:
    alpaca_broker = AlpacaBroker(rest.url, "PKWRONG", "secret", is_live=False, timeout=PATIENT)

    with pytest.raises(BrokerUnreachable, match="forbidden"):
        alpaca_broker.account()
    assert alpaca_broker.submit(WISH) == Rejected("forbidden. (403)")


def test_nobody_there_is_unknown_for_an_order_and_unreachable_for_a_question() -> None:
    alpaca_broker = AlpacaBroker("http://127.0.0.1:9", "PKTEST", "secret", is_live=False, timeout=PATIENT)

    assert isinstance(alpaca_broker.submit(WISH), Unknown)
    assert isinstance(alpaca_broker.cancel("a"), Unknown)
    with pytest.raises(BrokerUnreachable, match="cannot be reached"):
        alpaca_broker.account()


def test_a_pending_cancellation_is_not_final(rest: AlpacaRest, alpaca_broker: AlpacaBroker) -> None:
    alpaca_broker.submit(CHEAP)
    rest.words["a"] = "pending_cancel"

    (found,) = alpaca_broker.open_orders()

    assert (found.status, found.standing) == ("pending_cancel", Standing.WORKING)


def test_fills_are_read_page_by_page_and_each_once(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker, rest_clock: ManualClock
) -> None:
    rest.book.submit(OrderRequest("a", "SPY", Side.BUY, Decimal(400), Kind.LIMIT, Decimal(90)))
    for number in range(250):
        rest_clock.advance(timedelta(milliseconds=number % 2))  # also two fills in one instant
        rest.book.fill("a", "1", "90")

    found = alpaca_broker.fills(NOON)

    assert len({fill.id for fill in found}) == len(found) == 250
    assert [fill.at for fill in found] == sorted(fill.at for fill in found)
    assert rest.count("GET", "/v2/account/activities/FILL") == 4


def test_a_list_of_fills_that_never_ends_is_no_answer(rest: AlpacaRest, alpaca_broker: AlpacaBroker) -> None:
    rest.book.submit(WISH)
    (fill,) = rest.book.every_fill()
    page = says(json.dumps([alpaca_words.fill(fill)]))
    rest.fail(page, page, page)

    with pytest.raises(BrokerUnreachable, match="does not end"):
        alpaca_broker.fills(NOON)


def test_open_orders_are_read_page_by_page_and_each_once(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker, rest_clock: ManualClock
) -> None:
    for number in range(1100):
        rest_clock.advance(timedelta(milliseconds=number % 2))
        rest.book.submit(OrderRequest(f"{number}", "SPY", Side.BUY, Decimal(1), Kind.LIMIT, Decimal(1)))

    found = alpaca_broker.open_orders()

    assert sorted(int(one.client_order_id) for one in found) == list(range(1100))


def test_orders_of_kinds_that_the_desk_never_sends_do_not_hide_the_others(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker
) -> None:
    alpaca_broker.submit(CHEAP)
    ours = rest.book.order("a")
    assert ours is not None
    told = alpaca_words.order(ours)
    of_money = {**told, "id": "money", "client_order_id": "b", "qty": None, "notional": "500"}
    of_legs = {**told, "id": "legs", "client_order_id": "c", "symbol": None, "side": None, "order_class": "mleg"}
    rest.fail(says(json.dumps([of_money, told, of_legs])))

    found = alpaca_broker.open_orders()

    assert [(one.client_order_id, one.quantity) for one in found] == [("b", 0), ("a", 10)]
    assert list(found.unreadable) == ["legs"]


def test_pages_of_orders_go_on_behind_one_that_cannot_be_read(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker, rest_clock: ManualClock
) -> None:
    for number in range(501):
        rest_clock.advance(timedelta(milliseconds=1))
        rest.book.submit(OrderRequest(f"{number}", "SPY", Side.BUY, Decimal(1), Kind.LIMIT, Decimal(1)))
    page = [alpaca_words.order(one) for one in rest.book.open_orders()[:500]]
    page[-1]["symbol"] = None
    rest.fail(says(json.dumps(page)))

    found = alpaca_broker.open_orders()

    assert len(found) == 501  # the next page begins with the last one of the first, and that can be read there
    assert rest.count("GET", "/v2/orders") == 2


def test_the_server_tells_the_clock_and_the_calendar_too(rest: AlpacaRest) -> None:
    found = AlpacaClock(rest.url, rest.key, rest.secret).ask()

    assert found.is_open
    assert (found.day_open, found.day_close) == (
        datetime(2026, 3, 3, 14, 30, tzinfo=UTC),
        datetime(2026, 3, 3, 21, 0, tzinfo=UTC),
    )
