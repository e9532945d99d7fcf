"""Say what the desk is committed to: what it holds, what is on its way, what it has bought today, what it has lost."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db.models import Q

from thor.trading.books import books_since
from thor.trading.brokers.port import Account, BrokerPosition, Side
from thor.trading.gates import Held, Situation
from thor.trading.hours import session_date_of
from thor.trading.lastprices import LastPrice, prices_of
from thor.trading.models import Event, Happening, Order, Position, Purpose, Trade
from thor.trading.models.orders import OPEN
from thor.trading.positions import open_positions
from thor.trading.readiness import why_not_enter

#: So many of the newest trades are looked at for losses in a row.
NEWEST: Final = 100


def situation(account: Account, holdings: Sequence[BrokerPosition], *, at: datetime, session_date: date) -> Situation:
    """Return how the desk stands, as the gates are told: by the account, by what it holds, and by the journal.

    What is on its way and not filled yet is taken off the cash; buying power is the broker's word, which has done so.
    """
    orders = list(Order.objects.filter(state__in=OPEN))
    own = open_positions()
    prices = prices_of(sorted({one.symbol for one in orders} | {one.symbol for one in own}), at)
    coming = sum((_cost(one, prices) for one in orders if one.side == Side.BUY), Decimal(0))
    return Situation(
        at=at,
        session_date=session_date,
        equity=account.equity,
        last_equity=account.last_equity,
        cash=account.cash - coming,
        buying_power=account.buying_power,
        exposure=coming + sum((_value(one) for one in holdings), Decimal(0)),
        not_ready_because=why_not_enter(at),
        held=_held(own, holdings, prices),
        pending=frozenset(one.symbol for one in orders),
        consecutive_losses=consecutive_losses(at),
        entries_today=entries_of(session_date),
    )


def entries_of(session_date: date) -> int:
    """Return how many purchases were ordered in a session, but for those of which nothing came."""
    orders = Order.objects.filter(purpose__in=[Purpose.ENTRY, Purpose.ADD_ON], intent__session_date=session_date)
    return orders.filter(Q(filled_quantity__gt=0) | Q(state__in=OPEN)).count()


def consecutive_losses(at: datetime) -> int:
    """Return how many of the newest trades, one after the other, were losses.

    A person who lets entries pass again (`switch.clear_protection`) begins a new count: otherwise the third loss in a
    row would end trading for ever, since no trade could follow it. Positions that vanished at the broker do not count,
    since nobody knows what they earned; nor does what was lost at another account (`books`).
    """
    trades = Trade.objects.filter(exit_timestamp__lte=at).exclude(exit_type="EXTERNAL_CLOSE")
    if (since := books_since()) is not None:
        trades = trades.filter(exit_timestamp__gt=since)
    cleared = Event.objects.filter(kind=Happening.PROTECTION, fields__now="", at__lte=at).order_by("-number").first()
    if cleared is not None:
        trades = trades.filter(exit_timestamp__gt=cleared.at)
    count = 0
    for earned in trades.order_by("-exit_timestamp", "-symbol").values_list("net_pnl", flat=True)[:NEWEST]:
        if earned >= 0:
            break
        count += 1
    return count


def _cost(order: Order, prices: Mapping[str, LastPrice]) -> Decimal:
    """Return what the rest of a purchase is going to cost, as far as that is known."""
    price = prices.get(order.symbol)
    left = order.quantity - order.filled_quantity
    if price is not None:
        return left * price.price
    return left * (order.risk_amount or Decimal(0)) / order.quantity


def _value(position: BrokerPosition) -> Decimal:
    """Return what is at stake in a position: what is owed of a short one is no less than what is held of another."""
    return abs(position.quantity) * (position.price or position.average_entry_price)


def _held(
    own: Sequence[Position], holdings: Sequence[BrokerPosition], prices: Mapping[str, LastPrice]
) -> dict[str, Held]:
    """Return what is held by symbol; what the broker has and the journal does not counts as somebody else's."""
    others = {
        one.symbol: Held(_value(one), Decimal(0), one.average_entry_price, 1, None, is_external=True)
        for one in holdings
    }
    return others | {one.symbol: _as_held(one, prices.get(one.symbol)) for one in own}


def _as_held(position: Position, price: LastPrice | None) -> Held:
    return Held(
        value=position.quantity * price.price if price else None,
        risk_amount=position.risk_amount or Decimal(0),
        average_price=position.entry_price,
        entries=position.entries,
        last_bought_at=position.last_bought_at,
        last_bought_on=session_date_of(position.last_bought_at),
        is_external=position.is_external,
    )
