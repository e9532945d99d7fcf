"""Sell at once what has lost too much, while the market is open.

Every position of the desk is looked at: by its price now, by the broker's equity and by its average true range at the
last close. The wish to sell is written down first; then what is open of the symbol is cancelled, and all of it is sold
at the market price. An emergency passes where trading is halted. It is tried again by the next run until it is sold;
what cannot be judged, for want of a price or of an ATR, is an alert and not silence.

Where the broker does not tell how the account stands, its equity is that of the last reconciliation, as long as that
counts; without one a loss cannot be judged, and a fall by ranges is all the same.

A position that the desk did not open is nobody's to sell here: people hear of it.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from thor.trading import journal
from thor.trading.boundary import Boundary, recorded
from thor.trading.brokers.port import Broker, BrokerUnreachable
from thor.trading.desk import hold
from thor.trading.emergencies import Emergency, Seen, emergency
from thor.trading.exits import Wanted, open_exits, want_exit
from thor.trading.features import Features
from thor.trading.history import features_by_symbol
from thor.trading.hours import last_session
from thor.trading.lastprices import prices_of
from thor.trading.models import Happening, Intent, Position, Purpose
from thor.trading.positions import open_positions
from thor.trading.readiness import newest_answered, why_not_exit
from thor.trading.records.printing import told
from thor.trading.selling import sell_at_once
from thor.trading.settings import Limits, limits
from thor.trading.settling import settle_orders
from thor.trading.splits import paid_in_shares_of
from thor.trading.strategies.base import Urgency
from thor.trading.universe import elsewhere

UNKNOWN: Final = "unknown"


def exit_emergencies(*, broker: Broker, at: datetime, run: UUID) -> dict[str, Any]:
    """Look at every position and sell what has to go; return what was sold, and what could not be judged."""
    session = last_session(at)
    if session is None or at >= session.close:
        return {"skipped": "the market is closed"}
    with recorded(at):
        settle_orders(broker=broker, at=at)
        positions = open_positions()
        if not positions:
            return {"looked_at": 0}
        look = _Look(broker, session.date, at, run)
        boundary = Boundary(at=at, run=run)
        for position in positions:
            with boundary.around(position.symbol):
                look.at_position(position)
        return {"looked_at": len(positions), **look.told(), **boundary.told()}


class _Look:
    """What one run knows of the account, and what it does about each position.

    Price and figures of a position are asked for when it is its turn, so that what is odd of one is not that of all.
    """

    def __init__(self, broker: Broker, day: date, at: datetime, run: UUID) -> None:
        self._broker, self._day, self._at, self._run = broker, day, at, run
        self._account_silence = ""
        self._equity = self._ask_equity()
        self._limits: Limits = limits()
        self._features: dict[str, Features] = {}
        self._wanted = {one.symbol: one for one in open_exits() if one.purpose == Purpose.EMERGENCY}
        self.sold: dict[str, str] = {}
        self.unjudged: dict[str, str] = {}

    def at_position(self, position: Position) -> None:
        """Judge a position and sell it where it has to go; go on with what an earlier run wanted."""
        intent = self._wanted.get(position.symbol)
        if intent is None:
            found = self._judge(position)
            if found is None:
                return
            if position.is_external:
                self._note(
                    position, "external", f"not the desk's own, so it is not sold: {found.reason}", str(self._day)
                )
                return
            intent = self._want(position, found)
        self.sold[position.symbol] = sell_at_once(intent, broker=self._broker, at=self._at, run=self._run)

    def told(self) -> dict[str, Any]:
        """Return what came of it, for a run's result."""
        found = {"emergencies": self.sold, "unjudged": self.unjudged}
        return {name: value for name, value in found.items() if value}

    def _ask_equity(self) -> Decimal | None:
        """Return what the account is worth, by the last reconciliation where the broker is silent; else nothing."""
        try:
            return self._broker.account().equity
        except BrokerUnreachable as error:
            self._account_silence = f"the broker does not tell what the account is worth ({error})"
        known = newest_answered()
        if known is None or known.equity is None or why_not_exit(self._at):
            return None
        reason = f"{self._account_silence}: losses are judged by the {known.equity:.2f} of {told(known.at)}"
        with hold():
            journal.record(
                Happening.ALERT, at=self._at, key=f"emergency_account:{self._day}", run=self._run, reason=reason
            )
        return known.equity

    def _judge(self, position: Position) -> Emergency | None:
        prices = prices_of([position.symbol], self._at)
        price = prices.get(position.symbol)
        reason = elsewhere([position.symbol]).get(position.symbol, "")
        if price is None or reason:
            reason = f"{reason or prices.left_out[position.symbol]}: nobody knows whether it is an emergency"
            self.unjudged[position.symbol] = reason
            self._note(position, "no_price", reason, str(self._run))
            return None
        if self._equity is None or self._equity <= 0:
            said = self._account_silence or f"the broker says that the account is worth {self._equity:f}"
            reason = f"{said}: its loss cannot be judged"
            self.unjudged[position.symbol] = reason
            self._note(position, "no_equity", reason, str(self._day))
        is_entry_day = position.entry_date == self._day
        atr, why = self._atr(position.symbol)
        if atr is None and not is_entry_day:
            reason = f"its fall cannot be judged without an ATR: {why}"
            self.unjudged[position.symbol] = reason
            self._note(position, "no_atr", reason, str(self._day))
        paid = paid_in_shares_of(self._day, [position], {position.symbol: price.price})[position.symbol]
        seen = Seen(paid.price, paid.quantity, price.price, self._equity or Decimal(0), atr, is_entry_day)
        return emergency(seen, self._limits)

    def _atr(self, symbol: str) -> tuple[Decimal | None, str]:
        """Return the range of the last close, or why there is none."""
        found = features_by_symbol([symbol], at=self._at, session_date=self._day)
        self._features |= found.features
        seen = found.features.get(symbol)
        if seen is None or seen.atr <= 0:
            return None, found.left_out.get(symbol, UNKNOWN)
        return Decimal(repr(seen.atr)), ""

    def _want(self, position: Position, found: Emergency) -> Intent:
        seen = self._features.get(position.symbol)
        wanted = Wanted(
            found.rule, found.reason, Urgency.IMMEDIATE.value, self._day, is_emergency=True,
            features=seen.figures() if seen else {},
        )  # fmt: skip
        with hold():
            intent = want_exit(position, wanted, at=self._at, run=self._run)
            journal.record(
                Happening.ALERT, at=self._at, key=f"emergency:{self._run}:{position.symbol}", symbol=position.symbol,
                run=self._run, rule=found.rule, reason=found.reason,
            )  # fmt: skip
        return intent

    def _note(self, position: Position, what: str, reason: str, once_a: str) -> None:
        with hold():
            journal.record(
                Happening.ALERT, at=self._at, key=f"emergency_{what}:{position.symbol}:{once_a}",
                symbol=position.symbol, run=self._run, reason=reason,
            )  # fmt: skip
