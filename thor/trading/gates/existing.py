"""Ask whether what is held of a symbol may be added to."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from thor.trading.gates.situation import Held, Situation, Wish
from thor.trading.gates.verdicts import Gate, Refused, refuse

if TYPE_CHECKING:
    from thor.trading.settings import Limits

#: The confidence from which on a position is added to.
ADD_ON_CONFIDENCE: Final = 5
DAY: Final = timedelta(days=1)


def existing_position(wish: Wish, now: Situation, limits: "Limits") -> Refused | None:
    """Refuse what is external, full, not sure enough, or bought too often or too lately."""
    held = now.held.get(wish.symbol)
    if held is None:
        return None
    if held.is_external:
        return refuse(Gate.EXTERNAL_POSITION, f"{wish.symbol} is held, and the desk did not order it")
    if held.value is None or held.last_bought_at is None or held.average_price is None:
        return refuse(
            Gate.INSUFFICIENT_STATE, f"{wish.symbol} is held, but its value or its last purchase is not known"
        )
    most = now.equity * limits.max_allocation_per_symbol
    if held.value >= most:
        said = f"{wish.symbol} is worth {held.value:.2f}, which is not below its allocation of {most:.2f}"
        return refuse(Gate.ALLOCATION, said, value=held.value, limit=most, equity=now.equity)
    if wish.confidence < ADD_ON_CONFIDENCE:
        said = f"{wish.symbol} is held; adding to it takes a confidence of {ADD_ON_CONFIDENCE}, not {wish.confidence}"
        return refuse(Gate.ADD_ON_CONFIDENCE, said, confidence=wish.confidence, limit=ADD_ON_CONFIDENCE)
    return _scale_in(wish, now, limits, held, held.last_bought_at, held.average_price)


def _scale_in(
    wish: Wish, now: Situation, limits: "Limits", held: Held, last_bought_at: datetime, average_price: Decimal
) -> Refused | None:
    if not limits.add_on_buy_enabled:
        return refuse(Gate.ADD_ON_DISABLED, f"{wish.symbol} is held, and positions are not added to")
    if held.entries >= limits.max_entries_per_symbol:
        said = f"{wish.symbol} was bought {held.entries} times of at most {limits.max_entries_per_symbol}"
        return refuse(Gate.MAX_ENTRIES, said, entries=held.entries, limit=limits.max_entries_per_symbol)
    waited = now.at - last_bought_at
    if waited < limits.min_time_between_entries and not _are_days_over(held, now, limits.min_time_between_entries):
        said = f"{wish.symbol} was bought {_long(waited)} ago; {_long(limits.min_time_between_entries)} have to pass"
        minutes = waited / timedelta(minutes=1), limits.min_time_between_entries / timedelta(minutes=1)
        return refuse(Gate.COOLDOWN, said, minutes=round(minutes[0], 1), limit=minutes[1])
    if wish.price <= average_price:
        said = f"{wish.symbol} at {wish.price:.2f} is not above the {average_price:.2f} that was paid"
        return refuse(Gate.PRICE_NOT_HIGHER, said, price=wish.price, average_price=average_price)
    return None


def _are_days_over(held: Held, now: Situation, limit: timedelta) -> bool:
    """Tell whether a limit of whole days is over by the dates of the sessions.

    Entries are decided at the same minute of each session and filled seconds later, and a session may end early: by the
    hour, what was bought yesterday would have been bought a little less than a day ago.
    """
    if limit < DAY or limit % DAY or held.last_bought_on is None or now.session_date is None:
        return False
    return now.session_date - held.last_bought_on >= limit


def _long(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours:.1f} hours"
