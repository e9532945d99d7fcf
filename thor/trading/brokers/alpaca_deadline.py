"""Let an answer of Alpaca's end in time whatever its server does, as where it sends a byte now and then.

The HTTP client's time-out is for each wait at the socket, so that a server that always sends a little never meets it:
neither in the head of an answer nor in a body, of which the client reads 64 KiB before it gives any of it on. Here each
wait takes what is left of the request's time, and no longer. Loaded by those alone who ask, since it loads requests.
"""

import http.client
import io
import socket
import time
from typing import Any

from requests import Session
from requests.adapters import HTTPAdapter
from urllib3 import Timeout


def keep_to_time(session: Session) -> None:
    """Let the session end each of its requests within the `whole` time that it is given for it."""
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter())


def whole(seconds: float) -> Any:
    """Return the time-out of a request, from its connection to the last byte of its answer.

    requests takes one of urllib3's as it is, which its types do not tell.
    """
    return Timeout(total=seconds)


class _Adapter(HTTPAdapter):
    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*arguments, **options)
        # A class of its own kind: connections through a proxy have another.
        if pool.ConnectionCls.response_class is not _Answer:
            pool.ConnectionCls = type("Timely", (pool.ConnectionCls,), {"response_class": _Answer})
        return pool


class _Answer(http.client.HTTPResponse):
    """An answer of which nothing has been read yet, on a socket whose time-out is what is left of the request's."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_Pieces(sock, self.fp.detach()))


class _Pieces(io.RawIOBase):
    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock, self._raw = sock, raw
        self._whole = sock.gettimeout() or 0.0
        self._end = time.monotonic() + self._whole

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time of the request is used up")
        self._sock.settimeout(left)
        try:
            return self._raw.readinto(buffer)
        finally:
            self._sock.settimeout(self._whole)  # for the next request on this connection

    def close(self) -> None:
        self._raw.close()
        super().close()
