"""A server on this machine that answers `/v2/clock` and `/v2/calendar` as Alpaca documents them, faults included."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEYS = ("PKTEST", "secret")
#: How a fault is made, by its name.
Fault = Callable[[BaseHTTPRequestHandler], None]


class Alpaca:
    """What the server says, how it fails next, and which requests it has had."""

    def __init__(self) -> None:
        self.clock: Any = {}
        self.calendar: dict[str, tuple[str, str]] = {}
        self.faults: list[Fault] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = ""

    def tells(self, at: str, *, is_open: bool, next_open: str, next_close: str) -> datetime:
        """Set the clock; times are written with an offset, as Alpaca does. Return its instant."""
        self.clock = {"timestamp": at, "is_open": is_open, "next_open": next_open, "next_close": next_close}
        return datetime.fromisoformat(at)

    def days(self, start: str, end: str) -> list[dict[str, str]]:
        """Return the calendar's rows of these dates."""
        found = sorted(day for day in self.calendar if start <= day <= end)
        return [{"date": day, "open": self.calendar[day][0], "close": self.calendar[day][1]} for day in found]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request, or fail as planned."""
        parts = urlsplit(request.path)
        query = dict(parse_qsl(parts.query))
        self.asked.append((parts.path, query))
        if (request.headers["APCA-API-KEY-ID"], request.headers["APCA-API-SECRET-KEY"]) != KEYS:
            send(request, 403, b'{"message": "forbidden."}')
        elif self.faults:
            self.faults.pop(0)(request)
        else:
            found = self.clock if parts.path == "/v2/clock" else self.days(query["start"], query["end"])
            send(request, 200, json.dumps(found).encode())


def send(request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    """Send an answer whole."""
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def status(number: int) -> Fault:
    """Answer with this status."""
    return lambda request: send(request, number, b'{"message": "trouble"}')


def says(text: str) -> Fault:
    """Answer with this body."""
    return lambda request: send(request, 200, text.encode())


def silent(seconds: float) -> Fault:
    """Answer nothing for so long."""
    return lambda request: time.sleep(seconds)


def trickling(seconds: float) -> Fault:
    """Send a byte now and then, for so long: no single wait of the client is long."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(int(seconds / 0.05)):
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(0.05)

    return answer


def cut(request: BaseHTTPRequestHandler) -> None:
    """Promise more than is sent, and hang up."""
    request.send_response(200)
    request.send_header("Content-Length", "500")
    request.end_headers()
    request.wfile.write(b'{"timestamp"')
    request.close_connection = True


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients of these tests hang up on purpose."""


@contextmanager
def serving() -> Iterator[Alpaca]:
    """Serve until the block ends."""
    alpaca = Alpaca()

    class Request(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            alpaca.answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = _Quiet(("127.0.0.1", 0), Request)
    alpaca.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield alpaca
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)
