"""Keep the books of one account: whose they are, since when, and how they end.

The first reconciliation says whose account it is. From then on another account is refused, by reconciliation as the
broker tells it and by readiness as the configuration says: nothing of the old one may be sold, and nothing that is held
in the new one may be taken for the desk's. A person ends the old books; from then on only what is newer counts.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from thor.env import env
from thor.trading import journal
from thor.trading.booking import end_order
from thor.trading.brokers.paper.anew import forget_account
from thor.trading.desk import desk, hold
from thor.trading.identity import configured_identity
from thor.trading.models import Desk, Event, Happening, Intent, IntentState, LearnedModel, Order, Reconciliation, State
from thor.trading.models.orders import OPEN
from thor.trading.positions import close_vanished, open_positions
from thor.trading.switch import LONGEST_REASON, BadSwitch, readable

#: What ends the books of an account, and begins those of another.
COMMAND: Final = "manage.py trading new-account --reason '…'"
#: Clocks of two machines may differ by so much.
AHEAD: Final = timedelta(minutes=10)
WANTED: Final = (IntentState.PLANNED, IntentState.WORKING)


@dataclass(frozen=True, slots=True)
class Ended:
    """What ended with the old books: whose they were, and how many positions, orders and wishes there were."""

    account: str
    positions: int
    orders: int
    intents: int


def books_since() -> datetime | None:
    """Return since when the books are of this account; what is older counts for nothing. None is for ever."""
    return desk().account_since


def why_not_of(found: Desk, identity: str) -> str:
    """Return why the account that the broker tells of is not the one of the books; nothing where it is, or any is."""
    if not found.account or found.account == identity:
        return ""
    told = identity or "an account without a name"
    return (
        f"the books are of the account {found.account!r}, and the broker tells of {told!r}: nothing was changed; "
        f"go back to the old account, or end its books: {COMMAND}"
    )


def why_not_configured() -> str:
    """Return why this process may order nothing by the books there are, without asking the broker."""
    found = desk()
    if not found.account:
        return "the books were begun anew, and the account has not been reconciled since" if found.account_since else ""
    return why_another(found)


def why_another(found: Desk) -> str:
    """Return why the account of the books cannot be the one this process is set up for; nothing where it can be."""
    expected = configured_identity()
    if found.account.startswith(expected) or not found.account:
        return ""
    return (
        f"the books are of the account {found.account!r}, and this process is set up for {expected.strip()!r}; "
        f"set it back, or end the old books: {COMMAND}"
    )


def take_account(found: Desk, identity: str, at: datetime) -> None:
    """Write down whose account the books are of, while the desk is held, where nobody has said so yet.

    Books that are said to begin later than now were begun by a clock that was ahead: nothing would count until then.
    """
    since = found.account_since or _began(at)
    if since > at + AHEAD:
        since = at
    if not identity or (found.account, found.account_since) == (identity, since):
        return
    found.account, found.account_since = found.account or identity, since
    found.save(update_fields=["account", "account_since"])


def begin_new_account(*, reason: str, by: str, at: datetime) -> Ended:
    """End the books of an account, so that the next reconciliation may begin those of another. Raises `BadSwitch`.

    Everything ends in one transaction: orders and wishes first, since the end of an order may want it sold again.
    Nothing is sold: what the old account holds stays there, and is no longer the desk's.
    """
    said = readable(reason)
    if not said or len(said) > LONGEST_REASON:
        raise BadSwitch(f"say why the books begin anew, in up to {LONGEST_REASON} characters.")
    why = f"the books were begun anew: {said}"
    with hold() as found:
        orders, intents, positions = _end_orders(why, at), _end_intents(why, at), _close_positions(why, at)
        LearnedModel.objects.filter(is_active=True).update(is_active=False)
        if env().broker == "paper":
            forget_account()
        ended = Ended(found.account, positions, orders, intents)
        found.account, found.account_since = "", at
        found.protected_because, found.protected_at = "", None
        found.save(update_fields=["account", "account_since", "protected_because", "protected_at"])
        journal.record(
            Happening.SWITCH, at=at, key=f"new_account:{at.isoformat()}", change="new_account", before=ended.account,
            reason=said, by=by[:100], positions=positions, orders=orders, intents=intents,
        )  # fmt: skip
    return ended


def _began(at: datetime) -> datetime:
    """Return since when there are books: those of before accounts were written down are of the first one."""
    event = Event.objects.order_by("number").values_list("at", flat=True).first()
    row = Reconciliation.objects.order_by("pk").values_list("at", flat=True).first()
    return min(one for one in (at, event, row) if one is not None)


def _end_orders(why: str, at: datetime) -> int:
    orders = list(Order.objects.select_related("intent").filter(state__in=OPEN))
    for order in orders:
        end_order(order, State.DROPPED, why, at)
    return len(orders)


def _end_intents(why: str, at: datetime) -> int:
    wanted = Intent.objects.filter(state__in=WANTED)
    return wanted.update(state=IntentState.CANCELLED, outcome=why[:300], updated_at=at)


def _close_positions(why: str, at: datetime) -> int:
    held, run = open_positions(), uuid4()
    for position in held:
        close_vanished(position, at=at, run=run, reason=f"{why}; the entry price is assumed")
    return len(held)
