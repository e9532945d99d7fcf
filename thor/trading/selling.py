"""Carry out a wish to sell: all that is held of a symbol, by the broker and by the journal.

the symbol has no open order    one is planned and sent: the desk's own of it, as far as the broker holds that
                                beside what is somebody else's
its sale was never sent         it is sent now: what is planned was not asked of the broker
its sale is certainly absent    it is sent again, under its old id: the broker takes an id once, so it is sold once
its sale is open                it is waited for; `settling` asks what became of it
a purchase of it is open        a planned sale waits; an emergency has it cancelled first, or dropped where it is absent
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Final
from uuid import UUID

from thor.marketdata.selectors.quotes import snapshots
from thor.trading import journal
from thor.trading.booking import book_order, end_order
from thor.trading.brokers.paper.market import UNIT, read_quote
from thor.trading.brokers.port import Broker, BrokerUnreachable, Kind, Side
from thor.trading.desk import desk, hold
from thor.trading.exits import drop_exit
from thor.trading.hours import session_for
from thor.trading.lastprices import STALE
from thor.trading.models import Desk, Happening, Intent, IntentState, Order, Purpose, State
from thor.trading.models.orders import OPEN
from thor.trading.ordering import cancel_order, plan_order, send_order
from thor.trading.positions import converge_split, in_account, open_position
from thor.trading.settings import limits
from thor.trading.switch import why_not

logger = logging.getLogger("thor.trading")

#: A bid that is further below the last price says more of its maker than of the symbol: the last price counts then.
WIDEST: Final = Decimal("0.005")
#: From this price on orders are in cents, below it in hundredths of them.
PENNIES_FROM: Final = Decimal(1)
#: How often, and after how many seconds each, a cancelled order is looked at again within one run.
LOOKS: Final = 6
PAUSE: Final = 0.5

#: What became of a wish to sell, in a word: `sent` is the broker's to carry out.
SENT: Final = "sent"
OPEN_ORDER: Final = "open"
GONE: Final = "gone"
SOLD: Final = "sold"
NO_PRICE: Final = "no price"
REFUSED: Final = "refused"
BLOCKED: Final = "blocked"

#: What the broker does not have: never sent, or certainly absent.
UNSENT: Final = (State.PLANNED, State.ABSENT)


@dataclass(frozen=True, slots=True)
class Seller:
    """What every sale of a run needs: the broker, what it holds by symbol, the moment and the run."""

    broker: Broker
    holdings: Mapping[str, Decimal]
    at: datetime
    run: UUID

    def sell(self, intent: Intent, kind: Kind) -> str:
        """Sell at the market price, or at a limit that the market pays now; return in a word what became of it."""
        order = open_order(intent.symbol)
        if order is not None:
            return self._go_on(order)
        limit = limit_price(intent.symbol, self.at) if kind is Kind.LIMIT else None
        if kind is Kind.LIMIT and limit is None:
            self._alert(intent, "no_price", "there is no fresh price of it, so no limit order can be made")
            return NO_PRICE
        with hold() as desk:
            row = Intent.objects.get(pk=intent.pk)
            planned = self._plan(row, kind, limit, desk) if row.state == IntentState.PLANNED else _ended(row)
        return planned if isinstance(planned, str) else self._outcome(self._send(planned))

    def clear_way(self, intent: Intent) -> str:
        """Have every open order of the symbol ended but a sale at the market price; return why that is not so yet."""
        order = open_order(intent.symbol)
        if order is None or _does(order, intent):
            return ""
        if order.side == Side.BUY and intent.purpose != Purpose.EMERGENCY:
            return BLOCKED
        if order.state in UNSENT:
            row = _taken_over(order, intent, self.at)
            order = row if _observes() else self._send(row)
            if order.state not in OPEN or _does(order, intent):
                return ""
        if refusal := self._why_not(intent, desk()):
            # What the broker has may fill yet, and nothing could take its place.
            self._note(intent, "refused", f"its open order stays: {refusal}")
            return REFUSED
        if _is_ended(cancel_order(order, broker=self.broker, at=self.at), self.broker, self.at):
            return ""
        reason = f"its {order.side} order is {open_state(order)}, and nothing else of it can be ordered before it ends"
        self._alert(intent, "blocked", reason)
        return BLOCKED

    def _plan(self, intent: Intent, kind: Kind, limit: Decimal | None, desk: Desk) -> Order | str:
        """Plan the sale while the desk is held; return why there is none."""
        position = open_position(intent.symbol)
        held = self.holdings.get(intent.symbol, Decimal(0))
        if position is None or held <= 0:
            who = "the broker does not hold it any more" if position else "the journal does not hold it any more"
            drop_exit(intent, who, at=self.at, run=self.run)
            return GONE
        if reason := self._why_not(intent, desk):
            self._note(intent, "refused", f"it is not sold: {reason}")
            return REFUSED
        if intent.purpose == Purpose.EMERGENCY:
            kind, limit = Kind.MARKET, None  # it has become one since whoever calls has read it
        converge_split(position, held, at=self.at, run=self.run)
        known = in_account(position)
        if held != known:
            said = f"the broker holds {held.normalize():f} and the journal {known.normalize():f} of it"
            self._note(intent, "mismatch", said)
        quantity = min(position.quantity, held - position.outside)
        if quantity <= 0:
            return BLOCKED  # whose the rest is reconciliation says: none of it is sold on a guess
        session = session_for(self.at)
        order = plan_order(
            intent, quantity=quantity, kind=kind, limit_price=limit, at=self.at, run=self.run,
            good_until=session.close if session else None,
        )  # fmt: skip
        return order or OPEN_ORDER

    def _why_not(self, intent: Intent, desk: Desk) -> str:
        return why_not(intent.purpose, desk) or ("nothing is ordered: OBSERVATION_ONLY" if _observes() else "")

    def _go_on(self, order: Order) -> str:
        if order.side == Side.BUY:
            return BLOCKED
        if order.state in (State.PLANNED, State.ABSENT):
            return REFUSED if _observes() else self._outcome(self._send(order))
        return OPEN_ORDER

    def _send(self, order: Order) -> Order:
        return send_order(order, broker=self.broker, at=self.at)

    def _outcome(self, order: Order) -> str:
        if order.state == State.ABSENT:
            self._alert(
                order.intent, "refused", "its order never arrived, and the switch does not let it be sent again"
            )
        return REFUSED if order.state in (State.REJECTED, State.DROPPED, *UNSENT) else SENT

    def _alert(self, intent: Intent, what: str, reason: str) -> None:
        with hold():
            self._note(intent, what, reason)

    def _note(self, intent: Intent, what: str, reason: str) -> None:
        """Alert people while the desk is held: once a decision and session, since the next minute is the same."""
        session = session_for(self.at)
        key = f"exit_{what}:{intent.pk}:{intent.run}:{session.date if session else ''}"
        journal.record(Happening.ALERT, at=self.at, key=key, symbol=intent.symbol, run=self.run, reason=reason)


def holdings(broker: Broker) -> dict[str, Decimal]:
    """Return what the broker holds, by symbol, to the places that the journal keeps. Raises `BrokerUnreachable`."""
    return {one.symbol: one.quantity.quantize(UNIT, ROUND_DOWN) for one in broker.positions()}


def sell_at_once(intent: Intent, *, broker: Broker, at: datetime, run: UUID) -> str:
    """Have what is open of a symbol ended, and all of it sold at the market price; return what became of it."""
    if reason := Seller(broker, {}, at, run).clear_way(intent):
        return reason
    # Asked only now: what was cancelled may have been filled in part.
    return Seller(broker, holdings(broker), at, run).sell(intent, Kind.MARKET)


def open_order(symbol: str) -> Order | None:
    """Return the order of a symbol that is not over: there is one at most."""
    return Order.objects.select_related("intent").filter(symbol=symbol, state__in=OPEN).first()


def open_state(order: Order) -> str:
    """Return in which state an order is by now."""
    return Order.objects.values_list("state", flat=True).get(pk=order.pk)


def limit_price(symbol: str, at: datetime) -> Decimal | None:
    """Return what the market pays for a symbol now; nothing where its quote is old, or there is none."""
    snapshot = snapshots([symbol]).get(symbol)
    quote = read_quote(snapshot, at) if snapshot else None
    if quote is None or quote.is_guess or at - quote.at > STALE:
        return None
    near = quote.bid is not None and quote.bid >= quote.last * (1 - WIDEST)
    price = quote.bid if near and quote.bid is not None else quote.last
    found = price.quantize(Decimal("0.01") if price >= PENNIES_FROM else Decimal("0.0001"), ROUND_DOWN)
    return found if found > 0 else None


def _observes() -> bool:
    return limits().observation_only


def is_market_sale(order: Order) -> bool:
    """Tell whether an order sells at the market price."""
    return order.side == Side.SELL and order.kind == Kind.MARKET


def _does(order: Order, intent: Intent) -> bool:
    """Tell whether an open order sells as this is wanted, or will once it is sent."""
    return is_market_sale(order) and (order.state not in UNSENT or intent.purpose in (order.purpose, Purpose.EXIT))


def _taken_over(order: Order, intent: Intent, at: datetime) -> Order:
    """Drop an order that the broker does not have, or make it one that may be sent again.

    What was never sent nobody can send afterwards, since whoever does holds the desk first. A purchase that is absent
    is dropped; should it turn up, it is taken up again. A sale that is absent might sell a second time if it did: it
    is sent again, which uses its id up, and where trading is halted it passes as the emergency's.
    """
    with hold():
        row = Order.objects.select_related("intent").get(pk=order.pk)
        if row.state == State.PLANNED or (row.state == State.ABSENT and row.side == Side.BUY):
            end_order(row, State.DROPPED, "something more urgent took its place before the broker had it", at)
        elif row.state == State.ABSENT and intent.purpose == Purpose.EMERGENCY:
            row.purpose = Purpose.EMERGENCY.value
            row.save(update_fields=["purpose"])
    return row


def _ended(intent: Intent) -> str:
    return SOLD if intent.state == IntentState.DONE else GONE


def _is_ended(order: Order, broker: Broker, at: datetime) -> bool:
    """Look a few times whether a cancelled order is over; the broker's word that it will be is not enough."""
    for look in range(LOOKS):
        if order.state not in OPEN:
            return True
        if look:
            time.sleep(PAUSE)
        try:
            told = broker.order(order.client_order_id)
        except BrokerUnreachable:
            return False
        if told is None:
            return False
        order = book_order(order, told, at=at)
    return order.state not in OPEN
