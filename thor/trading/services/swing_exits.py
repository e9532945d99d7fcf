"""Decide after the close, on the figures of the whole session, what is to be sold.

Phase 1 of two: what is decided here is a wish, which `exit_intents` carries out after the next open. With
SWING_EXIT_TWO_PHASE_ENABLED off it is ordered at once, at the market price; the market being shut, that order is good
for the next session and waits for its open.

for each position    the best and the worst close since it was opened are brought up to date
                     the rules of its strategy are asked, and those that hold for all: age, target, average
                     the guard of holding times is asked; who may not sell yet is written down with the reason
no figures           age is judged all the same, and the target by the last price of the session; people hear of it
not the desk's own   left alone

A strategy that was switched off still ends what it has begun. Where a symbol failed the run fails once all were looked
at, so that it is tried again; a second attempt finds the wishes of the first, and decides only what has none.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from thor.trading import journal
from thor.trading.boundary import Boundary, recorded
from thor.trading.brokers.port import Account, Broker, Kind
from thor.trading.closing_figures import ClosingFigures, closing_figures
from thor.trading.daytrades import day_trades
from thor.trading.desk import hold
from thor.trading.entries import end_over
from thor.trading.exits import EXITS, OPEN, Wanted, want_exit
from thor.trading.holding_guard import AccountOfDay, ExitCause, judge_exit
from thor.trading.hours import last_session, session_before
from thor.trading.imported import already_ran
from thor.trading.models import Happening, Intent, Position
from thor.trading.positions import money, open_positions
from thor.trading.selling import Seller, holdings
from thor.trading.settings import limits
from thor.trading.settling import settle_orders
from thor.trading.splits import Paid, paid_in_shares_of
from thor.trading.strategies import base
from thor.trading.strategies.base import ExitDecision, ExitRule
from thor.trading.strategies.common_exits import TARGET
from thor.trading.strategies.container import Failure, SwingEquityStrategy


def evaluate_swing_exits(
    *, broker: Broker, at: datetime, run: UUID, session_date: date | None = None
) -> dict[str, Any]:
    """Decide what is to be sold of what was held at the close of a session; return what, and why the rest is not.

    Raises `BrokerUnreachable`, and `SomeFailed` or `NothingWorked` once all the others are decided: whoever calls tries
    again while the window lasts.
    """
    day = session_date or _closed_last(at)
    if day is None:
        return {"skipped": "no session has closed"}
    if day != _closed_last(at):
        return {"skipped": "another session has closed since"}
    if already_ran("swing_exit", day, at):
        return {"skipped": "the scheduler of old has done it"}
    with recorded(at):
        end_over(at)
        settle_orders(broker=broker, at=at)
        positions = open_positions()
        if not positions:
            return {"looked_at": 0}
        figures = closing_figures([one.symbol for one in positions], at=at, session_date=day)
        paid = paid_in_shares_of(day, positions, figures.closes)
        evening = _Evening(day, figures, paid, broker.account(), at=at, run=run)
        boundary = Boundary(at=at, run=run)
        for position in positions:
            with boundary.around(position.symbol):
                evening.look_at(position)
        sent = {} if limits().swing_exit_two_phase_enabled else _sell_now(evening.wanted, broker, boundary, at, run)
        boundary.refuse_failures()
        return {"looked_at": len(positions), **evening.told(), **sent}


def _closed_last(at: datetime) -> date | None:
    session = last_session(at)
    if session is None or at >= session.close:
        return session.date if session else None
    return session_before(session.date)


class _Evening:
    """What is known after a close, and what is decided by it."""

    def __init__(
        self, day: date, figures: ClosingFigures, paid: Mapping[str, Paid], account: Account, *, at: datetime, run: UUID
    ) -> None:
        self._day, self._figures, self._paid, self._at, self._run = day, figures, paid, at, run
        self._account = AccountOfDay(account.equity, account.multiplier > 1, day_trades(account, at))
        self._strategies = SwingEquityStrategy()
        self._is_forced = not limits().swing_exit_two_phase_enabled
        self.wanted: list[Intent] = []
        self.held_back: dict[str, str] = {}

    def look_at(self, position: Position) -> None:
        """Bring a position's excursions up to date, and decide whether it is sold."""
        if self._is_decided(position):
            return
        symbol = position.symbol
        missing = self._figures.missing.get(symbol, "")
        decision, failures = (None, ()) if position.is_external else self._decide(position)
        reason = "" if decision is None else self._why_not(position, decision)
        with hold():
            self._note_close(position)
            if missing:
                self._alert("no_figures", symbol, f"only its age and its target can be judged: {missing}")
            if position.is_external:
                self._alert("external", symbol, "not the desk's own: its exit is left to whoever opened it")
            for failure in failures:
                self._alert("strategy_failed", symbol, f"{failure.strategy_id}: {failure.error!r}", Happening.ERROR)
            if decision is not None and reason:
                self._note_guard(position, decision, reason)
            elif decision is not None:
                wanted = self._wanted(decision)
                self.wanted.append(want_exit(position, wanted, at=self._at, run=self._run))

    def told(self) -> dict[str, Any]:
        """Return what came of it, for a run's result."""
        exits = {one.symbol: one.rule for one in self.wanted}
        found = {"exits": exits, "held_back": self.held_back, "without_figures": sorted(self._figures.missing)}
        return {name: value for name, value in found.items() if value}

    def _is_decided(self, position: Position) -> bool:
        """Tell whether an earlier attempt of this run wished to sell it; a wish that is not over is gone on with."""
        wishes = Intent.objects.filter(run=self._run, symbol=position.symbol, purpose__in=EXITS)
        self.wanted += wishes.filter(state__in=OPEN)
        return wishes.exists()

    def _decide(self, position: Position) -> tuple[ExitDecision | None, tuple[Failure, ...]]:
        paid = self._paid[position.symbol].price
        plain = base.Position(position.symbol, position.strategy_id, position.entry_date, paid, position.confidence)
        seen = self._figures.features.get(position.symbol)
        found = self._strategies.exits([plain], {position.symbol: seen} if seen else {}, self._day)
        decision = next(iter(found.decisions), None)
        if decision is None and seen is None:
            decision = self._target_by_price(plain)
        return decision, found.failures

    def _target_by_price(self, position: base.Position) -> ExitDecision | None:
        """Judge the target by the last price of the session, where there are no figures to judge by."""
        close, days = self._figures.closes.get(position.symbol), position.holding_days(self._day)
        owner = [one for one in self._strategies.strategies if one.metadata.strategy_id == position.strategy_id]
        target = owner[0].limits.target if owner else TARGET
        gain = close / position.entry_price - 1 if close is not None else Decimal(0)
        if days < 1 or close is None or gain < target:
            return None
        reason = f"gained {gain:.2%} by its last price, its target is {target:.0%}"
        return ExitDecision(
            position.symbol, position.strategy_id, ExitRule.TARGET, reason, base.Urgency.EOD, self._day,
            position.entry_date, days, position.confidence,
        )  # fmt: skip

    def _why_not(self, position: Position, decision: ExitDecision) -> str:
        # The longest hold lessens risk: it is a rule of the desk and no strategy's discretion.
        cause = ExitCause.RISK_MANAGER if decision.rule is ExitRule.MAX_HOLD else ExitCause.STRATEGY
        verdict = judge_exit(entry_date=position.entry_date, on=self._day, cause=cause, account=self._account)
        return "" if verdict.is_allowed else verdict.reason.value

    def _wanted(self, decision: ExitDecision) -> Wanted:
        seen = self._figures.features.get(decision.symbol)
        return Wanted(
            decision.rule.value, decision.reason, decision.urgency.value, self._day, is_forced=self._is_forced,
            features=seen.figures() if seen else {},
        )  # fmt: skip

    def _note_close(self, position: Position) -> None:
        close = self._figures.closes.get(position.symbol)
        if close is None:
            return
        # In the shares that the journal counts, which may be those of before a split, or of after the next one.
        close = money(close * self._paid[position.symbol].quantity / position.quantity)
        row = Position.objects.get(pk=position.pk)
        known = [one for one in (row.highest, row.lowest) if one is not None]
        row.highest, row.lowest = max([close, *known]), min([close, *known])
        row.save(update_fields=["highest", "lowest"])

    def _note_guard(self, position: Position, decision: ExitDecision, reason: str) -> None:
        self.held_back[position.symbol] = reason
        journal.record(
            Happening.RISK_CHECK, at=self._at, key=f"held_back:{self._run}:{position.symbol}", symbol=position.symbol,
            run=self._run, side="sell", allowed=False, reason=reason, rule=decision.rule.value,
            entry_date=position.entry_date.isoformat(),
        )  # fmt: skip

    def _alert(self, what: str, symbol: str, reason: str, kind: Happening = Happening.ALERT) -> None:
        key = f"swing_exit_{what}:{self._run}:{symbol}"
        journal.record(kind, at=self._at, key=key, symbol=symbol, run=self._run, reason=reason)


def _sell_now(wanted: list[Intent], broker: Broker, boundary: Boundary, at: datetime, run: UUID) -> dict[str, Any]:
    """Order at once what was decided: in one phase."""
    if not wanted:
        return {}
    seller, ordered = Seller(broker, holdings(broker), at, run), dict[str, str]()
    for intent in wanted:
        with boundary.around(intent.symbol):
            ordered[intent.symbol] = seller.sell(intent, Kind.MARKET)
    return {"ordered": ordered}
