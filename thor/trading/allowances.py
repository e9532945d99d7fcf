"""Say how much of what a day allows is used up: losses in a row, the day's loss, entries.

The gates ask the broker for the day's loss where they judge a purchase. Here, where people look, it is what the
reconciliations have found: the newest one against the last one before the session.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from thor.trading.books import books_since
from thor.trading.commitments import consecutive_losses, entries_of
from thor.trading.hours import last_session, session_date_of
from thor.trading.models import Reconciliation
from thor.trading.settings import Limits

#: What lets entries pass again after losses in a row.
COUNT_ANEW = "manage.py trading unprotected --reason '…' counts anew"
NEXT_SESSION = "it ends with the next session"


@dataclass(frozen=True, slots=True)
class Allowance:
    """One limit: what it is about, how much of it is used, whether that is all of it, and how the block then ends."""

    name: str
    used: str
    most: str
    is_used_up: bool
    remedy: str

    @property
    def sentence(self) -> str:
        """Return how it stands; where it is used up, also what ends that."""
        return f"{self.used} of {self.most}" + (f"; {self.remedy}" if self.is_used_up else "")

    @property
    def refusal(self) -> str:
        """Return why nothing may be bought; nothing where it may."""
        return f"{self.name}: {self.sentence}" if self.is_used_up else ""


def allowances(limits: Limits, *, at: datetime) -> list[Allowance]:
    """Return the three, in the order in which the gates ask for them."""
    losses, entries = consecutive_losses(at), entries_of(session_date_of(at))
    lost, most_lost = lost_today(at), limits.daily_loss_limit
    most_losses, most_entries = limits.max_consecutive_losses, limits.max_trades_per_day
    return [
        Allowance("losses in a row", str(losses), str(most_losses), losses >= most_losses, COUNT_ANEW),
        Allowance(
            "the day's loss",
            "not known yet" if lost is None else f"{max(lost, Decimal(0)):.2%}",
            f"{most_lost:.2%}",
            lost is not None and lost >= most_lost,
            NEXT_SESSION,
        ),
        Allowance("entries today", str(entries), str(most_entries), entries >= most_entries, NEXT_SESSION),
    ]


def lost_today(at: datetime) -> Decimal | None:
    """Return what part of equity has been lost since the last close, negative where it was earned; None if unknown."""
    session = last_session(at)
    known = Reconciliation.objects.filter(equity__isnull=False, at__lte=at).order_by("pk")
    if (since := books_since()) is not None:
        known = known.filter(at__gte=since)  # another account's equity is no measure of this one's
    before = known.filter(at__lt=session.open).last() if session else None
    newest = known.last()
    if before is None or newest is None or not before.equity or newest.equity is None:
        return None
    return 1 - newest.equity / before.equity
