"""Ask whether the market and the account can take the purchase."""

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from thor.trading.gates.situation import Situation, Wish
from thor.trading.gates.verdicts import Gate, Refused, refuse
from thor.trading.sizing import Size

if TYPE_CHECKING:
    from thor.trading.settings import Limits

#: The share of a symbol's average daily volume that a purchase may be.
SHARE_OF_VOLUME: Final = Decimal("0.05")


def volume(wish: Wish, now: Situation, limits: "Limits", size: Size) -> Refused | None:
    """Refuse what would move the price: over five per cent of an average day, or of an unknown one."""
    if wish.average_daily_volume is None:
        return refuse(Gate.VOLUME, f"the average daily volume of {wish.symbol} is not known", quantity=size.quantity)
    most = wish.average_daily_volume * SHARE_OF_VOLUME
    if size.quantity <= most:
        return None
    said = f"{size.quantity:f} of {wish.symbol} is over {SHARE_OF_VOLUME:.0%} of its average daily volume ({most:.2f})"
    return refuse(Gate.VOLUME, said, quantity=size.quantity, limit=most)


def buying_power(wish: Wish, now: Situation, limits: "Limits", size: Size) -> Refused | None:
    """Refuse what cannot be paid."""
    cost = size.quantity * wish.price
    # Buying power of a margin account is more than its cash, and of one that is in debt elsewhere it is less.
    there_is = min(now.cash, now.buying_power) if limits.cash_only_trading else now.buying_power
    if cost <= there_is:
        return None
    kind = "cash" if limits.cash_only_trading else "buying power"
    return refuse(
        Gate.BUYING_POWER, f"it costs {cost:.2f}, and there is {kind} of {there_is:.2f}", cost=cost, limit=there_is
    )
