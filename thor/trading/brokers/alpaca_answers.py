"""Read what Alpaca answers: orders, fills, positions, the account; raise `Unanswered` for what cannot be read.

Order statuses and their meaning: https://docs.alpaca.markets/us/docs/orders-at-alpaca (order lifecycle).

    filled, canceled, expired, rejected        final, as the words say; so is `cancelled`, which others write
    replaced                                   final for this order, another stands for it: cancelled, with that reason
    new, accepted, pending_new                 working; `accepted` is what an order is outside trading hours
    accepted_for_bidding                       at the exchanges, which evaluate it: working
    done_for_day                               nothing more today; filled, expired or canceled follows: working
    calculated                                 settlement figures pending: filled if all of it is, else working
    stopped                                    a trade is guaranteed and has not happened: working, and no rejection
    pending_cancel, pending_replace            asked for and not done: working
    held, suspended, pending_review            not eligible for now: working
    partially_filled                           partial; and so is every working word with something filled
    anything else                              a word of later days: working, which is asked about again, and said
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

from thor.trading.brokers.alpaca_rest import Unanswered
from thor.trading.brokers.port import (
    Account,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Kind,
    Side,
    Standing,
)
from thor.trading.identity import alpaca_identity

log = logging.getLogger(__name__)

Found = TypeVar("Found")
Answer = Mapping[str, Any]

FINAL: Final = {
    "filled": Standing.FILLED,
    "canceled": Standing.CANCELLED,
    "cancelled": Standing.CANCELLED,
    "replaced": Standing.CANCELLED,
    "expired": Standing.EXPIRED,
    "rejected": Standing.REJECTED,
}
WORKING: Final = frozenset(
    {
        "accepted",
        "accepted_for_bidding",
        "calculated",
        "done_for_day",
        "held",
        "new",
        "partially_filled",
        "pending_cancel",
        "pending_new",
        "pending_replace",
        "pending_review",
        "stopped",
        "suspended",
    }
)
#: Of an account's number so much is kept.
LONGEST_NUMBER: Final = 64
#: Of a figure, before the point or behind it: 1E+999999999 is one, and written out it would fill the memory.
MOST_PLACES: Final = 40
_SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL, "sell_short": Side.SELL}


def standing_of(status: str, quantity: Decimal, filled: Decimal) -> Standing:
    """Return where an order stands by Alpaca's word and by what is filled of it."""
    if status in FINAL:
        return FINAL[status]
    if status == "calculated" and filled == quantity:
        return Standing.FILLED
    return Standing.PARTIAL if filled or status == "partially_filled" else Standing.WORKING


def read_order(answer: Any) -> BrokerOrder:
    """Return an order. One of an amount of money has the quantity that is filled of it, since it has no other."""
    return _read("an order", _order, answer)


def read_orders(answers: Iterable[Any]) -> tuple[dict[str, BrokerOrder], dict[str, str]]:
    """Return orders by Alpaca's id, and for those that cannot be read, as those of several legs, why.

    Raises `Unanswered` where something has not even an id: that is no list of orders.
    """
    found: dict[str, BrokerOrder] = {}
    unreadable: dict[str, str] = {}
    for answer in answers:
        number = _read("an order", _id, answer)
        try:
            found[number] = read_order(answer)
        except Unanswered as error:
            unreadable[number] = str(error)
    return found, unreadable


def submitted_at(answer: Any) -> datetime:
    """Return when an order was submitted, whether or not the rest of it can be read."""
    return _read("an order", lambda one: _instant(one.get("submitted_at") or one["created_at"]), answer)


def read_fill(answer: Any) -> BrokerFill:
    """Return a fill from an activity of the type FILL."""
    return _read("a fill", _fill, answer)


def read_position(answer: Any) -> BrokerPosition:
    """Return a position; what is held short is less than nothing."""
    return _read("a position", _position, answer)


def read_account(answer: Any, *, is_live: bool = False) -> Account:
    """Return the account; Alpaca tells its number, and whoever asks knows whether it is one with real money.

    Alpaca no longer tells day trades and their flag (since 2026-07-06): how many there are is not known then.
    """
    found = _read("the account", _account, answer)
    return replace(found, identity=alpaca_identity(is_live=is_live, number=found.identity))


def read_list(answer: Any, what: str) -> list[Any]:
    """Return a list as it is; an answer that is none must not pass for an empty one."""
    if not isinstance(answer, list):
        raise Unanswered(f"Alpaca's answer is no list of {what}")
    return answer


def _read(what: str, read: Callable[[Answer], Found], answer: Any) -> Found:
    try:
        return read(answer)
    # An instant may lie before the year 1, a figure beyond all, and a word may be a list of a thousand lists.
    except (KeyError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise Unanswered(f"Alpaca's answer is not {what} that can be read: {type(error).__name__} {error}") from None


def _order(answer: Answer) -> BrokerOrder:
    status = str(answer["status"])
    filled = _number(answer.get("filled_qty") or 0)
    quantity = filled if answer.get("notional") and answer.get("qty") is None else _number(answer["qty"])
    return BrokerOrder(
        id=_text(answer["id"]),
        client_order_id=_text(answer["client_order_id"]),
        symbol=_text(answer["symbol"]),
        side=_SIDES[answer["side"]],
        kind=Kind.MARKET if answer["type"] == "market" else Kind.LIMIT,
        quantity=quantity,
        limit_price=_perhaps(answer.get("limit_price")),
        standing=standing_of(status, quantity, filled),
        status=status,
        filled_quantity=filled,
        filled_average_price=_perhaps(answer.get("filled_avg_price")) if filled else None,
        submitted_at=_instant(answer.get("submitted_at") or answer["created_at"]),
        updated_at=_instant(answer.get("updated_at") or answer["created_at"]),
        reason=_reason(status, answer),
    )


def _id(answer: Answer) -> str:
    return _text(answer["id"])


def _reason(status: str, answer: Answer) -> str:
    if status == "replaced":
        return f"replaced by {answer.get('replaced_by') or 'another order'}"
    if status not in FINAL and status not in WORKING:
        log.warning("thor.order.status_unknown: %s: Alpaca says %r", answer["client_order_id"], status)
        return f"Alpaca says {status}, a word that Thor does not know"
    return ""


def _fill(answer: Answer) -> BrokerFill:
    return BrokerFill(
        id=_text(answer["id"]),
        order_id=_text(answer["order_id"]),
        symbol=_text(answer["symbol"]),
        side=_SIDES[answer["side"]],
        quantity=_number(answer["qty"]),
        price=_number(answer["price"]),
        at=_instant(answer["transaction_time"]),
    )


def _position(answer: Answer) -> BrokerPosition:
    quantity = abs(_number(answer["qty"]))
    return BrokerPosition(
        symbol=_text(answer["symbol"]),
        quantity=-quantity if answer.get("side") == "short" else quantity,
        average_entry_price=_number(answer["avg_entry_price"]),
        price=_perhaps(answer.get("current_price")),
    )


def _account(answer: Answer) -> Account:
    return Account(
        status=_text(answer["status"]),
        currency=str(answer.get("currency") or "USD"),
        equity=_number(answer["equity"]),
        last_equity=_number(answer["last_equity"]),
        cash=_number(answer["cash"]),
        buying_power=_number(answer["buying_power"]),
        multiplier=_number(answer["multiplier"]),
        is_trading_blocked=_flag(answer, "trading_blocked") or bool(answer.get("trade_suspended_by_user")),
        is_account_blocked=_flag(answer, "account_blocked"),
        is_pattern_day_trader=bool(answer.get("pattern_day_trader")),
        day_trades=None if (count := answer.get("daytrade_count")) is None else int(count),
        identity=_text(answer["account_number"])[:LONGEST_NUMBER],
    )


def _flag(answer: Answer, name: str) -> bool:
    # A block that is not told must not pass for none.
    found = answer[name]
    if not isinstance(found, bool):
        raise ValueError(f"{name}={found!r}")
    return found


def _text(found: Any) -> str:
    if not isinstance(found, str) or not found:
        raise ValueError(f"{found!r} is no text")
    return found


def _number(found: Any) -> Decimal:
    number = Decimal(str(found))
    if not number.is_finite() or abs(number.adjusted()) > MOST_PLACES:
        raise ValueError(f"{found!r} is no number")
    return number


def _perhaps(found: Any) -> Decimal | None:
    return None if found in (None, "") else _number(found)


def _instant(found: Any) -> datetime:
    at = datetime.fromisoformat(found)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
