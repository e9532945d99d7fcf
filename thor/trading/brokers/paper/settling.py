"""Keep the books: what every settlement does to orders, fills, positions and cash.

Everything here runs inside a transaction that holds the lock of the account's row; `locked` begins one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from thor.marketdata.adjust import SplitOf
from thor.markets.table import SessionTable
from thor.timing.session import Session
from thor.trading.brokers.paper.market import (
    PARTICIPATION,
    STALE,
    Quote,
    execution_price,
    money,
    rounded_down,
)
from thor.trading.brokers.paper.splits import Splits, after_split, local_date, midnight, no_splits
from thor.trading.brokers.port import Side, Standing
from thor.trading.models.paper import PaperAccount, PaperFill, PaperOrder, PaperPosition
from thor.trading.settings import limits

OPEN: Final = (Standing.WORKING.value, Standing.PARTIAL.value)
NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the account trades against: sessions, the quotes of an instant, how much a symbol trades a day, splits."""

    sessions: SessionTable
    quotes: Mapping[str, Quote]
    volume: Callable[[str, date], Decimal | None]
    splits: Splits = no_splits


@contextmanager
def locked(at: datetime, sessions: SessionTable) -> Iterator[PaperAccount]:
    """Hold the account in one transaction; whoever comes first opens it.

    Never inside somebody else's transaction, which could still take back an order that was answered as accepted: no
    other broker lets one do that, and Django raises `RuntimeError`.
    """
    with transaction.atomic(durable=True):
        closed = last_close(sessions, at)
        # Asked for where there is no account yet: START_CAPITAL is what one opens with.
        opened = {"cash": _capital, "last_equity": _capital, "closed_at": closed, "settled_at": at}
        found = None
        while found is None:  # books that are begun anew meanwhile take the row away that was waited for
            PaperAccount.objects.get_or_create(pk=1, defaults=opened)
            found = PaperAccount.objects.select_for_update().filter(pk=1).first()
        yield found


def _capital() -> Decimal:
    return limits().start_capital


def settle(account: PaperAccount, exchange: Exchange, at: datetime) -> datetime:
    """Bring the books to an instant and return it: never one before the last settlement."""
    at = max(at, account.settled_at)
    _split(account, exchange, at)
    _mark_close(account, exchange, at)
    _expire(at)
    if exchange.sessions.is_open(at):
        for order in open_orders().filter(active_at__lte=at):
            _fill(account, order, exchange, at)
    account.settled_at = at
    account.save()
    return at


def open_orders() -> "QuerySet[PaperOrder]":
    """Return the orders that are not final, in the order in which they came."""
    return PaperOrder.objects.filter(standing__in=OPEN)


def equity(account: PaperAccount, quotes: Mapping[str, Quote]) -> Decimal:
    """Return cash and what is held, at the last prices known, else at what was paid."""
    held = PaperPosition.objects.all()
    return account.cash + sum((money(_worth(one, quotes)) for one in held), NOTHING)


def buying_power(account: PaperAccount) -> Decimal:
    """Return the cash that no open purchase has set aside."""
    bought = open_orders().filter(side=Side.BUY.value)
    return max(account.cash - sum((remaining(one) * one.reserve_price for one in bought), NOTHING), NOTHING)


def available(symbol: str) -> Decimal:
    """Return what is held of a symbol and not promised to an open sale."""
    held = PaperPosition.objects.filter(pk=symbol).first()
    promised = open_orders().filter(side=Side.SELL.value, symbol=symbol)
    return (held.quantity if held else NOTHING) - sum((remaining(one) for one in promised), NOTHING)


def remaining(order: PaperOrder) -> Decimal:
    """Return what is not yet filled of an order."""
    return order.quantity - order.filled_quantity


def finish(order: PaperOrder, standing: Standing, at: datetime, reason: str = "") -> None:
    """Let nothing happen to an order any more."""
    order.standing, order.reason, order.updated_at = standing.value, reason, at
    order.save(update_fields=["standing", "reason", "updated_at"])


def session_for(sessions: SessionTable, at: datetime) -> Session | None:
    """Return the session for which an order is good: the one that is on, else the next."""
    return next((one for one in sessions.around(at, at) if one.close > at), None)


def last_close(sessions: SessionTable, at: datetime) -> datetime | None:
    """Return the last close until an instant."""
    return max((one.close for one in sessions.around(at, at) if one.close <= at), default=None)


def _worth(position: PaperPosition, quotes: Mapping[str, Quote]) -> Decimal:
    quote = quotes.get(position.symbol)
    return position.quantity * quote.last if quote else position.cost


def _split(account: PaperAccount, exchange: Exchange, at: datetime) -> None:
    """Count what is held in new shares from the date of a split on, and end the orders of before it.

    A split may be entered on its date or after it, so every settlement looks for those that are not carried out yet.
    """
    zone = exchange.sessions.zone
    held = {one: _since(one, local_date(account.settled_at, zone)) for one in PaperPosition.objects.all()}
    orders = {one: local_date(one.submitted_at, zone) for one in open_orders().filter(expires_at__gt=at)}
    days, today = {*held.values(), *orders.values()}, local_date(at, zone)
    if not days or min(days) >= today:
        return
    splits = exchange.splits({*(one.symbol for one in held), *(one.symbol for one in orders)}, min(days), today)
    for position, since in held.items():
        _count_anew(position, [one for one in splits.get(position.symbol, ()) if one[0] > since], zone)
    for order, sent in orders.items():
        if any(day > sent for day, _ in splits.get(order.symbol, ())):
            finish(order, Standing.CANCELLED, at, "the symbol was split")


def _since(position: PaperPosition, settled: date) -> date:
    """Return the date on which a position was bought first, as far as splits go.

    Where nobody has noted it, splits until the last settlement are in the position: they were carried out then.
    """
    if position.since is None:
        position.since = settled
        position.save(update_fields=["since"])
    return position.since


def _count_anew(position: PaperPosition, splits: Sequence[SplitOf], zone: str) -> None:
    """Carry out the splits since the first purchase that are not in a position yet."""
    known = [one for one in splits if one[0].isoformat() in position.splits]
    missing = [one for one in splits if one not in known]
    for split in missing:
        traded = list(_traded(position.symbol, midnight(split[0], zone), zone))
        position.quantity = after_split(position.quantity, traded, split, known)
        position.splits = [*position.splits, split[0].isoformat()]
        known.append(split)
    if missing:
        position.save(update_fields=["quantity", "splits"])


def _traded(symbol: str, since: datetime, zone: str) -> Iterator[tuple[date, Decimal]]:
    """Give what was bought of a symbol since an instant, and what was sold as less than nothing, with its date."""
    for fill in PaperFill.objects.filter(order__symbol=symbol, at__gte=since).select_related("order"):
        yield local_date(fill.at, zone), fill.quantity if fill.order.side == Side.BUY else -fill.quantity


def _mark_close(account: PaperAccount, exchange: Exchange, at: datetime) -> None:
    closed = last_close(exchange.sessions, at)
    if closed is not None and (account.closed_at is None or closed > account.closed_at):
        account.last_equity, account.closed_at = equity(account, exchange.quotes), closed


def _expire(at: datetime) -> None:
    for order in open_orders().filter(expires_at__lte=at):
        finish(order, Standing.EXPIRED, order.expires_at, "the session for which it was good has closed")


def _fill(account: PaperAccount, order: PaperOrder, exchange: Exchange, at: datetime) -> None:
    """Fill what a quote of this session lets be filled of an order."""
    quote = exchange.quotes.get(order.symbol)
    if quote is None or quote.at < order.active_at or at - quote.at > STALE:
        return
    price = execution_price(Side(order.side), order.limit_price, quote)
    wanted = min(remaining(order), _liquidity(order, quote, exchange))
    if price is None or wanted <= 0:
        return
    affordable = account.cash / price if order.side == Side.BUY else wanted
    quantity = rounded_down(min(wanted, affordable), order.quantity)
    if quantity > 0:
        _book(account, order, quantity, price, at, exchange)
    if affordable < wanted:
        finish(order, Standing.CANCELLED, at, "insufficient buying power: the price rose above what was set aside")


def _liquidity(order: PaperOrder, quote: Quote, exchange: Exchange) -> Decimal:
    """Return how much of the symbol may still be taken: of the session's share of volume, else of the quoted size."""
    fills = PaperFill.objects.filter(order__symbol=order.symbol)
    day = order.active_at.date()
    average = exchange.volume(order.symbol, day)
    size = quote.size(Side(order.side))
    if average is not None:
        taken, most = fills.filter(at__gte=order.active_at), average * PARTICIPATION
    elif size is not None:
        taken, most = fills.filter(order__side=order.side, quote_at=quote.at), size
    else:
        return order.quantity
    used = sum(taken.values_list("quantity", flat=True), NOTHING)
    return rounded_down(most - used, order.quantity)


def _book(
    account: PaperAccount, order: PaperOrder, quantity: Decimal, price: Decimal, at: datetime, exchange: Exchange
) -> None:
    quote_at = exchange.quotes[order.symbol].at
    PaperFill.objects.create(
        order=order, number=order.fills.count() + 1, quantity=quantity, price=price, at=at, quote_at=quote_at
    )
    value = money(quantity * price)
    order.filled_quantity += quantity
    order.filled_value += value
    order.standing = (Standing.PARTIAL if remaining(order) else Standing.FILLED).value
    order.updated_at = at
    order.save(update_fields=["filled_quantity", "filled_value", "standing", "updated_at"])
    if order.side == Side.BUY:
        account.cash -= value
        _hold_more(order.symbol, quantity, value, local_date(at, exchange.sessions.zone))
    else:
        account.cash += value
        _hold_less(order.symbol, quantity)
    account.save()


def _hold_more(symbol: str, quantity: Decimal, cost: Decimal, day: date) -> None:
    found = PaperPosition.objects.filter(pk=symbol).first()
    row = found or PaperPosition(pk=symbol, quantity=NOTHING, cost=NOTHING, since=day)
    row.quantity += quantity
    row.cost += cost
    row.save()


def _hold_less(symbol: str, quantity: Decimal) -> None:
    row = PaperPosition.objects.get(pk=symbol)
    if quantity == row.quantity:
        row.delete()
        return
    row.cost = money(row.cost * (row.quantity - quantity) / row.quantity)
    row.quantity -= quantity
    row.save()
