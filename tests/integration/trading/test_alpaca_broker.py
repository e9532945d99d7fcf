"""What Alpaca's adapter makes of everything that can become of a request."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.trading.given_up import HASTY, PATIENT, hasty
from thor.testing.alpaca_faults import (
    Answer,
    Fault,
    Request,
    as_it_should,
    broken,
    creeping,
    says,
    send,
    sent_to,
    silent,
    status,
    taken,
    trickling,
)
from thor.testing.alpaca_rest import AlpacaRest
from thor.trading.brokers.alpaca import AlpacaBroker
from thor.trading.brokers.port import (
    Accepted,
    BrokerUnreachable,
    Kind,
    OrderRequest,
    Rejected,
    Side,
    Standing,
    Unknown,
)

NOON = datetime(2026, 3, 3, 20, 0, 0, 123_456, tzinfo=UTC)
ORDERS = "/v2/orders"
BY_ID = "/v2/orders:by_client_order_id"
WISH = OrderRequest("a", "SPY", Side.BUY, Decimal(10))
#: Seconds in which a busy machine gives one answer.
SLOW = 3.0
CHEAP = OrderRequest("a", "SPY", Side.BUY, Decimal(10), Kind.LIMIT, Decimal("90.05"))


@pytest.mark.parametrize(
    "fault",
    [
        status(500),
        status(502),
        status(504),
        taken(status(504)),
        silent(2 * HASTY),
        broken,
        says("<html>"),
    ],
    ids=["500", "502", "504", "504 after acceptance", "time-out", "broken connection", "no JSON"],
)
def test_one_submission_is_one_post(
    rest: AlpacaRest, hasty_broker: AlpacaBroker, waits: list[float], fault: Fault
) -> None:
    rest.fail(*[fault] * 5, path=ORDERS)

    hasty_broker.submit(WISH)

    rest.settle()
    assert rest.count("POST", ORDERS) == 1
    assert waits == []


def test_an_order_is_sent_as_text_and_good_for_the_day(rest: AlpacaRest, alpaca_broker: AlpacaBroker) -> None:
    alpaca_broker.submit(CHEAP)

    (sent,) = [one.content for one in rest.asked if one.method == "POST"]
    assert sent == {
        "client_order_id": "a",
        "symbol": "SPY",
        "side": "buy",
        "qty": "10",
        "type": "limit",
        "limit_price": "90.05",
        "time_in_force": "day",
    }


@pytest.mark.parametrize(
    ("fault", "has_arrived"),
    [
        (status(500), False),
        (status(503), False),
        (status(504), False),
        (status(408), False),
        (status(409), False),
        (status(302), False),
        (silent(2 * HASTY), False),
        (broken, False),
        (taken(status(500)), True),
        (taken(status(504)), True),
        (taken(silent(2 * HASTY)), True),
        (taken(trickling(3 * HASTY)), True),
        (taken(broken), True),
        (taken(says("<html>")), True),
        (taken(says("{}")), True),
        (taken(says("")), True),
        (taken(says("[1, 2")), True),
    ],
)
def test_what_may_have_arrived_is_unknown_and_its_id_tells(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker, hasty_broker: AlpacaBroker, fault: Fault, has_arrived: bool
) -> None:
    rest.fail(fault, path=ORDERS)

    outcome = hasty_broker.submit(WISH)

    assert isinstance(outcome, Unknown)
    assert outcome.reason
    rest.settle()
    assert (alpaca_broker.order("a") is not None) is has_arrived


@pytest.mark.parametrize(
    "fault",
    [
        creeping(30.0),
        creeping(30.0, b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
        creeping(30.0, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n"),
        creeping(30.0, b"HTTP/1.1 301 Moved\r\nLocation: /\r\nContent-Length: 5000\r\n\r\n"),
        trickling(30.0),
    ],
    ids=["head", "body of a told length", "body in pieces", "body of a redirection", "body without an end"],
)
def test_an_answer_of_a_byte_now_and_then_is_given_up_in_time(
    rest: AlpacaRest, hasty_broker: AlpacaBroker, fault: Fault
) -> None:
    rest.fail(fault, path=ORDERS)
    began = time.monotonic()

    assert hasty_broker.submit(WISH) == Unknown(f"Alpaca did not answer within {HASTY:g} s")
    assert time.monotonic() - began < 15


def test_a_connection_serves_again_and_with_its_whole_time_after_an_answer(rest: AlpacaRest) -> None:
    broker = hasty(rest, lambda _: None, timeout=SLOW)
    del broker._rest._client._session.headers["Connection"]

    broker.account()
    time.sleep(1.1 * SLOW)

    assert broker.account().cash == 100_000
    pools = broker._rest._client._session.get_adapter(rest.url).poolmanager.pools
    (key,) = pools.keys()
    assert (pools[key].num_connections, pools[key].num_requests) == (1, 2)


def test_an_order_that_arrives_after_its_time_out_is_found_later(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker, hasty_broker: AlpacaBroker
) -> None:
    arrives = threading.Event()

    def held_up(request: Request, work: Callable[[], Answer]) -> None:
        arrives.wait(60)
        work()
        request.close_connection = True

    rest.fail(held_up, path=ORDERS)
    assert isinstance(hasty_broker.submit(WISH), Unknown)
    assert rest.book.every_order() == []

    arrives.set()
    rest.settle()

    assert alpaca_broker.order("a") is not None


def test_an_answer_that_is_another_order_is_unknown(rest: AlpacaRest, alpaca_broker: AlpacaBroker) -> None:
    alpaca_broker.submit(CHEAP)
    other = alpaca_broker._rest.get("/orders:by_client_order_id", {"client_order_id": "a"})
    rest.fail(says(json.dumps(other)), path=ORDERS)

    outcome = alpaca_broker.submit(OrderRequest("b", "SPY", Side.BUY, Decimal(1)))

    assert outcome == Unknown("Alpaca answered with the order a")


def with_order(**change: Any) -> Fault:
    """Return the order as it should be said, but for this."""

    def answer(request: Request, work: Callable[[], Answer]) -> None:
        found = work().content
        send(request, Answer(200, {**(found[0] if isinstance(found, list) else found), **change}))

    return answer


@pytest.mark.parametrize(
    "fault",
    [
        with_order(updated_at="0001-01-01T00:00:00+14:00"),
        with_order(qty="1e999999999"),
        with_order(filled_qty="1e999999999"),
        with_order(filled_qty=float("inf")),
        says("[" * 100_000),
        says('{"a":' * 5_000),
        says("[" * 100_000, 500),
        sent_to(b"\xff\xfe"),
        sent_to(b"http://[::1"),
    ],
    ids=["year 0", "qty", "filled", "infinite", "lists", "objects", "refused lists", "moved", "moved to ["],
)
def test_no_answer_whatever_it_is_raises_more_than_the_port_says(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker, fault: Fault
) -> None:
    """Orders, cancellations and questions alike."""
    rest.fail(fault, path=ORDERS)
    assert isinstance(alpaca_broker.submit(WISH), Unknown)

    rest.mend()
    assert isinstance(alpaca_broker.submit(CHEAP), Accepted)
    rest.fail(fault, path=BY_ID)
    assert isinstance(alpaca_broker.cancel("a"), Unknown)

    rest.fail(fault, path=BY_ID)
    with pytest.raises(BrokerUnreachable):
        alpaca_broker.order("a")


def test_an_account_of_infinitely_many_day_trades_is_no_answer(rest: AlpacaRest, alpaca_broker: AlpacaBroker) -> None:
    rest.said["daytrade_count"] = float("inf")

    with pytest.raises(BrokerUnreachable, match="not the account that can be read"):
        alpaca_broker.account()


def test_a_position_of_a_figure_beyond_all_is_no_answer(rest: AlpacaRest, alpaca_broker: AlpacaBroker) -> None:
    rest.fail(says('[{"symbol": "SPY", "qty": "1e999999999", "side": "long", "avg_entry_price": "1"}]'))

    with pytest.raises(BrokerUnreachable, match="not a position that can be read"):
        alpaca_broker.positions()


@pytest.mark.parametrize("number", [400, 401, 403, 404, 422])
def test_a_documented_refusal_is_a_rejection_that_says_why(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker, number: int
) -> None:
    rest.fail(status(number, "asset is not tradable"), path=ORDERS)

    assert alpaca_broker.submit(WISH) == Rejected(f"asset is not tradable ({number})")


@pytest.mark.parametrize("times", [1, 2])
def test_what_was_one_request_too_many_is_sent_again_under_its_id(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker, waits: list[float], times: int
) -> None:
    rest.fail(*[status(429)] * times, path=ORDERS)

    outcome = alpaca_broker.submit(WISH)

    assert isinstance(outcome, Accepted)
    assert [one.content["client_order_id"] for one in rest.asked if one.method == "POST"] == ["a"] * (times + 1)
    assert waits == [1.0, 2.0][:times]
    assert len(rest.book.every_order()) == 1


def test_too_many_requests_thrice_are_a_rejection_since_nothing_was_ordered(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker
) -> None:
    rest.fail(*[status(429, "too many requests.")] * 5, path=ORDERS)

    assert alpaca_broker.submit(WISH) == Rejected("too many requests. (429)")
    assert rest.count("POST", ORDERS) == 3
    rest.mend()
    assert alpaca_broker.order("a") is None


@pytest.mark.parametrize("fault", [taken(status(504)), taken(broken), taken(silent(SLOW + 1))])
def test_doubt_after_one_request_too_many_is_doubt_and_nothing_is_sent_again(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker, fault: Fault
) -> None:
    broker = hasty(rest, lambda _: None, timeout=SLOW)
    rest.fail(status(429), fault, path=ORDERS)

    assert isinstance(broker.submit(WISH), Unknown)
    rest.settle()
    assert rest.count("POST", ORDERS) == 2
    assert alpaca_broker.order("a") is not None


def test_an_order_is_not_sent_again_once_the_time_of_a_request_is_used_up(rest: AlpacaRest) -> None:
    broker = AlpacaBroker(
        rest.url, rest.key, rest.secret, is_live=False, timeout=SLOW, sleep=lambda _: time.sleep(1.1 * SLOW)
    )
    rest.fail(*[status(429)] * 5, path=ORDERS)

    assert isinstance(broker.submit(WISH), Rejected)
    assert rest.count("POST", ORDERS) == 2


def test_an_id_that_is_taken_is_asked_for_and_accepted(rest: AlpacaRest, alpaca_broker: AlpacaBroker) -> None:
    alpaca_broker.submit(CHEAP)

    outcome = alpaca_broker.submit(CHEAP)

    assert isinstance(outcome, Accepted)
    assert outcome.order == alpaca_broker.order("a")
    assert rest.count("POST", ORDERS) == 2
    assert len(rest.book.every_order()) == 1


def test_an_id_that_is_taken_is_unknown_while_nobody_says_by_what(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker
) -> None:
    alpaca_broker.submit(CHEAP)
    rest.fail(status(500), path=BY_ID)

    assert isinstance(alpaca_broker.submit(CHEAP), Unknown)


def test_an_id_that_is_taken_by_nothing_is_unknown(rest: AlpacaRest, alpaca_broker: AlpacaBroker) -> None:
    rest.fail(status(422, "client_order_id must be unique"), path=ORDERS)

    assert isinstance(alpaca_broker.submit(WISH), Unknown)


def test_no_error_shows_the_keys(rest: AlpacaRest) -> None:
    alpaca_broker = AlpacaBroker("http://127.0.0.1:9", "PK0123456789", "s3cr3t", is_live=True, timeout=PATIENT)

    outcome = alpaca_broker.submit(WISH)

    assert isinstance(outcome, Unknown)
    for text in (outcome.reason, repr(alpaca_broker)):
        assert "PK0123456789" not in text
        assert "s3cr3t" not in text


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (status(500), Unknown),
        (silent(2 * HASTY), Unknown),
        (broken, Unknown),
        (status(422, "order is not cancelable"), Rejected),
        (status(429), Rejected),
        (status(403), Rejected),
    ],
)
def test_a_cancellation_that_fails_is_unknown_or_refused(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker, hasty_broker: AlpacaBroker, fault: Fault, kind: type
) -> None:
    alpaca_broker.submit(CHEAP)
    rest.fail(fault, path=f"{ORDERS}/")
    asked = hasty_broker if kind is Unknown else alpaca_broker

    assert isinstance(asked.cancel("a"), kind)
    rest.settle()
    order = alpaca_broker.order("a")
    assert order is not None
    assert order.standing is Standing.WORKING


def test_a_cancellation_whose_answer_is_lost_is_unknown_and_has_happened(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker
) -> None:
    alpaca_broker.submit(CHEAP)
    rest.fail(taken(status(504)), path=f"{ORDERS}/")

    assert isinstance(alpaca_broker.cancel("a"), Unknown)
    order = alpaca_broker.order("a")
    assert order is not None
    assert order.standing is Standing.CANCELLED


def test_a_cancellation_that_was_taken_is_accepted_though_nobody_says_how_the_order_stands(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker
) -> None:
    alpaca_broker.submit(CHEAP)
    rest.fail(as_it_should, status(500), path=BY_ID)

    outcome = alpaca_broker.cancel("a")

    assert isinstance(outcome, Accepted)
    assert outcome.order.client_order_id == "a"
