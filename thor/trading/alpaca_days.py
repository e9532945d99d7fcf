"""Ask Alpaca's market data API for the trading days of shares, as they were traded, and for their splits.

    GET /v2/stocks/bars             timeframe=1Day, adjustment=raw; at most 10,000 bars a page, by symbol and time
    GET /v1/corporate-actions       types=forward_split,reverse_split; at most 1,000 a page

A bar carries midnight of New York in UTC; the date of a split is its ex-date, the first session in new shares. A symbol
that Alpaca does not know is simply not in its answer. The keys are those of the trading API. A request is asked again
where Alpaca counts too many of them (200 a minute in the free plan) or is in trouble: nothing is changed by asking.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final
from zoneinfo import ZoneInfo

from thor.errors import ThorError
from thor.marketdata.daily import DayRow, SplitRow
from thor.trading.brokers.alpaca_rest import AlpacaRest, Refused, Unanswered

#: Seconds within which a page must have come, to its last byte: a full one is more than a million bytes long.
TIMEOUT: Final = 60.0
#: Seconds before asking again: where too many requests are counted, in a minute, and where there is trouble.
WAITS_FOR_ROOM: Final = (2.0, 10.0, 20.0, 30.0)
WAITS_IN_TROUBLE: Final = (1.0, 4.0)
#: Pages of one question: far more than there can be, so that an answer without an end has one.
PAGES: Final = 1000
_NEW_YORK: Final = ZoneInfo("America/New_York")
_NAMES: Final = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
_PLACES: Final = Decimal("0.00000001")
_LARGEST: Final = Decimal(10) ** 12


class DaysUnavailable(ThorError):
    """Alpaca's days cannot be had."""


class UnusableBar(ThorError):
    """A bar or a split says what cannot be."""


class AlpacaDays:
    """The days and splits of US shares at an address of Alpaca's market data API, with an account's keys.

    Whatever keeps an answer from being had, or read, raises `DaysUnavailable` with a sentence.
    """

    def __init__(
        self,
        url: str,
        key_id: str,
        secret_key: str,
        *,
        feed: str,
        timeout: float = TIMEOUT,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take where to ask and for which prices (iex or sip); nothing is sent yet."""
        self._rest = AlpacaRest(url, key_id, secret_key, timeout=timeout)
        self._feed, self._sleep = feed, sleep

    def bars(self, symbols: Sequence[str], *, first: date, until: datetime) -> dict[str, list[Any]]:
        """Return Alpaca's bars of the days from `first` on that began by `until`, by symbol."""
        query = {
            "symbols": ",".join(symbols),
            "timeframe": "1Day",
            "start": f"{first:%Y-%m-%d}T00:00:00Z",
            "end": f"{until:%Y-%m-%dT%H:%M:%SZ}",
            "adjustment": "raw",
            "feed": self._feed,
            "limit": "10000",
        }
        found: dict[str, list[Any]] = {}
        for page in self._pages("/stocks/bars", "bars", query):
            for symbol, bars in page.items():
                found.setdefault(symbol, []).extend(_listed(bars))
        return found

    def splits(self, symbols: Sequence[str], *, first: date, last: date) -> list[SplitRow]:
        """Return the splits in [first, last], one a symbol and day."""
        query = {
            "symbols": ",".join(symbols),
            "types": "forward_split,reverse_split",
            "start": first.isoformat(),
            "end": last.isoformat(),
            "limit": "1000",
        }
        found: dict[tuple[str, date], SplitRow] = {}
        for page in self._pages("/corporate-actions", "corporate_actions", query, version="v1"):
            for told in [*_listed(page.get("forward_splits")), *_listed(page.get("reverse_splits"))]:
                row = _split(told)
                if found.setdefault((row.symbol, row.date), row) != row:
                    raise DaysUnavailable(f"Alpaca tells two splits of {row.symbol} on {row.date}; import its splits.")
        return [row for row in found.values() if first <= row.date <= last]

    def _pages(self, path: str, name: str, query: Mapping[str, str], version: str = "v2") -> Iterator[dict[str, Any]]:
        asked = dict(query)
        for _ in range(PAGES):
            answer = self._get(path, asked, version)
            page = answer.get(name) if isinstance(answer, dict) else None
            if not isinstance(answer, dict) or name not in answer or not isinstance(page or {}, dict):
                raise _not_understood()
            yield page or {}
            token = answer.get("next_page_token")
            if not token:
                return
            asked["page_token"] = str(token)
        raise DaysUnavailable("Alpaca's answer does not end; try again later.")

    def _get(self, path: str, query: Mapping[str, str], version: str) -> Any:
        """Ask, and ask again after a while what came too soon or met trouble."""
        room, trouble = list(WAITS_FOR_ROOM), list(WAITS_IN_TROUBLE)
        while True:
            try:
                return self._rest.get(path, query, version=version)
            except (Refused, Unanswered) as error:
                status = error.status if isinstance(error, Refused) else HTTPStatus.SERVICE_UNAVAILABLE
                waits = room if status == HTTPStatus.TOO_MANY_REQUESTS else trouble
                passes = waits is room or status >= HTTPStatus.INTERNAL_SERVER_ERROR
                if not (passes and waits):
                    raise DaysUnavailable(_sentence(error)) from None
                self._sleep(waits.pop(0))


def day_of(symbol: str, bar: Any) -> DayRow:
    """Return a bar as a trading day; raise `UnusableBar` with what is wrong with it."""
    try:
        at = datetime.fromisoformat(bar["t"])
        figures = {name: _figure(bar[letter]) for name, letter in _NAMES.items()}
    except (KeyError, TypeError, ValueError):
        raise UnusableBar("Alpaca's answer has a bar that is not understood") from None
    row = DayRow(symbol, at.astimezone(_NEW_YORK).date(), **figures)
    prices = (row.open, row.high, row.low, row.close)
    if not row.low > 0 or row.volume < 0:
        raise UnusableBar(f"Alpaca's bar of {row.date} has a price of 0, or a volume below 0")
    if row.high < max(prices) or row.low > min(prices):
        raise UnusableBar(f"the high of Alpaca's bar of {row.date} is not its highest price, or the low not its lowest")
    return row


def _split(told: Any) -> SplitRow:
    try:
        ratio = (_figure(told["new_rate"]) / _figure(told["old_rate"])).quantize(_PLACES)
        row = SplitRow(str(told["symbol"]), date.fromisoformat(told["ex_date"]), ratio)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        raise _not_understood() from None
    if not Decimal("0.000001") <= ratio < Decimal(10) ** 8:
        raise DaysUnavailable(f"Alpaca tells a split of {row.symbol} on {row.date} whose ratio is {ratio}.")
    return row


def _figure(value: Any) -> Decimal:
    """Return a number of JSON as it was written; raise ValueError for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    figure = Decimal(repr(value))
    if not figure.is_finite() or abs(figure) >= _LARGEST:
        raise ValueError
    return figure.quantize(_PLACES)


def _listed(value: Any) -> list[Any]:
    if not isinstance(value or [], list):
        raise _not_understood()
    return value or []


def _not_understood() -> DaysUnavailable:
    return DaysUnavailable("Alpaca's answer is not understood; check THOR_ALPACA_DATA_URL, or try again later.")


def _sentence(error: Refused | Unanswered) -> str:
    said = " ".join(str(error).split())[:200]
    if not isinstance(error, Refused):
        return f"{said}; check THOR_ALPACA_DATA_URL and the network, or try again later."
    if error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"Alpaca refuses: {said}; check APCA_API_KEY_ID, APCA_API_SECRET_KEY and THOR_ALPACA_DATA_FEED."
    if error.status == HTTPStatus.TOO_MANY_REQUESTS or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"Alpaca cannot answer now: {said}; try again later."
    return f"Alpaca refuses the question: {said}; check the symbols, THOR_UNIVERSE and THOR_ALPACA_DATA_URL."
