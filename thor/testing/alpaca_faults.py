"""What can become of a request to the stand-in for Alpaca's trading API, beside being answered as it should be.

A fault gets the request and `work`, which does what is asked and gives the answer: a fault that never calls it lets
nothing happen.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

Request = BaseHTTPRequestHandler


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and what is said with it."""

    status: int
    content: Any = None

    def body(self) -> bytes:
        """Return it as it goes over the wire."""
        return b"" if self.content is None else json.dumps(self.content).encode()


Fault = Callable[[Request, Callable[[], Answer]], None]


def status(number: int, message: str = "trouble") -> Fault:
    """Answer with this status, and do nothing."""
    return lambda request, work: send(request, Answer(number, {"message": message}))


def says(text: str, number: int = 200) -> Fault:
    """Answer with this text, and do nothing."""
    return lambda request, work: send_raw(request, number, text.encode())


def sent_to(address: bytes) -> Fault:
    """Answer that it has moved to this address, which need not be one."""

    def answer(request: Request, work: Callable[[], Answer]) -> None:
        request.send_response(301)
        request.send_header("Location", address.decode("latin-1"))
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def silent(seconds: float) -> Fault:
    """Answer nothing for so long, and hang up."""

    def answer(request: Request, work: Callable[[], Answer]) -> None:
        time.sleep(seconds)
        request.close_connection = True

    return answer


def _drip(request: Request, seconds: float) -> None:
    for _ in range(int(seconds / 0.05)):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.05)
    request.close_connection = True


def trickling(seconds: float) -> Fault:
    """Send a byte now and then for so long: no single wait of a client is long."""

    def answer(request: Request, work: Callable[[], Answer]) -> None:
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        _drip(request, seconds)

    return answer


def creeping(seconds: float, begin: bytes = b"HTTP/1.1 200 OK\r\nX-Slow: ") -> Fault:
    """Send this, and go on with a byte now and then for so long: in a head, or in a body whose length is told."""

    def answer(request: Request, work: Callable[[], Answer]) -> None:
        request.wfile.write(begin)
        _drip(request, seconds)

    return answer


def broken(request: Request, work: Callable[[], Answer]) -> None:
    """Promise more than is sent, and hang up."""
    request.send_response(200)
    request.send_header("Content-Length", "500")
    request.end_headers()
    request.wfile.write(b'{"id": "')
    request.close_connection = True


def late(seconds: float) -> Fault:
    """Do what is asked so much later, when nobody waits for it any more."""

    def answer(request: Request, work: Callable[[], Answer]) -> None:
        time.sleep(seconds)
        work()
        request.close_connection = True

    return answer


def taken(fault: Fault) -> Fault:
    """Do what is asked, and then answer so."""

    def answer(request: Request, work: Callable[[], Answer]) -> None:
        work()
        fault(request, work)

    return answer


def as_it_should(request: Request, work: Callable[[], Answer]) -> None:
    """Do what is asked, and say so."""
    send(request, work())


def send(request: Request, answer: Answer) -> None:
    """Send an answer."""
    send_raw(request, answer.status, answer.body())


def send_raw(request: Request, number: int, body: bytes) -> None:
    """Send a status and a text."""
    request.send_response(number)
    request.send_header("Content-Type", "application/json; charset=UTF-8")
    if number != 204:
        request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
