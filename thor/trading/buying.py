"""Carry out wishes to buy: each is judged by every gate at the price of this moment, and ordered if it passes.

The verdict and the order that follows from it are written in one transaction; only then is the broker asked. So a
second attempt finds either no verdict, and judges, or the order, and sees to it that it is sent: once. It sizes as the
first would have: what the first has bought has cost a spread, and the same wish must not come to another order by that.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from thor.errors import ThorError
from thor.marketdata.models import Instrument
from thor.marketdata.silence import is_silent
from thor.timing import Session
from thor.trading import journal
from thor.trading.books import why_not_of
from thor.trading.brokers.paper.volume import average_daily_volume
from thor.trading.brokers.port import Account, Broker, Kind
from thor.trading.commitments import situation
from thor.trading.desk import desk as read_desk
from thor.trading.desk import hold
from thor.trading.exits import open_exit
from thor.trading.gates import Approved, Gate, Refused, Situation, Wish, judge_purchase
from thor.trading.lastprices import Prices, prices_of
from thor.trading.models import Desk, Event, Happening, Intent, IntentState, Order, Refusal, State
from thor.trading.ordering import plan_order, send_order
from thor.trading.positions import open_position
from thor.trading.settings import Limits
from thor.trading.switch import why_not

#: Gates that are no matter of risk: the account, the switch, and a desk that only watches.
ACCOUNT: Final = "account_blocked"
SWITCH: Final = "trading_switch"
OBSERVING: Final = "observation_only"
#: And one of the desk's own: what is to be sold is not bought, whenever that was decided.
LEAVING: Final = "to_be_sold"
#: Nor is what has no price although its feed gives: a silent feed is a gate of risk.
NO_PRICE: Final = "no_price"

SENT: Final = "sent"
UNSENT: Final = (State.PLANNED, State.ABSENT)
NOT_BOUGHT: Final = (State.REJECTED, State.DROPPED)
#: Equity that has changed by more than this part since the first attempt has changed by itself.
STEADY: Final = Decimal("0.001")


class OtherAccount(ThorError):
    """The broker tells of another account than the one whose books the desk keeps."""


class Buyer:
    """What is known when the purchases of a session are judged, brought on by each that is ordered."""

    def __init__(
        self,
        broker: Broker,
        intents: Sequence[Intent],
        session: Session,
        at: datetime,
        rules: Limits,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Ask the broker how the account stands, once. Raises `BrokerUnreachable` and
        `OtherAccount`; for `now` see `send_order`."""
        self._broker, self._session, self._at, self._limits, self._clock = broker, session, at, rules, now
        self._account: Account = broker.account()
        if reason := why_not_of(read_desk(), self._account.identity):
            raise OtherAccount(reason)
        found: Situation = situation(self._account, broker.positions(), at=at, session_date=session.date)
        self._now = replace(found, equity=_equity(found.equity, {one.run for one in intents}))
        symbols = [one.symbol for one in intents]
        self._prices: Prices = prices_of(symbols, at)
        self._venues = dict(Instrument.objects.filter(symbol__in=symbols).values_list("symbol", "venue"))

    def buy(self, intent: Intent) -> str:
        """Judge a wish and order what passes; return the gate that refused it, or what became of the order."""
        wish = self._wish(intent)
        with hold() as desk:
            row = Intent.objects.get(pk=intent.pk)
            if row.state != IntentState.PLANNED:
                return str(row.state)
            verdict = judge_purchase(wish, replace(self._now, protected_because=desk.protected_because), self._limits)
            refused = self._forbidden(row, desk) or verdict
            planned = self._refuse(row, refused) if not isinstance(refused, Approved) else self._plan(row, refused)
        if isinstance(planned, str):
            return planned
        before = self._now
        if isinstance(verdict, Approved):  # from here on it may cost, whatever sending it comes to
            self._now = before.with_purchase(wish, verdict)
        order = send_order(planned, broker=self._broker, at=self._at, now=self._clock)
        if order.state in NOT_BOUGHT:
            self._now = before
        return str(order.state) if order.state in (*NOT_BOUGHT, *UNSENT) else SENT

    def _wish(self, intent: Intent) -> Wish:
        """Return the wish at the price of this moment; a symbol without one counts as one whose feed is silent."""
        price = self._prices.get(intent.symbol)
        return Wish(
            intent.symbol,
            intent.confidence or 0,
            price.price if price else Decimal(0),
            intent.strategy_id,
            intent.features,
            intent.risk_score,
            average_daily_volume(intent.symbol, self._session.date),
            is_feed_silent=price is None or self._is_silent(intent.symbol),
        )

    def _is_silent(self, symbol: str) -> bool:
        venue = self._venues.get(symbol)
        return venue is None or is_silent(venue, self._at, symbol)

    def _forbidden(self, intent: Intent, desk: Desk) -> tuple[str, str] | None:
        """Return the gate and the reason why nothing at all may be bought now."""
        if self._account.is_trading_blocked or self._account.is_account_blocked:
            return ACCOUNT, f"the broker has blocked the account ({self._account.status})"
        if reason := why_not(intent.purpose, desk):
            return SWITCH, reason
        position = open_position(intent.symbol)
        if position is not None and position.outside > 0:
            others = f"{position.outside.normalize():f} {intent.symbol}"
            return Gate.EXTERNAL_POSITION.value, f"{others} in the account are somebody else's; no more of it is bought"
        if leaving := open_exit(intent.symbol):
            return LEAVING, f"{intent.symbol} is to be sold: {leaving.reason}"
        if intent.symbol in self._prices or self._is_silent(intent.symbol):
            return None
        return NO_PRICE, f"{intent.symbol} has no price: {self._prices.left_out[intent.symbol]}"

    def _plan(self, intent: Intent, verdict: Approved) -> Order | str:
        self._note(intent, allowed=True, decision=verdict.decision.value, **verdict.figures)
        if self._limits.observation_only:
            return self._end(intent, OBSERVING, "nothing is ordered: OBSERVATION_ONLY")
        order = plan_order(
            intent, quantity=verdict.quantity, kind=Kind.MARKET, at=self._at, run=intent.run,
            good_until=self._session.close, risk_amount=verdict.risk_amount,
        )  # fmt: skip
        return order or self._end(intent, "pending", f"{intent.symbol} has an open order")

    def _refuse(self, intent: Intent, refused: Refused | tuple[str, str]) -> str:
        if isinstance(refused, Refused):
            gate, reason, figures = refused.gate.value, refused.reason, dict(refused.figures)
            decision = refused.decision.value
        else:
            (gate, reason), figures, decision = refused, {}, "BLOCK"
        self._note(intent, allowed=False, decision=decision, gate=gate, reason=reason, **figures)
        return self._end(intent, gate, reason, figures)

    def _end(self, intent: Intent, gate: str, reason: str, figures: dict[str, Any] | None = None) -> str:
        """Refuse for good: the wish was one for this moment."""
        Refusal.objects.get_or_create(
            run=intent.run, symbol=intent.symbol, gate=gate,
            defaults={
                "at": self._at, "session_date": intent.session_date, "side": "buy", "reason": reason[:300],
                "strategy_id": intent.strategy_id, "figures": figures or {},
            },
        )  # fmt: skip
        intent.state, intent.outcome, intent.updated_at = IntentState.CANCELLED.value, reason[:300], self._at
        intent.save(update_fields=["state", "outcome", "updated_at"])
        return gate

    def _note(self, intent: Intent, **fields: Any) -> None:
        journal.record(
            Happening.RISK_CHECK, at=self._at, key=f"risk_check:{intent.symbol}:{intent.session_date}",
            symbol=intent.symbol, run=intent.run, side="buy", strategy_id=intent.strategy_id, **fields,
        )  # fmt: skip


def _equity(now: Decimal, runs: Collection[UUID]) -> Decimal:
    """Return the equity by which the first purchase of these runs was sized, unless it has really changed since."""
    judged = Event.objects.filter(kind=Happening.RISK_CHECK, run__in=runs).order_by("number")
    first = next((Decimal(one.fields["equity"]) for one in judged if one.fields.get("allowed")), now)
    return first if abs(now - first) <= first * STEADY else now


def send_unsent(
    intents: Sequence[Intent], *, broker: Broker, at: datetime, now: Callable[[], datetime] | None = None
) -> list[str]:
    """Send what an earlier attempt planned and did not send, or what is certainly absent; return the symbols."""
    orders = Order.objects.filter(intent__in=[one.pk for one in intents], state__in=UNSENT).order_by("planned_at", "pk")
    sent = [send_order(order, broker=broker, at=at, now=now) for order in orders]
    return [one.symbol for one in sent if one.state not in (*NOT_BOUGHT, *UNSENT)]
