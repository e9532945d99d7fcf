"""Ask the RiskManager: what the account may lose in a row, in a day, in one symbol and in all of them."""

from typing import TYPE_CHECKING

from thor.trading.gates.situation import Situation, Wish
from thor.trading.gates.verdicts import Gate, Refused, refuse
from thor.trading.sizing import LEAST_QUANTITY, Size, multiplier_of, size_of

if TYPE_CHECKING:
    from thor.trading.settings import Limits


def consecutive_losses(wish: Wish, now: Situation, limits: "Limits") -> Refused | None:
    """Refuse at three losses in a row, and after more."""
    if now.consecutive_losses < limits.max_consecutive_losses:
        return None
    said = f"{now.consecutive_losses} losses in a row; the limit is {limits.max_consecutive_losses}"
    return refuse(Gate.CONSECUTIVE_LOSSES, said, losses=now.consecutive_losses, limit=limits.max_consecutive_losses)


def daily_loss(wish: Wish, now: Situation, limits: "Limits") -> Refused | None:
    """Refuse where equity has lost two per cent or more since the last close."""
    if now.last_equity <= 0:
        return refuse(Gate.DAILY_LOSS, f"the last close's equity is {now.last_equity:.2f}: no day can be judged by it")
    change = now.equity - now.last_equity
    if change > -limits.daily_loss_limit * now.last_equity:
        return None
    part = change / now.last_equity
    said = f"equity is {part:.2%} since the last close; entries end at -{limits.daily_loss_limit:.2%}"
    return refuse(Gate.DAILY_LOSS, said, equity=now.equity, last_equity=now.last_equity, limit=-limits.daily_loss_limit)


def trades_today(wish: Wish, now: Situation, limits: "Limits") -> Refused | None:
    """Refuse at four entries in a session."""
    if now.entries_today < limits.max_trades_per_day:
        return None
    said = limits.unread or f"{now.entries_today} entries today; the limit is {limits.max_trades_per_day}"
    return refuse(Gate.TRADES_TODAY, said, entries=now.entries_today, limit=limits.max_trades_per_day)


def price(wish: Wish, now: Situation, limits: "Limits") -> Refused | None:
    """Refuse a price that is none, or over the equity."""
    if 0 < wish.price <= now.equity:
        return None
    wrong = "is none" if wish.price <= 0 else f"is over the equity of {now.equity:.2f}"
    return refuse(Gate.PRICE, f"a price of {wish.price:.2f} {wrong}", price=wish.price, equity=now.equity)


def size(wish: Wish, now: Situation, limits: "Limits") -> Size | Refused:
    """Return how much to buy; refuse where no size is set, or where it is nothing."""
    by_model = limits.enable_ml_sizing and not now.protected_because
    multiplier = multiplier_of(
        wish.confidence, limits.confidence_multipliers, risk_score=wish.risk_score, by_model=by_model
    )
    if multiplier is None:
        return refuse(Gate.SIZE, f"no size is set for a confidence of {wish.confidence}", confidence=wish.confidence)
    found = size_of(equity=now.equity, price=wish.price, risk_per_trade=limits.risk_per_trade, multiplier=multiplier)
    if found.quantity < LEAST_QUANTITY:
        said = f"{found.risk_amount:.2f} buys less than {LEAST_QUANTITY} of {wish.symbol} at {wish.price:.2f}"
        return refuse(Gate.SIZE, said, price=wish.price, risk_amount=found.risk_amount)
    return found


def symbol_risk(wish: Wish, now: Situation, limits: "Limits", size: Size) -> Refused | None:
    """Refuse where what the symbol may lose by plan, all in all, is over two per cent of equity."""
    held = now.held.get(wish.symbol)
    total = size.risk_amount + (held.risk_amount if held else 0)
    most = now.equity * limits.max_risk_per_symbol
    if total <= most:
        return None
    said = f"{wish.symbol} would have {total:.2f} at risk, over {limits.max_risk_per_symbol:.2%} of equity ({most:.2f})"
    return refuse(Gate.SYMBOL_RISK, said, risk_amount=total, limit=most, equity=now.equity)


def portfolio_heat(wish: Wish, now: Situation, limits: "Limits", size: Size) -> Refused | None:
    """Refuse where everything held and on its way would be over eight per cent of equity."""
    total, most = now.exposure + size.quantity * wish.price, now.equity * limits.max_portfolio_heat
    if total <= most:
        return None
    said = f"positions would be {total / now.equity:.2%} of equity, over {limits.max_portfolio_heat:.2%}"
    return refuse(Gate.HEAT, said, exposure=total, limit=most, equity=now.equity)
