"""Say why an order is refused, in the order in which Alpaca looks at one: its form, its asset, what it takes."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from thor.trading.brokers.paper.market import CENT, PRICE, UNIT, Quote, reserve_price
from thor.trading.brokers.port import Kind, OrderRequest, Side

#: Beyond these the books could not keep figures exactly.
MOST_UNITS: Final = Decimal(100_000_000)
HIGHEST: Final = Decimal(10_000_000)
LONGEST_ID: Final = 128


def refusal(
    request: OrderRequest,
    quote: Quote | None,
    *,
    buying_power: Callable[[], Decimal],
    available: Callable[[str], Decimal],
) -> str:
    """Return why an order cannot be taken; nothing where it can. What costs a query is asked last."""
    return next(_form(request), "") or _asset(request, quote) or _means(request, quote, buying_power, available)


def _form(request: OrderRequest) -> Iterator[str]:
    quantity, limit = request.quantity, request.limit_price
    if not 1 <= len(request.client_order_id) <= LONGEST_ID:
        yield f"client_order_id must have 1 to {LONGEST_ID} characters"
    if not quantity.is_finite() or not 0 < quantity <= MOST_UNITS:
        yield f"quantity must be above 0 and at most {MOST_UNITS}, not {quantity}"
    elif quantity != quantity.quantize(UNIT):
        yield f"quantity must have at most six decimals, not {quantity}"
    if (request.kind is Kind.LIMIT) != (limit is not None):
        yield "a limit order needs a limit price, and no other order may have one"
    if limit is None:
        return
    if not limit.is_finite() or not 0 < limit <= HIGHEST:
        yield f"the limit price must be above 0 and at most {HIGHEST}, not {limit}"
    elif limit != limit.quantize(CENT if limit >= 1 else PRICE):
        yield f"the limit price {limit} is no price: cents from 1 upwards, four decimals below"


def _asset(request: OrderRequest, quote: Quote | None) -> str:
    return "" if quote else f"there is no quote for {request.symbol}"


def _means(
    request: OrderRequest, quote: Quote | None, buying_power: Callable[[], Decimal], available: Callable[[str], Decimal]
) -> str:
    if request.side is Side.SELL:
        free = available(request.symbol)
        if request.quantity <= free:
            return ""
        return f"insufficient quantity available: {request.quantity} wanted, {free.normalize():f} held and not promised"
    assert quote is not None  # noqa: S101 - `_asset` came first
    needed, power = request.quantity * reserve_price(request.kind, request.limit_price, quote), buying_power()
    return "" if needed <= power else f"insufficient buying power: {needed:.2f} needed, {power:.2f} available"
