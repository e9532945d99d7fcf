"""What another process may say of prices: one batch of quotes, as JSON, judged quote by quote (pure).

    {"source": "EXCEL",
     "quotes": [{"symbol": "ES", "at": "2026-03-02T14:30:00.250Z", "last": 6010.25, "bid": 6010, "ask": 6010.5,
                 "bid_size": 12, "ask_size": 9, "volume": 812345, "previous_close": 5998.75}]}

| what is wrong                                               | what it costs                                   |
|-------------------------------------------------------------|-------------------------------------------------|
| no JSON, no list of quotes, too many of them, a bad source  | the batch: `BadBatch`                           |
| a field that nobody knows, a figure that is no number, …    | that quote: `BadQuote`; the others are taken    |

Refusals are one sentence each. A price that is not above zero passes here and is left out behind the feed, as whatever
else cannot be true, with an incident `bad_price`: a side of 0 is how many a sheet shows that there is none, and must
not cost the quote its other figures. Figures of reference may be negative.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from thor.errors import ThorError

#: Quotes in one batch, and bytes of it.
MOST_QUOTES: Final = 1000
MOST_BYTES: Final = 256 * 1024

PRICES: Final = ("last", "bid", "ask")
AMOUNTS: Final = ("size", "bid_size", "ask_size", "volume")
#: What a source says of days and years; it is shown beside the quote, and is no tick.
REFERENCE: Final = ("previous_close", "open", "high", "low", "high_52w", "low_52w")
FIELDS: Final = ("symbol", "at", "price", *PRICES, *AMOUNTS, *REFERENCE)
_FIGURES: Final = frozenset(FIELDS) - {"symbol", "at"}

#: Figures beyond this cannot be counted in units of 10^-8.
LARGEST: Final = 1e10
#: The years that a time may lie in, as ns since 1970: whoever sends seconds or milliseconds is told so.
_EARLIEST: Final = 946_684_800 * 10**9
_LATEST: Final = 4_102_444_800 * 10**9
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_SYMBOL: Final = re.compile(r"[!-~](?:[ -~]{0,46}[!-~])?")
_SOURCE: Final = re.compile(r"[A-Z][A-Z0-9_-]{0,15}")


class BadBatch(ThorError):
    """What was sent is no batch of quotes."""


class BadQuote(ThorError):
    """A quote cannot be used."""


@dataclass(frozen=True, slots=True)
class RawQuote:
    """A quote as its source spells it; `at` in ns since the epoch, None where the time of its receipt is meant."""

    symbol: str
    at: int | None = None
    last: float | None = None
    size: float | None = None
    bid: float | None = None
    ask: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None
    volume: float | None = None
    reference: dict[str, float] = field(default_factory=dict)

    @property
    def is_tick(self) -> bool:
        """Say whether it holds a price to publish, and not only figures of reference."""
        return any(value is not None for value in (self.last, self.bid, self.ask))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A quote that was left out: its place in the batch (from 0), its symbol as far as it has one, and why."""

    place: int
    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that was judged: the quotes that are good, beside what was sent for them, and those that are not."""

    source: str
    quotes: list[RawQuote]
    sent: list[Mapping[str, Any]]
    refused: list[Refusal]

    def text(self) -> str:
        """Return the good quotes as an entry of the stream holds them."""
        return written(self.sent, source=self.source)


def written(quotes: Sequence[Mapping[str, Any]], *, source: str = "") -> str:
    """Return quotes as the JSON of a batch."""
    said = {"source": source} if source else {}
    return json.dumps({**said, "quotes": list(quotes)}, separators=(",", ":"))


def judge(text: str | bytes) -> Batch:
    """Return the quotes of a batch, the good and the refused; raise `BadBatch` where it is none."""
    source, sent = _opened(text)
    quotes, kept, refused = [], [], []
    for place, one in enumerate(sent):
        try:
            quotes.append(quote_of(one))
            kept.append(one)
        except BadQuote as error:
            refused.append(Refusal(place, _symbol_as_sent(one), str(error)))
    return Batch(source, quotes, kept, refused)


def quote_of(sent: Any) -> RawQuote:
    """Return one quote; raise `BadQuote` with the reason why it is none."""
    if not isinstance(sent, dict):
        raise BadQuote('a quote is an object, for example {"symbol": "ES", "last": 6010.25}.')
    figures: dict[str, float] = {}
    reference: dict[str, float] = {}
    for name, value in sent.items():
        if name in _FIGURES:
            if value is not None:
                (reference if name in REFERENCE else figures)[name] = _figure(name, value)
        elif name not in FIELDS:
            raise BadQuote(f"a quote has no field {json.dumps(name[:40])}; its fields are {', '.join(FIELDS)}.")
    _name_the_price(figures)
    found = RawQuote(symbol=_symbol(sent), at=_time(sent.get("at")), reference=reference, **figures)
    if not found.is_tick and not reference:
        raise BadQuote("it has neither last, bid nor ask, nor a figure of reference such as previous_close.")
    return found


def _opened(text: str | bytes) -> tuple[str, list[Any]]:
    """Return the source and the quotes of a batch."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadBatch(f"the batch is no JSON ({str(error)[:80]}).") from None
    if not isinstance(document, dict) or not isinstance(document.get("quotes"), list):
        raise BadBatch('a batch is an object with a list "quotes".')
    for name in document:
        if name not in ("quotes", "source"):
            raise BadBatch(f'a batch has no field {json.dumps(name[:40])}; it has "quotes", and "source" if you like.')
    source, quotes = document.get("source", ""), document["quotes"]
    if source and not (isinstance(source, str) and _SOURCE.fullmatch(source)):
        raise BadBatch('"source" is a word of at most 16 capital letters and digits, for example EXCEL.')
    if not quotes:
        raise BadBatch('the list "quotes" is empty.')
    if len(quotes) > MOST_QUOTES:
        raise BadBatch(f"a batch holds at most {MOST_QUOTES} quotes, not {len(quotes)}; send several.")
    return source or "", quotes


def _symbol(sent: dict[str, Any]) -> str:
    symbol = sent.get("symbol")
    if not isinstance(symbol, str) or not _SYMBOL.fullmatch(symbol) or not symbol.strip("/ "):
        raise BadQuote('"symbol" must be a text of 1 to 48 printable ASCII characters.')
    return symbol


def _symbol_as_sent(sent: Any) -> str:
    symbol = sent.get("symbol") if isinstance(sent, dict) else None
    return json.dumps(symbol[:48])[1:-1][:48] if isinstance(symbol, str) else ""


def _figure(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadQuote(f'"{name}" must be a number, not {json.dumps(value)[:40]}.')
    if not abs(value) <= LARGEST:  # and neither NaN nor infinite
        raise BadQuote(f'"{name}" must be a number of at most 10^10.')
    if value < 0 and name in AMOUNTS:
        raise BadQuote(f'"{name}" must not be negative ({value:g}).')
    return float(value)


def _name_the_price(figures: dict[str, float]) -> None:
    """Let the last price have one name, whichever of two it came by."""
    if "price" in figures:
        if "last" in figures:
            raise BadQuote('"last" and "price" are two names of one figure; give one of them.')
        figures["last"] = figures.pop("price")
    if "size" in figures and "last" not in figures:
        raise BadQuote('"size" is what was traded at "last", and there is no "last".')


def _time(value: Any) -> int | None:
    if value is None:
        return None
    at = _instant(value) if isinstance(value, str) else value
    if isinstance(at, bool) or not isinstance(at, int):
        raise BadQuote('"at" must be ISO 8601 with an offset, or an integer of ns since 1970.')
    if at < 0:
        raise BadQuote('"at" must not be negative.')
    if not _EARLIEST <= at < _LATEST:
        raise BadQuote('"at" lies before 2000 or after 2099; as a number it counts ns since 1970.')
    return at


def _instant(text: str) -> int:
    try:
        at = datetime.fromisoformat(text.replace("\0", "?"))
    except ValueError:
        raise BadQuote(f'"at" {json.dumps(text[:40])} is no instant; write 2026-03-02T14:30:00.250Z.') from None
    if at.tzinfo is None:
        raise BadQuote('"at" has no offset; write 2026-03-02T14:30:00.250Z, or +01:00 at the end.')
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
