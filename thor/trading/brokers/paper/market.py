"""Tell at which price a quote lets an order be filled, and how much of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any, Final

from thor.trading.brokers.port import Kind, Side

#: What an execution is worse than its quote: 5 basis points, each way.
SLIPPAGE: Final = Decimal("0.0005")
#: What a market order may cost above its price of now; Alpaca sets aside 2.5 % to 4 %.
COLLAR: Final = Decimal("0.03")
#: The share of a day's average volume that all orders of one symbol may take in a session.
PARTICIPATION: Final = Decimal("0.05")
#: A quote that is older is not traded against: the feed may be dead.
STALE: Final = timedelta(minutes=15)
#: A last price so far outside of bid and ask is not what the symbol is worth: a bad print, or one from before a fall.
OUTSIDE: Final = Decimal("0.02")
#: Bid and ask that lie further apart, as part of the bid, say nothing of a price: nobody means them.
WIDE: Final = Decimal("0.1")

CENT: Final = Decimal("0.01")
PRICE: Final = Decimal("0.0001")
UNIT: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Quote:
    """What can be had of a symbol: prices and sizes, each None where it is not known, at an instant of the exchange.

    `last` is what the symbol is worth: its last trade, or the middle of bid and ask. It `is_guess` where neither says
    so: the trade is old, and nobody quotes both sides at prices that could be meant. It `is_wide` where both sides are
    quoted so far apart that nobody means them.
    """

    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    last: Decimal
    at: datetime
    is_guess: bool = False
    is_wide: bool = False

    def price(self, side: Side) -> Decimal | None:
        """Return the price at which somebody who goes this way finds the other side."""
        return self.ask if side is Side.BUY else self.bid

    def market_price(self, side: Side) -> Decimal | None:
        """Return that price as one who asks no limit pays it: where it is not meant, what the symbol is worth."""
        if not self.is_wide:
            return self.price(side)
        return None if self.is_guess else self.last

    def size(self, side: Side) -> Decimal | None:
        """Return how much is quoted there."""
        return self.ask_size if side is Side.BUY else self.bid_size


def read_quote(snapshot: Mapping[str, Any], now: datetime | None = None) -> Quote | None:
    """Return a feed's snapshot as a quote; nothing where it has no price.

    A feed without bids and asks has a spread of nothing: the last trade stands for both. Bids and asks move on while
    nobody trades, so a trade that is older than 15 minutes by then, or `now`, stands for nothing.
    """
    last, bid, ask = (_positive(snapshot.get(name)) for name in ("last", "bid", "ask"))
    known = last or _middle(bid, ask)
    if known is None or not snapshot.get("at"):
        return None
    at = _instant(snapshot["at"])
    traded_at = _instant(snapshot.get("last_at") or snapshot["at"])
    fresh = last if max(at, now or at) - traded_at <= STALE else None
    sure = _confirmed(fresh, bid, ask)
    bid_size, ask_size = (_positive(snapshot.get(name)) for name in ("bid_size", "ask_size"))
    return Quote(
        bid or fresh,
        ask or fresh,
        bid_size,
        ask_size,
        sure or known,
        at,
        is_guess=sure is None,
        is_wide=_is_wide(bid, ask),
    )


def last_trade(snapshot: Mapping[str, Any]) -> tuple[Decimal, datetime] | None:
    """Return price and time of the last trade, whatever is bid and asked since."""
    last, at = _positive(snapshot.get("last")), snapshot.get("last_at") or snapshot.get("at")
    return (last, _instant(at)) if last is not None and at else None


def execution_price(side: Side, limit: Decimal | None, quote: Quote) -> Decimal | None:
    """Return at which price an order is filled by a quote: slippage included, and never beyond its limit.

    Without a limit that says how far to go nobody trades at a bid or an ask that is not meant.
    """
    found = quote.market_price(side) if limit is None else quote.price(side)
    if found is None:
        return None
    if side is Side.BUY:
        slipped = (found * (1 + SLIPPAGE)).quantize(PRICE, ROUND_CEILING)
        return slipped if limit is None else min(slipped, limit) if found <= limit else None
    slipped = max((found * (1 - SLIPPAGE)).quantize(PRICE, ROUND_FLOOR), PRICE)
    return slipped if limit is None else max(slipped, limit) if found >= limit else None


def reserve_price(kind: Kind, limit: Decimal | None, quote: Quote) -> Decimal:
    """Return what one unit of a purchase may cost at most, as far as buying power is concerned."""
    if kind is Kind.LIMIT and limit is not None:
        return limit
    return ((quote.market_price(Side.BUY) or quote.ask or quote.last) * (1 + COLLAR)).quantize(PRICE, ROUND_CEILING)


def rounded_down(quantity: Decimal, whole: Decimal) -> Decimal:
    """Return as much of a quantity as can be filled of an order of `whole`: an order of whole units stays whole."""
    step = Decimal(1) if whole == whole.to_integral_value() else UNIT
    return max(quantity, Decimal(0)).quantize(step, ROUND_DOWN)


def money(amount: Decimal) -> Decimal:
    """Return an amount of money as it is booked: to four places."""
    return amount.quantize(PRICE, ROUND_HALF_UP)


def _confirmed(last: Decimal | None, bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    """Return a fresh last price if bid and ask do not speak against it, else their middle if they are near."""
    if bid is None or ask is None or _is_wide(bid, ask):
        return last
    if last is not None and bid * (1 - OUTSIDE) <= last <= ask * (1 + OUTSIDE):
        return last
    return (bid + ask) / 2


def _is_wide(bid: Decimal | None, ask: Decimal | None) -> bool:
    return bid is not None and ask is not None and ask > bid * (1 + WIDE)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _middle(bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    return (bid + ask) / 2 if bid and ask else bid or ask


def _positive(value: Any) -> Decimal | None:
    found = Decimal(str(value)) if value is not None else None
    return found if found is not None and found.is_finite() and found > 0 else None
