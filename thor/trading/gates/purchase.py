"""Ask every gate in the order that is the desk's rule."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from thor.trading.gates import market, risk
from thor.trading.gates.existing import existing_position
from thor.trading.gates.situation import Situation, Wish
from thor.trading.gates.verdicts import Approved, Decision, Gate, Refused, as_json, refuse
from thor.trading.sizing import Size

if TYPE_CHECKING:
    from thor.trading.settings import Limits

#: The probability of a bad trade over which nothing is bought.
HIGHEST_RISK_SCORE: Final = 0.5


def judge_purchase(wish: Wish, now: Situation, limits: "Limits") -> Approved | Refused:
    """Ask the gates in order; return how much to buy, or the first refusal."""
    for ask in _BEFORE_SIZE:
        if refused := ask(wish, now, limits):
            return refused
    size = risk.size(wish, now, limits)
    if isinstance(size, Refused):
        return size
    for ask_size in _AFTER_SIZE:
        if refused := ask_size(wish, now, limits, size):
            return refused
    decision = Decision.SCALE_IN if wish.symbol in now.held else Decision.ENTER_NEW
    figures = as_json(
        equity=now.equity, price=wish.price, confidence=wish.confidence, multiplier=size.multiplier,
        quantity=size.quantity, risk_amount=size.risk_amount, heat=_heat(now, size, wish),
    )  # fmt: skip
    return Approved(decision, size.quantity, size.risk_amount, size.multiplier, figures)


def _safe_mode(wish: Wish, now: Situation, limits: "Limits") -> Refused | None:
    if now.not_ready_because:
        return refuse(Gate.SAFE_MODE, f"no entries: {now.not_ready_because}")
    return None


def _feed_silence(wish: Wish, now: Situation, limits: "Limits") -> Refused | None:
    if wish.is_feed_silent:
        return refuse(
            Gate.FEED_SILENT, f"the feed of {wish.symbol} is silent, so its price is not known", price=wish.price
        )
    return None


def _protection(wish: Wish, now: Situation, limits: "Limits") -> Refused | None:
    if now.protected_because:
        return refuse(Gate.PROTECTION, f"auto-protection is on: {now.protected_because}")
    return None


def _pending(wish: Wish, now: Situation, limits: "Limits") -> Refused | None:
    return refuse(Gate.PENDING, f"{wish.symbol} has an open order") if wish.symbol in now.pending else None


def _risk_score(wish: Wish, now: Situation, limits: "Limits") -> Refused | None:
    if wish.risk_score is None or wish.risk_score <= HIGHEST_RISK_SCORE:
        return None
    said = f"the model gives {wish.symbol} a risk of {wish.risk_score:.4f}, over {HIGHEST_RISK_SCORE}"
    return refuse(Gate.RISK_SCORE, said, risk_score=wish.risk_score, limit=HIGHEST_RISK_SCORE)


_BEFORE_SIZE: Final[tuple[Callable[[Wish, Situation, "Limits"], Refused | None], ...]] = (
    _safe_mode,
    _feed_silence,
    existing_position,
    _protection,
    _pending,
    _risk_score,
    risk.consecutive_losses,
    risk.daily_loss,
    risk.trades_today,
    risk.price,
)
_AFTER_SIZE: Final[tuple[Callable[[Wish, Situation, "Limits", Size], Refused | None], ...]] = (
    risk.symbol_risk,
    risk.portfolio_heat,
    market.volume,
    market.buying_power,
)


def _heat(now: Situation, size: Size, wish: Wish) -> float:
    return round(float((now.exposure + size.quantity * wish.price) / now.equity), 6)
