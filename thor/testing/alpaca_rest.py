"""A stand-in for Alpaca's trading API: its documented REST over a broker in memory, on a port of this machine.

    with AlpacaRest(now) as alpaca:
        # APCA_API_BASE_URL=alpaca.url, APCA_API_KEY_ID=alpaca.key, APCA_API_SECRET_KEY=alpaca.secret
        alpaca.book.quote("SPY", "100", size="3")          # see `thor.testing.broker`
        alpaca.fail(status(504), path="/v2/orders")        # the next request of that path, whatever it asks

It answers /v2/clock, /v2/calendar, /v2/account, /v2/positions, /v2/orders (POST, GET, GET by our id, GET and DELETE by
its own) and /v2/account/activities/FILL. `fail` plans faults, one a request: `status`, `says`, `silent`, `trickling`,
`broken`, `late`, and `taken(...)` around any of them, which lets the request do its work before the answer is lost (see
`thor.testing.alpaca_faults`). `words` changes what an order's status is called. Every request is kept in `asked`.
Whoever gave up waiting does not know when its request is done: `settle` waits for that.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from http.server import ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from thor.markets.table import SessionTable
from thor.testing import alpaca_words as words
from thor.testing.alpaca_faults import Answer, Fault, Request, as_it_should
from thor.testing.broker import InMemoryBroker
from thor.testing.broker_clock import InMemoryBrokerClock
from thor.trading.brokers.port import Accepted, BrokerOrder, Kind, OrderRequest, Rejected, Side

KEYS: Final = ("PKTEST", "secret")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came, and what became of it."""

    method: str
    path: str
    query: Mapping[str, str]
    content: Any
    fault: Fault


class AlpacaRest:
    """Serve Alpaca's trading API until the block ends; any number of connections."""

    def __init__(self, now: Callable[[], datetime], *, sessions: SessionTable | None = None) -> None:
        """Open an account by a clock of the test's own; the clock and the calendar need the sessions."""
        self.book = InMemoryBroker(now)
        self.key, self.secret = KEYS
        #: What an order's status is called, by our id, where it is not what it would be called.
        self.words: dict[str, str] = {}
        #: What the account's answer says instead: `said["pattern_day_trader"] = True`; None takes a field away.
        self.said: dict[str, Any] = {}
        self.asked: list[Asked] = []
        self.url = ""
        self._clock = InMemoryBrokerClock(sessions, now) if sessions else None
        self._sessions = sessions
        self._faults: list[tuple[str, Fault]] = []
        self._lock = threading.RLock()

    def __enter__(self) -> "AlpacaRest":
        """Listen on a free port of this machine."""
        alpaca = self

        class Handler(Request):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or each body waits 40 ms for the receipt of its head

            def _do(self) -> None:
                alpaca._answer(self)
                alpaca._server.unanswered.discard(self.client_address)

            do_GET = do_POST = do_DELETE = _do

            def end_headers(self) -> None:
                """Say it where the connection ends with this answer: its client would send the next request into it."""
                if self.close_connection:
                    self.send_header("Connection", "close")
                super().end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def fail(self, *faults: Fault, path: str = "/") -> None:
        """Plan faults: each for one of the next requests whose path begins so."""
        self._faults.extend((path, fault) for fault in faults)

    def mend(self) -> None:
        """Forget the faults that have not come."""
        self._faults.clear()

    def settle(self, seconds: float = 60.0) -> None:
        """Wait until the first request of each connection is done, also where its client has given it up.

        Connections are taken up in the order in which they were made, so what came before one of our own has begun.
        """
        end = time.monotonic() + seconds
        with socket.create_connection(self._server.server_address[:2]) as ours:
            while self._server.unanswered != {ours.getsockname()}:
                if time.monotonic() > end:
                    raise TimeoutError(f"requests are still under way after {seconds:g} s")
                time.sleep(0.005)

    def count(self, method: str, path: str) -> int:
        """Return how many such requests have come."""
        return sum(one.method == method and one.path == path for one in self.asked)

    def _answer(self, request: Request) -> None:
        parts = urlsplit(request.path)
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        path = unquote(parts.path)
        with self._lock:
            asked = Asked(request.command, path, dict(parse_qsl(parts.query)), _json(body), self._fault(path))
            self.asked.append(asked)
        with suppress(OSError):  # whoever gave up waiting has hung up
            asked.fault(request, lambda: self._work(request, asked))

    def _fault(self, path: str) -> Fault:
        for number, (prefix, fault) in enumerate(self._faults):
            if path.startswith(prefix):
                del self._faults[number]
                return fault
        return as_it_should

    def _work(self, request: Request, asked: Asked) -> Answer:
        if (request.headers["APCA-API-KEY-ID"], request.headers["APCA-API-SECRET-KEY"]) != (self.key, self.secret):
            return _error(403, 40310000, "forbidden.")
        with self._lock:
            return self._route(asked)

    def _route(self, asked: Asked) -> Answer:
        method, path = asked.method, asked.path.removeprefix("/v2")
        if path == asked.path:
            return Answer(404, {"message": "endpoint not found."})
        known: dict[tuple[str, str], Callable[[Asked], Answer]] = {
            ("GET", "/clock"): self._tell_clock,
            ("GET", "/calendar"): self._tell_calendar,
            ("GET", "/account"): lambda _: Answer(200, words.account(self.book.account(), self.said)),
            ("GET", "/positions"): lambda _: Answer(200, [words.position(one) for one in self.book.positions()]),
            ("GET", "/orders"): self._list_orders,
            ("POST", "/orders"): self._submit,
            ("GET", "/orders:by_client_order_id"): self._by_client_id,
            ("GET", "/account/activities/FILL"): self._list_fills,
        }
        if found := known.get((method, path)):
            return found(asked)
        if path.startswith("/orders/"):
            return self._one(method, path.removeprefix("/orders/"))
        return Answer(404, {"message": "endpoint not found."})

    def _submit(self, asked: Asked) -> Answer:
        try:
            wish = _wish(asked.content)
        except (KeyError, TypeError, ValueError, InvalidOperation) as error:
            return _error(422, 40010001, f"invalid order: {error}")
        if self.book.order(wish.client_order_id):
            return _error(422, 40010001, "client_order_id must be unique")
        outcome = self.book.submit(wish)
        if isinstance(outcome, Accepted):
            return Answer(200, self._order(outcome.order))
        if isinstance(outcome, Rejected):
            is_form = "quantity must" in outcome.reason or "no quote" in outcome.reason
            return _error(422, 40010001, outcome.reason) if is_form else _error(403, 40310000, outcome.reason)
        return _error(504, 50410000, "gateway timeout")

    def _list_orders(self, asked: Asked) -> Answer:
        after = _instant(asked.query.get("after"))
        found = [one for one in self.book.open_orders() if after is None or one.submitted_at > after]
        found.sort(key=lambda one: one.submitted_at, reverse=asked.query.get("direction") != "asc")
        return Answer(200, [self._order(one) for one in found[: min(int(asked.query.get("limit", 50)), 500)]])

    def _by_client_id(self, asked: Asked) -> Answer:
        order = self.book.order(asked.query["client_order_id"])
        return Answer(200, self._order(order)) if order else _no_order(asked.query["client_order_id"])

    def _one(self, method: str, number: str) -> Answer:
        order = next((one for one in self.book.every_order() if one.id == number), None)
        if order is None:
            return _no_order(number)
        if method == "GET":
            return Answer(200, self._order(order))
        outcome = self.book.cancel(order.client_order_id)
        return Answer(204) if isinstance(outcome, Accepted) else _error(422, 42210000, "order is not cancelable")

    def _list_fills(self, asked: Asked) -> Answer:
        after, token = _instant(asked.query.get("after")), asked.query.get("page_token", "")
        found = [words.fill(one) for one in self.book.every_fill() if after is None or one.at > after]
        if asked.query.get("direction") != "asc":
            found.reverse()
        start = next((number + 1 for number, one in enumerate(found) if one["id"] == token), 0)
        return Answer(200, found[start : start + min(int(asked.query.get("page_size", 100)), 100)])

    def _tell_clock(self, _: Asked) -> Answer:
        return Answer(200, words.clock(self._clock.ask())) if self._clock else _error(500, 50010000, "no clock")

    def _tell_calendar(self, asked: Asked) -> Answer:
        if self._sessions is None:
            return _error(500, 50010000, "no calendar")
        return Answer(200, words.calendar(self._sessions, asked.query.get("start"), asked.query.get("end")))

    def _order(self, order: BrokerOrder) -> dict[str, Any]:
        return words.order(order, self.words.get(order.client_order_id))


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        #: The addresses of those whose first request is not done.
        self.unanswered: set[Any] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection up."""
        self.unanswered.add(client_address)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve it to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.unanswered.discard(client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients hang up on purpose."""


def _error(number: int, code: int, message: str) -> Answer:
    return Answer(number, {"code": code, "message": message})


def _no_order(which: str) -> Answer:
    return _error(404, 40410000, f"order not found for {which}")


def _wish(content: Any) -> OrderRequest:
    kind, limit = Kind(content["type"]), content.get("limit_price")
    if content["time_in_force"] != "day" or (kind is Kind.LIMIT) != (limit is not None):
        raise ValueError("time_in_force or limit_price")
    return OrderRequest(
        client_order_id=content["client_order_id"],
        symbol=content["symbol"],
        side=Side(content["side"]),
        quantity=Decimal(content["qty"]),
        kind=kind,
        limit_price=Decimal(limit) if limit is not None else None,
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _json(body: bytes) -> Any:
    with suppress(ValueError):
        return json.loads(body)
    return None
