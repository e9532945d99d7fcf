"""Want positions sold: one wish a symbol, and the newer one takes the older one's place.

A wish to sell is an intent; it outlives the process that had it, and the orders that did not fill. What is urgent is
not replaced by what is not, and a wish that is being carried out is only replaced by an emergency.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from thor.trading import journal
from thor.trading.models import Event, Happening, Intent, IntentState, Position, Purpose

#: The states of a wish that is not over.
OPEN: Final = (IntentState.PLANNED, IntentState.WORKING)
EXITS: Final = (Purpose.EXIT, Purpose.EMERGENCY)

EXIT_PLANNED: Final = "EXIT_PLANNED"
FORCE_EXIT: Final = "FORCE_EXIT"
SWING_EXIT: Final = "SWING_EXIT"
EMERGENCY_EXIT: Final = "EMERGENCY_EXIT"

#: What people look for where an exit was not filled in its window.
UNFILLED: Final = "SWING_EXIT_UNFILLED"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Why a position is to be sold, and how: `is_forced` is at the market price, in place of a window's limit."""

    rule: str
    reason: str
    urgency: str
    session_date: date
    is_forced: bool = False
    is_emergency: bool = False
    features: dict[str, float] = field(default_factory=dict)


def open_exits() -> list[Intent]:
    """Return the wishes to sell that are not over, by symbol."""
    return list(Intent.objects.filter(purpose__in=EXITS, state__in=OPEN).order_by("symbol"))


def open_exit(symbol: str) -> Intent | None:
    """Return the wish to sell a symbol that is not over."""
    return Intent.objects.filter(purpose__in=EXITS, state__in=OPEN, symbol=symbol).first()


def want_exit(position: Position, wanted: Wanted, *, at: datetime, run: UUID) -> Intent:
    """Write a wish to sell down while the desk is held, in the place of an older one; return what is wanted now."""
    known = open_exit(position.symbol)
    if known is not None and not _gives_way(known, wanted):
        return known
    intent = known or Intent(symbol=position.symbol, purpose=Purpose.EXIT.value)
    for name, value in _fields(position, wanted).items():
        setattr(intent, name, value)
    intent.run, intent.decided_at, intent.updated_at = run, at, at
    intent.save()
    journal.record(
        Happening.EXIT_SIGNAL, at=at, key=f"exit_signal:{run}:{position.symbol}", symbol=position.symbol, run=run,
        exit_type=intent.exit_type, exit_state=intent.exit_state, rule=wanted.rule, reason=wanted.reason,
        urgency=wanted.urgency, holding_days=intent.holding_days, confidence=intent.confidence,
        strategy_id=intent.strategy_id, decision_date=wanted.session_date.isoformat(),
        entry_date=position.entry_date.isoformat(),
    )  # fmt: skip
    return intent


def drop_exit(intent: Intent, reason: str, *, at: datetime, run: UUID) -> None:
    """End a wish to sell of which nothing can come, while the desk is held."""
    intent.state, intent.outcome, intent.updated_at = IntentState.CANCELLED.value, reason[:300], at
    intent.save(update_fields=["state", "outcome", "updated_at"])
    journal.record(
        Happening.ALERT, at=at, key=f"exit_dropped:{intent.pk}:{intent.run}", symbol=intent.symbol, run=run,
        reason=reason,
    )  # fmt: skip


def carry_over(intent: Intent, day: date, *, at: datetime, run: UUID) -> bool:
    """Note, while the desk is held, that the window of a session ended before the position was sold; once a session."""
    key = f"unfilled:{intent.pk}:{day}"
    if Event.objects.filter(key=key).exists():
        return False
    intent.carried += 1
    intent.updated_at = at
    intent.save(update_fields=["carried", "updated_at"])
    journal.record(
        Happening.ALERT, at=at, key=key, symbol=intent.symbol, run=run, alert=UNFILLED, carried=intent.carried,
        reason=f"the exit window of {day} is over and the position was not sold; it is tried again in the next",
    )  # fmt: skip
    return True


def _gives_way(known: Intent, wanted: Wanted) -> bool:
    if wanted.is_emergency:
        return known.purpose != Purpose.EMERGENCY
    return known.purpose == Purpose.EXIT and known.state == IntentState.PLANNED


def _fields(position: Position, wanted: Wanted) -> dict[str, Any]:
    purpose = Purpose.EMERGENCY if wanted.is_emergency else Purpose.EXIT
    return {
        "purpose": purpose.value,
        "exit_state": FORCE_EXIT if wanted.is_forced or wanted.is_emergency else EXIT_PLANNED,
        "exit_type": EMERGENCY_EXIT if wanted.is_emergency else SWING_EXIT,
        "rule": wanted.rule,
        "reason": wanted.reason[:300],
        "strategy_id": position.strategy_id,
        "confidence": position.confidence,
        "urgency": wanted.urgency,
        "session_date": wanted.session_date,
        "entry_date": position.entry_date,
        "holding_days": max(0, (wanted.session_date - position.entry_date).days),
        "features": wanted.features,
    }
