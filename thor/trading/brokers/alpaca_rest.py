"""Send one request to Alpaca's trading API, once, and say what came of it.

alpaca-py's client builds the request: its address, its keys, its headers. Its own sending is replaced, since it has no
time-out, and since its loop sends again on 429 and 504 whatever the request is: a POST that ran into a gateway's
time-out may have arrived (alpaca/common/rest.py, `RESTClient._request`; `_one_request` is what that loop calls, and one
that never raises `RetryException` is called once).
"""

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from thor.errors import ThorError

if TYPE_CHECKING:
    import requests

#: Seconds within which a request must have been answered, to its last byte (`alpaca_deadline`). A connection that is
#: made slowly has as many for each of the host's addresses, and for the handshake: nothing has been sent until then.
TIMEOUT: Final = 10.0
#: Bytes: 500 orders are some 600,000 long.
LONGEST: Final = 20_000_000
OK: Final = range(200, 300)


class Unanswered(ThorError):
    """A request was not answered, or not in a way that can be read: whether it arrived is not known."""


class Refused(ThorError):
    """A request was answered with an error's status."""

    def __init__(self, status: int, body: bytes) -> None:
        """Take the status and the answer, which is Alpaca's `code` and `message`, or a gateway's page."""
        said = _said(body)
        message = said.get("message")
        self.status, self.code = status, said.get("code")
        self.message = f"{message} ({status})" if message and isinstance(message, str) else f"status {status}"
        super().__init__(self.message)


class AlpacaRest:
    """The trading API at an address, with an account's keys. Safe to keep; connections are reused."""

    def __init__(self, url: str, key_id: str, secret_key: str, *, timeout: float = TIMEOUT) -> None:
        """Make the client; nothing is sent yet."""
        self._client = _one_try_client(url, key_id, secret_key, timeout)

    def get(self, path: str, query: Mapping[str, str] | None = None, *, version: str = "v2") -> Any:
        """Ask; raise `Unanswered` or `Refused`."""
        return self._client.get(path, dict(query or {}), api_version=version)

    def post(self, path: str, content: Mapping[str, str]) -> Any:
        """Send; raise `Unanswered` or `Refused`."""
        return self._client.post(path, dict(content))

    def delete(self, path: str) -> None:
        """Delete; raise `Unanswered` or `Refused`."""
        self._client.delete(path)


def _one_try_client(url: str, key_id: str, secret_key: str, timeout: float) -> Any:
    # Here, since alpaca-py loads pandas, and only the process that trades should pay for it.
    from alpaca.trading.client import TradingClient

    from thor.trading.brokers.alpaca_deadline import keep_to_time

    class OneTryClient(TradingClient):
        def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
            return _send(self._session, method, url, opts, timeout)

    client = OneTryClient(key_id, secret_key, url_override=url.rstrip("/"))
    keep_to_time(client._session)
    return client


def _send(session: "requests.Session", method: str, url: str, options: dict[str, Any], timeout: float) -> Any:
    import requests

    from thor.trading.brokers.alpaca_deadline import whole

    end = time.monotonic() + timeout
    try:
        with session.request(method, url, **options, timeout=whole(timeout), stream=True) as response:
            body = _body(response)
            status = response.status_code
    except requests.Timeout:
        raise _too_slow(timeout) from None
    # A `ValueError` is the client's where it trips over a redirection's address, which it reads without following it.
    except (requests.RequestException, ValueError) as error:
        if time.monotonic() >= end:  # in the midst of a body, where the client says that the connection broke
            raise _too_slow(timeout) from None
        raise Unanswered(f"Alpaca cannot be reached: {type(error).__name__}") from None
    if status not in OK:
        raise Refused(status, body)
    return _json(body) if body.strip() else None


def _body(response: "requests.Response") -> bytes:
    body = bytearray()
    for piece in response.iter_content(65_536):
        body += piece
        if len(body) > LONGEST:
            raise Unanswered(f"Alpaca's answer is longer than {LONGEST} bytes")
    return bytes(body)


def _too_slow(timeout: float) -> Unanswered:
    return Unanswered(f"Alpaca did not answer within {timeout:g} s")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # the latter where a list lies in a list, a thousand deep
        raise Unanswered("Alpaca's answer is no JSON") from None


def _said(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
