"""The Alpaca feed: trades and quotes of US shares and of coins over its websockets, through alpaca-py.

One connection a venue (`live.LiveFeed` keeps it). Messages are taken as they are on the wire (msgpack), without the
library's models: a thousand a second cost little. Time-outs are set here, since the library sets none that would end a
wait. A price of zero in a quote means that there is no such side. Sizes are as Alpaca gives them.

Figures of reference are those of Alpaca's snapshots: before the first trade of a day its daily bar is still that of the
day before, whose close is the previous close then.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from thor.env import Env, env
from thor.marketdata.feeds.buffer import Tick
from thor.marketdata.feeds.live import LinkRefused, LiveFeed, Unreadable
from thor.marketdata.feeds.port import Feed, FeedRefused, FeedRequest
from thor.marketdata.symbols import canonical
from thor.timing import SystemClock

SOURCE: Final = "ALPACA"
#: The venues that Alpaca serves.
VENUES: Final = ("us_equities", "crypto")
#: Seconds for an answer to a question about snapshots: to connect, and between two pieces of it.
REQUEST: Final = (3.05, 10.0)

#: What Alpaca's stream says where the keys are wrong, or do not allow this.
_REFUSALS: Final = {401: "not authenticated", 402: "auth failed", 403: "forbidden", 409: "insufficient subscription"}
#: And where there are more symbols than the plan streams.
_TOO_MANY: Final = 405
_NEW_YORK: Final = ZoneInfo("America/New_York")
_QUOTED: Final = ("USDT", "USDC", "USD", "BTC")
#: Seconds between two pings and for which an answer to one is waited for; frames that may wait.
_WEBSOCKET: Final = {"ping_interval": 10, "ping_timeout": 20, "open_timeout": 10, "close_timeout": 2, "max_queue": 4096}
#: Bytes of one message at most: a flood comes in messages of many ticks.
_WEBSOCKET["max_size"] = 16 * 2**20


def open_feeds(request: FeedRequest) -> list[Feed]:
    """Return a feed a venue; raise `FeedRefused` without keys, and for what Alpaca does not have."""
    settings = env()
    if not settings.alpaca_key_id:
        raise FeedRefused("the alpaca feed needs keys; set APCA_API_KEY_ID and APCA_API_SECRET_KEY.")
    if settings.clock == "replay":
        raise FeedRefused("the alpaca feed gives the prices of now, and THOR_CLOCK=replay is another time; unset one.")
    for venue in request.venues:
        if venue not in VENUES:
            raise FeedRefused(f"alpaca has no prices of {venue}, only of {' and '.join(VENUES)}; change THOR_FEED.")
    return [_feed(venue, request, settings) for venue in request.venues or _traded(request)]


def _traded(request: FeedRequest) -> list[str]:
    found = [venue for venue in VENUES if request.instruments.get(venue)]
    if not found:
        raise FeedRefused(f"there is no active instrument on {' or '.join(VENUES)}; activate one in the admin.")
    return found


def _feed(venue: str, request: FeedRequest, settings: Env) -> LiveFeed:
    symbols = [one.symbol for one in request.instruments.get(venue, ())]
    if not symbols:
        raise FeedRefused(f"there is no active instrument on {venue}; activate one in the admin.")
    link = StreamLink(venue, symbols, request.aliases, settings)
    return LiveFeed(venue, SOURCE, f"{SOURCE}:{venue}:{settings.alpaca_data_feed}", link)


class StreamLink:
    """Alpaca's websocket for one venue, and its snapshots."""

    def __init__(self, venue: str, symbols: Sequence[str], aliases: Mapping[str, str], settings: Env) -> None:
        """Take what to subscribe to; nothing is sent before `open`."""
        self.reference_of: str | None = None
        self._is_coins = venue == "crypto"
        self._settings, self._aliases = settings, aliases
        self._ours = {pair(symbol) if self._is_coins else symbol: symbol for symbol in symbols}
        self._stream: Any = None
        self._early: list[Tick] = []

    async def open(self) -> None:
        """Connect, authenticate, and subscribe to trades and quotes of every symbol, until Alpaca says that it did."""
        self._stream = self._made()
        await self._stream._connect()
        await _authenticate(self._stream)
        self._stream.subscribe_trades(_nowhere, *self._ours)
        self._stream.subscribe_quotes(_nowhere, *self._ours)
        await self._stream._send_subscribe_msg()
        self._early, subscribed = [], False
        while not subscribed:
            messages = _messages(await self._stream._ws.recv())
            subscribed = any(isinstance(one, dict) and one.get("T") == "subscription" for one in messages)
            self._early += self._ticks(messages)

    async def receive(self) -> list[Tick]:
        """Return the ticks of the next message."""
        if self._early:
            early, self._early = self._early, []
            return early
        return self._ticks(_messages(await self._stream._ws.recv()))

    async def close(self) -> None:
        """Close the websocket."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.close()

    def reference(self) -> Mapping[str, Mapping[str, float]]:
        """Return previous close, open, high and low of the day."""
        today = SystemClock().now().astimezone(_NEW_YORK).date().isoformat()
        found = self._snapshots()
        self.reference_of = None if self._is_coins else today
        return {
            self._ours[name]: _reference(snapshot, None if self._is_coins else today)
            for name, snapshot in found.items()
            if name in self._ours and isinstance(snapshot, dict)
        }

    def _made(self) -> Any:
        from alpaca.data.enums import DataFeed
        from alpaca.data.live import CryptoDataStream, StockDataStream

        keys = (self._settings.alpaca_key_id, self._settings.alpaca_secret_key)
        url = self._settings.alpaca_stream_url.rstrip("/")
        if self._is_coins:
            return CryptoDataStream(
                *keys, raw_data=True, url_override=f"{url}/v1beta3/crypto/us", websocket_params=dict(_WEBSOCKET)
            )
        feed = DataFeed(self._settings.alpaca_data_feed)
        return StockDataStream(
            *keys, raw_data=True, feed=feed, url_override=f"{url}/v2/{feed.value}", websocket_params=dict(_WEBSOCKET)
        )

    def _snapshots(self) -> dict[str, Any]:
        from alpaca.data.enums import DataFeed
        from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
        from alpaca.data.requests import CryptoSnapshotRequest, StockSnapshotRequest

        keys = (self._settings.alpaca_key_id, self._settings.alpaca_secret_key)
        symbols, url = list(self._ours), self._settings.alpaca_data_url.rstrip("/")
        if self._is_coins:
            client: Any = CryptoHistoricalDataClient(*keys, raw_data=True, url_override=url)
            found = _in_time(client).get_crypto_snapshot(CryptoSnapshotRequest(symbol_or_symbols=symbols))
            return dict(found.get("snapshots", found))
        feed = DataFeed(self._settings.alpaca_data_feed)
        client = StockHistoricalDataClient(*keys, raw_data=True, url_override=url)
        return dict(
            _in_time(client).get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=symbols, feed=feed)) or {}
        )

    def _ticks(self, messages: Iterable[Any]) -> list[Tick]:
        found, wrong, reason = [], 0, ""
        for message in messages:
            kind = message.get("T") if isinstance(message, dict) else None
            if kind == "error":
                _raise(message)
            try:
                if kind == "t":
                    found.append(self._trade(message))
                elif kind == "q":
                    found.append(self._quote(message))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                wrong, reason = wrong + 1, f"{type(error).__name__}: {error}"
        if wrong:
            raise Unreadable(f"a message of Alpaca is incomplete ({reason})", wrong, found)
        return found

    def _trade(self, message: dict[str, Any]) -> Tick:
        at = message["t"].to_unix_nano()
        return Tick(at, self._symbol(message["S"]), price=float(message["p"]), size=float(message["s"]))

    def _quote(self, message: dict[str, Any]) -> Tick:
        at = message["t"].to_unix_nano()
        (bid, bid_size), (ask, ask_size) = _side(message, "b"), _side(message, "a")
        return Tick(at, self._symbol(message["S"]), bid=bid, ask=ask, bid_size=bid_size, ask_size=ask_size)

    def _symbol(self, name: str) -> str:
        return self._ours.get(name) or canonical(name, self._aliases)


def pair(symbol: str) -> str:
    """Return a coin's symbol as Alpaca writes it: BTCUSD is BTC/USD."""
    for quoted in _QUOTED:
        if symbol.endswith(quoted) and symbol != quoted:
            return f"{symbol.removesuffix(quoted)}/{quoted}"
    return symbol


def _side(message: dict[str, Any], side: str) -> tuple[float, float]:
    price, size = float(message[f"{side}p"]), float(message[f"{side}s"])
    return (price, size) if price else (np.nan, np.nan)


def _messages(raw: Any) -> list[Any]:
    import msgpack

    try:
        found = msgpack.unpackb(raw)
    except Exception as error:  # msgpack raises of many kinds for what is cut off or was never its own
        raise Unreadable(f"a message of Alpaca cannot be read ({type(error).__name__})") from None
    if not isinstance(found, list):
        raise Unreadable("a message of Alpaca is no list")
    return found


async def _authenticate(stream: Any) -> None:
    """Send the keys; the library's own way hides why they are refused."""
    import msgpack

    await stream._ws.send(msgpack.packb({"action": "auth", "key": stream._api_key, "secret": stream._secret_key}))
    answer = _messages(await stream._ws.recv())
    first = answer[0] if answer and isinstance(answer[0], dict) else {}
    if first.get("T") == "error":
        _raise(first)
    if first.get("T") != "success" or first.get("msg") != "authenticated":
        raise ConnectionError("it did not answer to the keys")


def _raise(message: dict[str, Any]) -> None:
    code, text = message.get("code"), message.get("msg")
    if code in _REFUSALS:
        raise LinkRefused(
            f"Alpaca refuses the market data stream ({code} {text}); check APCA_API_KEY_ID, APCA_API_SECRET_KEY and "
            "THOR_ALPACA_DATA_FEED."
        )
    if code == _TOO_MANY:
        raise LinkRefused(
            f"Alpaca's plan streams fewer symbols than were asked for ({code} {text}); deactivate some in the admin, "
            "under instruments, or take a plan that streams them all."
        )
    raise ConnectionError(f"Alpaca says {code} {text}")


def _in_time(client: Any) -> Any:
    """Give a client of the library time-outs, and no tries of its own: there is a next time."""
    client._session.request = functools.partial(client._session.request, timeout=REQUEST)
    client._retry = 0
    return client


def _reference(snapshot: dict[str, Any], today: str | None) -> dict[str, float]:
    """Return the figures of a snapshot; `today` is the date of New York, or None where days never pause."""
    day, before = snapshot.get("dailyBar") or {}, snapshot.get("prevDailyBar") or {}
    if today is not None and _date(day) < today:
        return {"previous_close": float(day["c"])} if "c" in day else {}
    found = {"previous_close": before.get("c"), "open": day.get("o"), "high": day.get("h"), "low": day.get("l")}
    return {name: float(value) for name, value in found.items() if value is not None}


def _date(bar: dict[str, Any]) -> str:
    """Return the date of a daily bar, which carries midnight of New York in UTC."""
    text = bar.get("t")
    return datetime.fromisoformat(text).astimezone(_NEW_YORK).date().isoformat() if text else ""


async def _nowhere(_: Any) -> None:
    """Stand in for a handler, which the library wants: messages are read from its socket here."""
