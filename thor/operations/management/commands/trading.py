"""Show what the desk may do, and turn its switch: `manage.py trading`."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any, Final

from django.core.management.base import BaseCommand

from thor.jobs.management.operator import operator
from thor.leadership.clock import process_clock
from thor.trading.allowances import allowances
from thor.trading.books import begin_new_account
from thor.trading.models import Desk, Order, Position, Switch
from thor.trading.models.orders import OPEN
from thor.trading.readiness import newest
from thor.trading.records.printing import told
from thor.trading.scope import scope
from thor.trading.selectors import why_not_buy, why_not_sell
from thor.trading.settings import limits
from thor.trading.switch import BadSwitch, clear_protection, set_switch

#: The word that lets entries pass again which auto-protection has blocked.
UNPROTECTED: Final = "unprotected"
#: The word that ends the books of an account, so that those of another one may begin.
NEW_ACCOUNT: Final = "new-account"
WORDS: Final = [*map(str, Switch), UNPROTECTED, NEW_ACCOUNT]
ENDED: Final = "Auto-protection has ended."
ALREADY_OFF: Final = "Auto-protection was not on; losses are counted anew from here."


class Command(BaseCommand):
    """Say how the desk stands; with a word, turn the switch."""

    help = (
        "Show the trading switch, or turn it. "
        "Example: manage.py trading reducing --reason 'earnings tonight, exits only'"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the position of the switch, and why."""
        parser.add_argument(
            "wanted",
            nargs="?",
            choices=WORDS,
            help="active: all orders; reducing: exits only; halted: none but emergency exits; "
            "unprotected: end auto-protection; new-account: end the books of the old account",
        )
        parser.add_argument("--reason", default="", help="why, for whoever looks later; needed to change something")

    def handle(self, **options: Any) -> None:
        """Show, or do it and say so."""
        at, wanted = process_clock().now(), options["wanted"]
        if wanted is None and options["reason"]:
            raise BadSwitch(f"a reason for what? Nothing was changed; put the word before it: {', '.join(WORDS)}.")
        if wanted is None:
            self._show(at)
        elif not options["reason"].strip():
            raise BadSwitch(f"say why: manage.py trading {wanted} --reason '…'")
        elif wanted == UNPROTECTED:
            before = clear_protection(reason=options["reason"], by=operator(), at=at)
            self.stdout.write(ENDED if before else ALREADY_OFF)
        elif wanted == NEW_ACCOUNT:
            self._begin_anew(options["reason"], at)
        else:
            found = set_switch(wanted, reason=options["reason"], by=operator(), at=at)
            self.stdout.write(f"Trading is {found.switch}: {found.reason}")

    def _begin_anew(self, reason: str, at: datetime) -> None:
        ended = begin_new_account(reason=reason, by=operator(), at=at)
        whose = f" of the account {ended.account!r}" if ended.account else ""
        counts = f"positions closed: {ended.positions}, orders: {ended.orders}, intents: {ended.intents}"
        self.stdout.write(f"The books{whose} have ended ({counts}). Nothing was sold.")
        self.stdout.write("Nothing is ordered before the next reconciliation: manage.py run_now reconciliation")

    def _show(self, at: datetime) -> None:
        for line in lines(at):
            self.stdout.write(line)


def lines(at: datetime) -> list[str]:
    """Return how the desk stands, a fact a line."""
    desk = Desk.objects.filter(pk=1).first() or Desk(pk=1)
    rules = limits()
    used = allowances(rules, at=at)
    orders = Order.objects.filter(state__in=OPEN)
    positions = Position.objects.filter(closed_at__isnull=True)
    return [
        f"Trading:         {_switch(desk)}",
        f"Account:         {_account(desk)}",
        f"Reconciliation:  {_reconciliation()}",
        f"Protection:      {_protection(desk)}",
        f"Entries:         {why_not_buy(desk, rules, used, at=at) or 'may be ordered'}",
        f"Exits:           {why_not_sell(desk, rules, at=at) or 'may be ordered'}",
        *(f"{one.name.capitalize() + ':':<17}{one.sentence}" for one in used),
        f"Open orders:     {len(orders)}",
        *(f"    {order}, {order.state}, {order.purpose}, planned {told(order.planned_at)}" for order in orders),
        f"Positions:       {len(positions)}",
        *(f"    {one} at {one.entry_price:.4f}, {_whose(one)}, since {one.entry_date}" for one in positions),
    ]


def _switch(desk: Desk) -> str:
    if desk.changed_at is None:
        return f"{desk.switch}, and nobody has turned the switch yet"
    return f"{desk.switch} since {told(desk.changed_at)}, by {desk.changed_by}: {desk.reason}"


def _account(desk: Desk) -> str:
    since = f" since {told(desk.account_since)}" if desk.account_since else ""
    return f"{scope().name}, books of {desk.account!r}{since}" if desk.account else scope().name


def _reconciliation() -> str:
    found = newest()
    if found is None:
        return "none yet"
    said = "; ".join([*found.errors, *found.warnings])
    return f"{found.status} at {told(found.at)}{': ' if said else ''}{said}"


def _protection(desk: Desk) -> str:
    if not desk.protected_because:
        return "none"
    since = f" since {told(desk.protected_at)}" if desk.protected_at else ""
    return f"entries are blocked{since}: {desk.protected_because}; manage.py trading {UNPROTECTED} --reason '…' ends it"


def _whose(position: Position) -> str:
    others = f", beside {position.outside.normalize():f} of somebody else's" if position.outside > 0 else ""
    return "not the desk's own" if position.is_external else f"{position.strategy_id or 'no strategy'}{others}"
