"""A stand-in for Alpaca's market data: its websocket protocol and its snapshots, on a port of this machine.

    with AlpacaStream() as alpaca:
        # APCA_API_KEY_ID=key, APCA_API_SECRET_KEY="secret", THOR_ALPACA_STREAM_URL=alpaca.url
        alpaca.wait_for_subscribers()
        alpaca.send(trade("BTC/USD", 60_000.0, 0.5, at=...))

It can misbehave as the original does, and worse: be mute, flood, hang up, refuse the keys, send what is no message.
Messages are msgpack in binary frames, as alpaca-py wants them: a list of maps, times as msgpack timestamps.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgpack
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Message = dict[str, Any]


def trade(symbol: str, price: float, size: float, *, at: int) -> Message:
    """Return a trade as Alpaca sends it; `at` in ns."""
    return {"T": "t", "S": symbol, "i": 1, "x": "V", "p": price, "s": size, "t": _stamp(at), "z": "C"}


def quote(symbol: str, bid: float, ask: float, *, at: int, bid_size: float = 1, ask_size: float = 2) -> Message:
    """Return a quote as Alpaca sends it; `at` in ns."""
    return {"T": "q", "S": symbol, "bp": bid, "bs": bid_size, "ap": ask, "as": ask_size, "t": _stamp(at), "z": "C"}


class AlpacaStream:
    """Speak Alpaca's stream protocol to whoever connects; one thread, any number of connections."""

    def __init__(self, key: str = "key", secret: str = "secret") -> None:  # noqa: S107 - of a stand-in
        """Take the keys that are accepted."""
        self.key, self.secret = key, secret
        #: The code with which keys are refused (402: wrong, 406: a connection too many), or None to accept them.
        self.refuse: int | None = None
        #: How many symbols of a kind a connection may subscribe to, or None for any number.
        self.most: int | None = None
        #: Accept connections and say nothing at all to them, not even that they are connected.
        self.mute = False
        #: When each connection came, by the monotonic clock, and what each has subscribed to.
        self.connected_at: list[float] = []
        self.subscriptions: list[Message] = []
        #: The answer to a question about snapshots, by symbol.
        self.snapshots: dict[str, Any] = {}
        self.url = ""
        self._listening: set[ServerConnection] = set()
        self._everybody: set[ServerConnection] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alpaca stand-in", daemon=True)

    def __enter__(self) -> "AlpacaStream":
        """Listen on a free port."""
        self._thread.start()
        if not self._ready.wait(10):
            raise TimeoutError("the stand-in for Alpaca did not begin to listen")
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up and end."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    def send(self, *messages: Message) -> None:
        """Send messages in one frame to all who have subscribed."""
        self.send_raw(msgpack.packb(list(messages)))

    def send_raw(self, frame: bytes | str) -> None:
        """Send a frame as it is: garbage, or half of a message."""
        self._do(self._to_all(frame))

    def send_half(self, message: Message) -> None:
        """Send the first half of a message as if it were one."""
        frame = msgpack.packb([message])
        self.send_raw(frame[: len(frame) // 2])

    def flood(self, messages: Sequence[Message], *, a_frame: int = 100) -> None:
        """Send many messages as fast as they go."""
        for start in range(0, len(messages), a_frame):
            self.send(*messages[start : start + a_frame])

    def hang_up(self) -> None:
        """Close every connection."""
        self._do(self._close_all())

    def wait_for_subscribers(self, count: int = 1, seconds: float = 20.0) -> None:
        """Wait until so many subscriptions have come, all in all."""
        wait_until(lambda: len(self.subscriptions) >= count, seconds)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        async with serve(self._talk, "127.0.0.1", 0, process_request=self._answer, close_timeout=1) as server:
            self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._ready.set()
            await self._ended.wait()
            await self._close_all()

    @property
    def http_url(self) -> str:
        """Return the address of the snapshots."""
        return self.url.replace("ws://", "http://")

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a question about snapshots; anything else is a websocket."""
        place = urlsplit(request.path)
        if not place.path.endswith("/snapshots"):
            return None
        if request.headers.get("APCA-API-KEY-ID") != self.key:
            return connection.respond(HTTPStatus.FORBIDDEN, '{"message": "forbidden."}')
        wanted = parse_qs(place.query).get("symbols", [""])[0].split(",")
        found = {name: self.snapshots[name] for name in wanted if name in self.snapshots}
        return connection.respond(HTTPStatus.OK, json.dumps({"snapshots": found} if "crypto" in place.path else found))

    async def _talk(self, connection: ServerConnection) -> None:
        self.connected_at.append(time.monotonic())
        self._everybody.add(connection)
        try:
            if self.mute:
                await connection.wait_closed()
                return
            await connection.send(msgpack.packb([{"T": "success", "msg": "connected"}]))
            if await self._accepts(connection, _one(await connection.recv())):
                async for frame in connection:
                    await self._subscribe(connection, _one(frame))
        except ConnectionClosed:
            pass  # whoever hangs up has said all
        finally:
            self._listening.discard(connection)
            self._everybody.discard(connection)

    async def _accepts(self, connection: ServerConnection, message: Message) -> bool:
        code = self.refuse
        if code is None and (message.get("key"), message.get("secret")) != (self.key, self.secret):
            code = 402
        if code is not None:
            text = {402: "auth failed", 406: "connection limit exceeded"}.get(code, "refused")
            await connection.send(msgpack.packb([{"T": "error", "code": code, "msg": text}]))
            return False
        await connection.send(msgpack.packb([{"T": "success", "msg": "authenticated"}]))
        return True

    async def _subscribe(self, connection: ServerConnection, message: Message) -> None:
        told = {name: message.get(name, []) for name in ("trades", "quotes", "bars")}
        if self.most is not None and max(map(len, told.values())) > self.most:
            await connection.send(msgpack.packb([{"T": "error", "code": 405, "msg": "symbol limit exceeded"}]))
            return
        await connection.send(msgpack.packb([{"T": "subscription", **told}]))
        self._listening.add(connection)
        self.subscriptions.append(told)

    async def _to_all(self, frame: bytes | str) -> None:
        for connection in list(self._listening):
            try:
                await connection.send(frame)
            except ConnectionClosed:
                self._listening.discard(connection)

    async def _close_all(self) -> None:
        for connection in list(self._everybody):
            await connection.close()

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something holds; raise TimeoutError after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"nothing happened within {seconds:g} s")
        time.sleep(0.02)


def _one(frame: bytes | str) -> Message:
    found = msgpack.unpackb(frame)
    return dict(found)


def _stamp(at: int) -> msgpack.Timestamp:
    return msgpack.Timestamp.from_unix_nano(at)
