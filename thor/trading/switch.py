"""The trading switch: all orders, exits only, or none but an emergency's.

It is read where an order is about to be sent, in the transaction that says so; whoever turns it does that in a
transaction over the same row. So once it is turned no order is begun that it forbids, and one that was being sent at
that very moment is all that still can arrive.
"""

from datetime import datetime
from typing import Final

from thor.errors import ThorError
from thor.trading import journal
from thor.trading.desk import hold
from thor.trading.models import Desk, Event, Happening, Purpose, Switch

LONGEST_REASON: Final = 200

#: What may be sent at each position of the switch.
ALLOWED: Final[dict[Switch, frozenset[Purpose]]] = {
    Switch.ACTIVE: frozenset(Purpose),
    Switch.REDUCING: frozenset({Purpose.EXIT, Purpose.EMERGENCY}),
    Switch.HALTED: frozenset({Purpose.EMERGENCY}),
}


class BadSwitch(ThorError):
    """The switch cannot be turned like this."""


def set_switch(wanted: Switch | str, *, reason: str, by: str, at: datetime) -> Desk:
    """Turn the switch, and write down who did it and why. Raises `BadSwitch`."""
    if wanted not in list(Switch):
        raise BadSwitch(f"there is no {wanted!r}; write {', '.join(Switch)}.")
    said = readable(reason)
    if not said or len(said) > LONGEST_REASON:
        raise BadSwitch(f"say why, in up to {LONGEST_REASON} characters.")
    with hold() as desk:
        before, desk.switch = desk.switch, Switch(wanted).value
        desk.reason, desk.changed_by, desk.changed_at = said, by[:100], at
        desk.save(update_fields=["switch", "reason", "changed_by", "changed_at"])
        number = Event.objects.filter(kind=Happening.SWITCH).count() + 1
        journal.record(
            Happening.SWITCH,
            at=at,
            key=f"switch:{number}",
            before=before,
            now=desk.switch,
            reason=said,
            by=desk.changed_by,
        )
    return desk


def clear_protection(*, reason: str, by: str, at: datetime) -> str:
    """Let entries pass again that auto-protection has blocked; return why it had. Raises `BadSwitch`."""
    said = readable(reason)
    if not said or len(said) > LONGEST_REASON:
        raise BadSwitch(f"say why entries may pass again, in up to {LONGEST_REASON} characters.")
    with hold() as desk:
        before, desk.protected_because, desk.protected_at = desk.protected_because, "", None
        desk.save(update_fields=["protected_because", "protected_at"])
        number = Event.objects.filter(kind__in=[Happening.SWITCH, Happening.PROTECTION]).count() + 1
        key = f"protection:cleared:{number}"
        journal.record(Happening.PROTECTION, at=at, key=key, before=before, now="", reason=said, by=by[:100])
    return before


def readable(text: str) -> str:
    """Return a text on one line, without characters that steer a terminal or cannot be seen."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def why_not(purpose: Purpose | str, desk: Desk) -> str:
    """Return why an order for this may not be sent now; nothing where it may."""
    if Purpose(purpose) in ALLOWED[Switch(desk.switch)]:
        return ""
    return f"trading is {desk.switch}: {desk.reason}"
