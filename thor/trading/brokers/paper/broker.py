"""The port of brokers over the books: every question and every order settles them first."""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import redis
from django.db import Error as DatabaseError

from thor.errors import ThorError
from thor.markets.table import SessionTable
from thor.trading.brokers.paper import settling
from thor.trading.brokers.paper.daytrades import day_trades
from thor.trading.brokers.paper.market import PRICE, Quote, read_quote, reserve_price
from thor.trading.brokers.paper.refusals import refusal
from thor.trading.brokers.paper.splits import Splits, in_new_shares, no_splits
from thor.trading.brokers.port import (
    Accepted,
    Account,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    BrokerUnreachable,
    Kind,
    OpenOrders,
    OrderRequest,
    Outcome,
    Rejected,
    Side,
    Standing,
    Unknown,
)
from thor.trading.identity import paper_identity
from thor.trading.models.paper import PaperAccount, PaperFill, PaperOrder, PaperPosition

log = logging.getLogger(__name__)

#: The broker's id of an order is made of ours, so that two runs of the same wishes have the same ids.
_NAMESPACE: Final = uuid.UUID("8f0a3e52-5c0e-4c53-9d6b-5d6a3c1b7e10")
#: What may stand between this broker and its books, its quotes or its sessions.
_OUTAGES: Final = (DatabaseError, redis.RedisError, ThorError)


class PaperBroker:
    """An account in tables of Thor's own. `now` tells business time; the sessions are those of one market."""

    name = "paper"
    is_live = False

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        sessions: Callable[[], SessionTable],
        quotes: Callable[[Sequence[str]], Mapping[str, Mapping[str, Any]]],
        volume: Callable[[str, date], Decimal | None],
        splits: Splits = no_splits,
    ) -> None:
        """Take what the account lives by and trades against; nothing is read yet."""
        self._now, self._sessions, self._snapshots, self._volume = now, sessions, quotes, volume
        self._splits = splits

    def settle(self, *, at: datetime) -> None:
        """Bring the books to an instant: expire, fill, mark the close. Whoever settles twice changes nothing more."""
        with _answering(), self._settled(at):
            pass

    def account(self) -> Account:
        """Return the account as it is now."""
        with _answering(), self._settled(self._now()) as (account, exchange, at):
            return Account(
                status="ACTIVE",
                currency=account.currency,
                equity=settling.equity(account, exchange.quotes),
                last_equity=account.last_equity,
                cash=account.cash,
                buying_power=settling.buying_power(account),
                multiplier=Decimal(1),
                is_trading_blocked=False,
                is_account_blocked=False,
                is_pattern_day_trader=False,
                day_trades=day_trades(exchange.sessions, at),
                identity=paper_identity(),
            )

    def positions(self) -> Sequence[BrokerPosition]:
        """Return everything that the account holds."""
        with _answering(), self._settled(self._now()) as (_, exchange, _):
            return [_position(row, exchange.quotes.get(row.symbol)) for row in PaperPosition.objects.all()]

    def open_orders(self) -> OpenOrders:
        """Return every order that is not final."""
        with _answering(), self._settled(self._now()):
            return OpenOrders(_order(row) for row in settling.open_orders())

    def order(self, client_order_id: str) -> BrokerOrder | None:
        """Return an order by our id."""
        with _answering(), self._settled(self._now()):
            return _find(client_order_id)

    def fills(self, since: datetime) -> Sequence[BrokerFill]:
        """Return the executions at or after an instant, oldest first."""
        with _answering(), self._settled(self._now()):
            return [_fill(row) for row in PaperFill.objects.filter(at__gte=since).select_related("order")]

    def submit(self, request: OrderRequest) -> Outcome:
        """Take an order, or say why not; then let the books be settled with it."""
        try:
            refused = self._take(request)
            if refused:
                return Rejected(refused)
            with self._settled(self._now()):
                found = _find(request.client_order_id)
        except _OUTAGES as error:
            return _unknown(request.client_order_id, error)
        return Accepted(found) if found else Unknown("the order was taken and is not in the books")

    def cancel(self, client_order_id: str) -> Outcome:
        """Cancel an order that is not final."""
        try:
            with self._settled(self._now()) as (_, _, at):
                row = PaperOrder.objects.filter(client_order_id=client_order_id).first()
                if row is None:
                    return Rejected(f"there is no order {client_order_id}")
                if Standing(row.standing).is_final:
                    return Rejected(f"the order is {row.standing} and cannot be cancelled")
                settling.finish(row, Standing.CANCELLED, at, "cancelled as asked")
                return Accepted(_order(row))
        except _OUTAGES as error:
            return _unknown(client_order_id, error)

    def _take(self, request: OrderRequest) -> str:
        """Write an order down, unless it is there already; return why it was refused."""
        with self._settled(self._now(), request.symbol) as (account, exchange, at):
            if PaperOrder.objects.filter(client_order_id=request.client_order_id).exists():
                return ""
            quote = exchange.quotes.get(request.symbol)
            session = settling.session_for(exchange.sessions, at)
            refused = refusal(
                request, quote, buying_power=lambda: settling.buying_power(account), available=settling.available
            )
            if refused or quote is None or session is None:
                return refused or "there is no session ahead"
            _write_down(request, quote, active_at=session.open, expires_at=session.close, at=at)
            return ""

    @contextmanager
    def _settled(self, at: datetime, *symbols: str) -> Iterator[tuple[PaperAccount, settling.Exchange, datetime]]:
        """Settle and go on in the same transaction; quotes are read before it, so that nobody waits for Redis in it."""
        sessions = self._sessions()
        quotes = in_new_shares(self._quotes(*symbols), at, sessions.zone, self._splits)
        exchange = settling.Exchange(sessions, quotes, self._volume, self._splits)
        with settling.locked(at, sessions) as account:
            yield account, exchange, settling.settle(account, exchange, at)

    def _quotes(self, *symbols: str) -> dict[str, Quote]:
        ordered = settling.open_orders().values_list("symbol", flat=True)
        held = PaperPosition.objects.values_list("symbol", flat=True)
        found = self._snapshots(sorted({*symbols, *ordered, *held}))
        return {symbol: quote for symbol, snapshot in found.items() if (quote := read_quote(snapshot))}


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except BrokerUnreachable:
        raise
    except _OUTAGES as error:
        raise BrokerUnreachable(_away(error)) from error


def _away(error: Exception) -> str:
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return f"the paper broker cannot reach its books or its quotes: {said}"


def _unknown(client_order_id: str, error: Exception) -> Unknown:
    log.warning("thor.order.unknown: %s: %s", client_order_id, error)
    return Unknown(_away(error))


def _write_down(
    request: OrderRequest, quote: Quote, *, active_at: datetime, expires_at: datetime, at: datetime
) -> None:
    PaperOrder.objects.create(
        client_order_id=request.client_order_id,
        symbol=request.symbol,
        side=request.side.value,
        kind=request.kind.value,
        quantity=request.quantity,
        limit_price=request.limit_price,
        reserve_price=reserve_price(request.kind, request.limit_price, quote),
        active_at=active_at,
        expires_at=expires_at,
        submitted_at=at,
        updated_at=at,
    )


def _find(client_order_id: str) -> BrokerOrder | None:
    row = PaperOrder.objects.filter(client_order_id=client_order_id).first()
    return _order(row) if row else None


def _id(client_order_id: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, client_order_id))


def _order(row: PaperOrder) -> BrokerOrder:
    filled = row.filled_quantity
    return BrokerOrder(
        id=_id(row.client_order_id),
        client_order_id=row.client_order_id,
        symbol=row.symbol,
        side=Side(row.side),
        kind=Kind(row.kind),
        quantity=row.quantity,
        limit_price=row.limit_price,
        standing=Standing(row.standing),
        status=row.standing,
        filled_quantity=filled,
        filled_average_price=(row.filled_value / filled).quantize(PRICE) if filled else None,
        submitted_at=row.submitted_at,
        updated_at=row.updated_at,
        reason=row.reason,
    )


def _fill(row: PaperFill) -> BrokerFill:
    order = _id(row.order.client_order_id)
    side = Side(row.order.side)
    return BrokerFill(f"{order}:{row.number}", order, row.order.symbol, side, row.quantity, row.price, row.at)


def _position(row: PaperPosition, quote: Quote | None) -> BrokerPosition:
    average = (row.cost / row.quantity).quantize(PRICE)
    return BrokerPosition(row.symbol, row.quantity, average, quote.last if quote else None)
