"""Alpaca: orders over its REST API, and what is known of them from its answers and from its silence.

What an answer to an order means
    2xx with an order        Accepted
    422, the id is taken     Alpaca has an order of this `client_order_id`: it is asked for and returned as Accepted
    400, 401, 403, 404, 422  Rejected: Alpaca documents them as refusals (form, keys, buying power, asset)
    429                      nothing was ordered. Alpaca documents it as the limit of requests having been exceeded (200
                             a minute), with the advice to wait and send again: the request is turned away before it is
                             looked at. So it is sent twice more, under the same id; after the third 429 Rejected.
    anything else            Unknown: 5xx, 408, a time-out, a broken connection, an answer that cannot be read. The
                             order may have arrived, even where a gateway says 504.

One submission is one request, and another one only where the server said that it was too many. Questions may be asked
again as well: on 429 twice more, after one second and after two. Everything else that is no answer is
`BrokerUnreachable` at once, since whoever asks comes back in minutes anyway. That an order does not exist is believed
only where Alpaca itself says so, by its own code: a gateway that knows no such page says 404 as well.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from thor.trading.brokers.alpaca_answers import (
    read_account,
    read_fill,
    read_list,
    read_order,
    read_orders,
    read_position,
    submitted_at,
)
from thor.trading.brokers.alpaca_rest import TIMEOUT, AlpacaRest, Refused, Unanswered
from thor.trading.brokers.port import (
    Accepted,
    Account,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    BrokerUnreachable,
    Kind,
    OpenOrders,
    OrderRequest,
    Outcome,
    Rejected,
    Unknown,
)

log = logging.getLogger(__name__)

Found = TypeVar("Found")

#: Alpaca's own code of a 404 for an order that it does not have.
NO_ORDER: Final = 40410000
UNPROCESSABLE: Final = 422
TOO_MANY: Final = 429
REFUSALS: Final = frozenset({400, 401, 403, 404, UNPROCESSABLE, TOO_MANY})
#: Seconds between the tries of a question, or of an order, that came too soon.
WAITS: Final = (1.0, 2.0)
#: The most that Alpaca gives at once.
ORDERS_A_PAGE: Final = 500
FILLS_A_PAGE: Final = 100
#: Pages after which an answer that never ends is none.
MOST_PAGES: Final = 1000
#: An activity is stamped when it is written: fills are asked for from a little earlier and then told by their own time.
EARLIER: Final = timedelta(minutes=1)
#: Orders of one instant may lie on both sides of a page's end.
INSTANT: Final = timedelta(microseconds=1)


class AlpacaBroker:
    """An account at Alpaca. `is_live` says whether it is one with real money."""

    name = "alpaca"

    def __init__(
        self,
        url: str,
        key_id: str,
        secret_key: str,
        *,
        is_live: bool,
        timeout: float = TIMEOUT,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the address and the account's keys; nothing is sent yet."""
        self.is_live = is_live
        self._rest = AlpacaRest(url, key_id, secret_key, timeout=timeout)
        self._sleep, self._timeout = sleep, timeout
        self._host = urlsplit(url).netloc

    def __repr__(self) -> str:
        return f"<AlpacaBroker {self._host}{' LIVE' if self.is_live else ''}>"

    def account(self) -> Account:
        """Return the account as it is now."""
        return self._asked(lambda: read_account(self._get("/account"), is_live=self.is_live))

    def positions(self) -> Sequence[BrokerPosition]:
        """Return everything that the account holds."""
        return self._asked(lambda: [read_position(one) for one in read_list(self._get("/positions"), "positions")])

    def open_orders(self) -> OpenOrders:
        """Return every order that is not final."""
        return self._asked(self._orders)

    def order(self, client_order_id: str) -> BrokerOrder | None:
        """Return an order by our id."""
        return self._asked(lambda: self._order(client_order_id))

    def fills(self, since: datetime) -> Sequence[BrokerFill]:
        """Return the executions at or after an instant, oldest first."""
        found = self._asked(lambda: {fill.id: fill for fill in self._activities(since - EARLIER)})
        return sorted((fill for fill in found.values() if fill.at >= since), key=lambda fill: (fill.at, fill.id))

    def submit(self, request: OrderRequest) -> Outcome:
        """Order, in one POST; in another one only where Alpaca has turned the one before away as too many."""
        try:
            order = read_order(self._post("/orders", _wish(request)))
            if order.client_order_id != request.client_order_id:
                raise Unanswered(f"Alpaca answered with the order {order.client_order_id}")
            return Accepted(order)
        except Refused as error:
            if error.status == UNPROCESSABLE and "client_order_id must be unique" in error.message:
                return self._first(request.client_order_id)
            return _outcome(request.client_order_id, error)
        except Unanswered as error:
            return _unknown(request.client_order_id, error)

    def cancel(self, client_order_id: str) -> Outcome:
        """Ask for a cancellation: Alpaca wants its own id, so the order is asked for first."""
        try:
            order = self.order(client_order_id)
        except BrokerUnreachable as error:
            return _unknown(client_order_id, error)
        if order is None:
            return Rejected(f"Alpaca has no order {client_order_id}")
        if order.standing.is_final:
            return Rejected(f"the order is {order.status} and cannot be cancelled")
        try:
            self._rest.delete(f"/orders/{order.id}")
        except Refused as error:
            return _outcome(client_order_id, error)
        except Unanswered as error:
            return _unknown(client_order_id, error)
        return Accepted(self._again(order))

    def _first(self, client_order_id: str) -> Outcome:
        """Return the order that has this id already."""
        try:
            found = self.order(client_order_id)
        except BrokerUnreachable as error:
            return _unknown(client_order_id, error)
        if found is None:
            return Unknown(f"Alpaca says that it has an order {client_order_id}, and that it has none")
        return Accepted(found)

    def _again(self, order: BrokerOrder) -> BrokerOrder:
        """Return the order as it is after its cancellation was taken; as it was, where Alpaca does not say."""
        try:
            return self.order(order.client_order_id) or order
        except BrokerUnreachable:
            return order

    def _order(self, client_order_id: str) -> BrokerOrder | None:
        try:
            return read_order(self._get("/orders:by_client_order_id", client_order_id=client_order_id))
        except Refused as error:
            if error.code == NO_ORDER:
                return None
            raise

    def _orders(self) -> OpenOrders:
        """Return the open orders, page by page, each once."""
        found: dict[str, BrokerOrder] = {}
        unreadable: dict[str, str] = {}
        query = {"status": "open", "direction": "asc", "limit": str(ORDERS_A_PAGE)}
        for _ in range(MOST_PAGES):
            page = read_list(self._get("/orders", **query), "orders")
            orders, reasons = read_orders(page)
            news = (orders.keys() | reasons.keys()) - (found.keys() | unreadable.keys())
            found.update(orders)
            unreadable.update(reasons)
            if len(page) < ORDERS_A_PAGE:
                return OpenOrders((one for one in found.values() if not one.standing.is_final), unreadable)
            if not news:
                break
            query["after"] = (submitted_at(page[-1]) - INSTANT).isoformat()
        raise Unanswered("Alpaca's list of orders does not end")

    def _activities(self, after: datetime) -> Iterator[BrokerFill]:
        """Give the fills of all pages; the one that is empty is the last."""
        query = {"after": after.isoformat(), "direction": "asc", "page_size": str(FILLS_A_PAGE)}
        for _ in range(MOST_PAGES):
            page = [read_fill(one) for one in read_list(self._get("/account/activities/FILL", **query), "fills")]
            if not page:
                return
            yield from page
            if query.get("page_token") == page[-1].id:
                break
            query["page_token"] = page[-1].id
        raise Unanswered("Alpaca's list of fills does not end")

    def _get(self, path: str, **query: str) -> Any:
        """Ask, and ask again after a while what came too soon."""
        for seconds in WAITS:
            try:
                return self._rest.get(path, query)
            except Refused as error:
                if error.status != TOO_MANY:
                    raise
                self._sleep(seconds)
        return self._rest.get(path, query)

    def _post(self, path: str, content: dict[str, str]) -> Any:
        """Send, and send again after a while what came too soon.

        Not once the time of one request is used up: whoever orders shortly before a bell counts on it.
        """
        end = time.monotonic() + self._timeout
        for seconds in WAITS:
            try:
                return self._rest.post(path, content)
            except Refused as error:
                if error.status != TOO_MANY or time.monotonic() > end:
                    raise
                self._sleep(seconds)
        return self._rest.post(path, content)

    def _asked(self, question: Callable[[], Found]) -> Found:
        try:
            return question()
        except (Refused, Unanswered) as error:
            raise BrokerUnreachable(f"{self._host}: {error}") from error


def _wish(request: OrderRequest) -> dict[str, str]:
    # Figures go as text, as Alpaca's own examples have them: alpaca-py's models would make floats of them.
    wish = {
        "client_order_id": request.client_order_id,
        "symbol": request.symbol,
        "side": request.side.value,
        "qty": f"{request.quantity:f}",
        "type": request.kind.value,
        "time_in_force": "day",
    }
    if request.kind is Kind.LIMIT and request.limit_price is not None:
        wish["limit_price"] = f"{request.limit_price:f}"
    return wish


def _outcome(client_order_id: str, error: Refused) -> Outcome:
    return Rejected(error.message) if error.status in REFUSALS else _unknown(client_order_id, error)


def _unknown(client_order_id: str, error: Exception) -> Unknown:
    log.warning("thor.order.unknown: %s: %s", client_order_id, error)
    return Unknown(str(error))
