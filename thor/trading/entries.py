"""Decide once a session what the desk would like to buy, and write it down before anything is ordered.

    universe ──► features, today's bar so far among them ──► strategies ──► intents, in one transaction

Whoever comes second, because the first was killed, finds the intents of the session and decides nothing anew: prices
have moved since, and another decision would be a second one.

Symbols that are held are asked for apart, where positions are added to: the same strategies are shown them as if
nobody held them, and only what they are sure enough of counts. Whether a position may grow is for the gates to say.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from thor.errors import ThorError
from thor.trading import journal
from thor.trading.desk import hold
from thor.trading.exits import open_exits
from thor.trading.features import Features
from thor.trading.gates.existing import ADD_ON_CONFIDENCE
from thor.trading.history import MOST_MISSING, Seen, features_by_symbol
from thor.trading.hours import last_session, sessions_until
from thor.trading.learning.active import risk_score
from thor.trading.models import Happening, Intent, IntentState, Order, Purpose
from thor.trading.models.orders import OPEN
from thor.trading.positions import open_positions
from thor.trading.settings import Limits
from thor.trading.strategies.base import EntryIntent, Scene
from thor.trading.strategies.container import Entries, PassedOver, SwingEquityStrategy
from thor.trading.universe import universe

ENTRIES: Final = (Purpose.ENTRY, Purpose.ADD_ON)
#: Sessions that strategies can count back by: longer than any position is held.
SESSIONS: Final = 60
#: So many symbols without features are named in an error.
NAMED: Final = 5
OVER: Final = "its session is over"


class NothingToJudge(ThorError):
    """No symbol of the universe has features."""


def intents_of(session_date: date) -> list[Intent]:
    """Return what was decided in a session, surest first and then by name."""
    return list(Intent.objects.filter(purpose__in=ENTRIES, session_date=session_date).order_by("-confidence", "symbol"))


def end_over(at: datetime) -> int:
    """End, and tell people of, wishes of sessions that are over which nobody came to order; return how many."""
    last = last_session(at)
    if last is None:
        return 0
    until = last.date if at >= last.close else last.date - timedelta(days=1)
    over = Intent.objects.filter(purpose__in=ENTRIES, state=IntentState.PLANNED, session_date__lte=until)
    if not over.exists():
        return 0
    with hold():
        rows = list(over.exclude(orders__state__in=OPEN))
        for row in rows:
            row.state, row.outcome, row.updated_at = IntentState.CANCELLED.value, OVER, at
            row.save(update_fields=["state", "outcome", "updated_at"])
            key = f"entry_over:{row.symbol}:{row.session_date}"
            journal.record(
                Happening.ALERT, at=at, key=key, symbol=row.symbol, run=row.run, reason=f"not bought: {OVER}"
            )
    return len(rows)


def decide_entries(*, at: datetime, run: UUID, session_date: date, limits: Limits) -> list[Intent]:
    """Return what is wanted in a session, decided now where it was not yet. Raises `NothingToJudge`."""
    known = intents_of(session_date)
    if known:
        return known
    seen = features_by_symbol(
        universe(), at=at, session_date=session_date, with_today=True, bars=limits.lookback_days,
        least=limits.min_history_days, most_missing=MOST_MISSING,
    )  # fmt: skip
    if not seen.features:
        some = [f"{symbol}: {reason}" for symbol, reason in list(seen.left_out.items())[:NAMED]]
        raise NothingToJudge(f"no symbol of the universe has features; {'; '.join(some)}")
    held = _held()
    strategies = _strategies(limits)
    scene = Scene(at, session_date, seen.features, held, sessions_until(session_date, SESSIONS))
    decided = strategies.entries(scene)
    add_ons = _add_ons(limits, scene) if limits.add_on_buy_enabled else ()
    best, rest = _best([*decided.intents, *add_ons], limits.top_n_candidates)
    scores = {one.symbol: risk_score(one.features.figures()) for one in best}
    with hold():
        _tell(decided, rest, seen, at=at, run=run, session_date=session_date)
        for one in best:
            purpose = Purpose.ADD_ON if one.symbol in held else Purpose.ENTRY
            _write(one, purpose, scores[one.symbol], at=at, run=run, session_date=session_date)
    return intents_of(session_date)


def _strategies(limits: Limits) -> SwingEquityStrategy:
    return SwingEquityStrategy.of(limits.strategies) if limits.strategies else SwingEquityStrategy()


def _held() -> dict[str, str]:
    """Return the strategy of every symbol that is held or being ordered."""
    orders = Order.objects.filter(state__in=OPEN).select_related("intent")
    ordered = {one.symbol: one.intent.strategy_id for one in orders}
    return ordered | {one.symbol: one.strategy_id for one in open_positions()}


def _add_ons(limits: Limits, scene: Scene) -> tuple[EntryIntent, ...]:
    """Return what to buy more of: held by the desk alone, neither ordered nor to be sold, and wished for surely enough.

    Slots are no matter here, since a position that grows takes none.
    """
    ordered = set(Order.objects.filter(state__in=OPEN).values_list("symbol", flat=True))
    leaving = {one.symbol for one in open_exits()}
    own = {one.symbol for one in open_positions() if not (one.is_external or one.outside)} - ordered - leaving
    features: Mapping[str, Features] = {symbol: seen for symbol, seen in scene.features.items() if symbol in own}
    if not features:
        return ()
    alone = SwingEquityStrategy(_strategies(limits).strategies, max_positions=len(features))
    found = alone.entries(Scene(scene.at, scene.session_date, features, {}, scene.sessions)).intents
    return tuple(one for one in found if one.confidence >= ADD_ON_CONFIDENCE)


def _best(wishes: Sequence[EntryIntent], most: int) -> tuple[list[EntryIntent], list[PassedOver]]:
    ordered = sorted(wishes, key=lambda one: (-one.confidence, one.symbol))
    reason = f"it is not among the best {most}"
    return ordered[:most], [PassedOver(one, reason) for one in ordered[most:]]


def _tell(
    decided: Entries, rest: Sequence[PassedOver], seen: Seen, *, at: datetime, run: UUID, session_date: date
) -> None:
    """Write down, while the desk is held, who failed, who could not judge, and what got no slot."""

    def note(kind: Happening, what: str, symbol: str = "", **fields: Any) -> None:
        journal.record(kind, at=at, key=f"{what}:{session_date}", symbol=symbol, run=run, **fields)

    for failure in decided.failures:
        reason = f"{type(failure.error).__name__}: {failure.error}"
        note(Happening.ERROR, f"strategy_failed:{failure.strategy_id}", strategy_id=failure.strategy_id, reason=reason)
    for strategy_id, reason in decided.degraded.items():
        note(Happening.ALERT, f"degraded:{strategy_id}", strategy_id=strategy_id, reason=reason)
    if seen.left_out:
        reason = f"{len(seen.left_out)} symbols of the universe cannot be judged"
        note(Happening.ALERT, "left_out", reason=reason, symbols=seen.left_out)
    for one in [*decided.passed_over, *rest]:
        wish = one.intent
        key = f"signal:{wish.symbol}:{wish.strategy_id}:passed_over"
        note(Happening.SIGNAL, key, wish.symbol, **_signal(wish), passed_over=one.reason)


def _write(
    wish: EntryIntent, purpose: Purpose, score: float | None, *, at: datetime, run: UUID, session_date: date
) -> None:
    Intent.objects.create(
        run=run, symbol=wish.symbol, purpose=purpose.value, strategy_id=wish.strategy_id, confidence=wish.confidence,
        reason=wish.reason[:300], urgency=wish.urgency.value, session_date=session_date, decided_at=at, updated_at=at,
        features=wish.features.figures(), risk_score=score,
    )  # fmt: skip
    journal.record(
        Happening.SIGNAL, at=at, key=f"signal:{wish.symbol}:{session_date}", symbol=wish.symbol, run=run,
        **_signal(wish), purpose=purpose.value, risk_score=score, features=wish.features.figures(),
    )  # fmt: skip


def _signal(wish: EntryIntent) -> dict[str, Any]:
    return {
        "strategy_id": wish.strategy_id,
        "version": wish.metadata.version,
        "confidence": wish.confidence,
        "reason": wish.reason,
    }
