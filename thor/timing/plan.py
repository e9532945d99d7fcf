"""Decide what is due: the one place of Thor that does.

Everything is an argument, the time too, so every driver, page and test that asks about the same stretch gets
the same answer. A decision covers (after, now]: each slot in it is either due or dropped with a reason, and
the next call goes on where this one ended.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from thor.timing.decision import Decision
from thor.timing.entry import FLOOR, Entry
from thor.timing.interval import OncePerSession
from thor.timing.occurrence import Dropped, Occurrence, Reason
from thor.timing.slots import bell_slots, cursor_of, next_at, occurrences, pieces, session_slots

__all__ = ["FLOOR", "Dropped", "Entry", "Plan", "Reason", "next_at", "occurrences", "plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Answer one question: what is due, what was dropped, when to ask again."""

    due: tuple[Occurrence, ...]
    dropped: tuple[Dropped, ...]
    next_at: datetime | None


def plan(entry: Entry, *, after: datetime, now: datetime, floor: timedelta = FLOOR, fold: bool = False) -> Plan:
    """Decide the slots of `entry` in (after, now], as far as they lie after its `since`.

    Give the cursor itself as `after`, not its maximum with `since`: what is owed at `since` (a once-a-session
    entry enabled inside its window, a clocked time that had just passed) would count as decided. `floor` is
    the shortest grace. `fold` is for a replay: the slots of a session become one occurrence that says how
    many it stands for, and lateness drops nothing.
    """
    if now <= after:
        return Plan((), (), next_at(entry, after=after))
    decision = Decision(entry, now, floor, fold)
    if type(entry.cadence) is OncePerSession:
        for slot in session_slots(entry, after, now):
            decision.judge_session(slot)
    else:
        for piece in pieces(entry, cursor_of(entry, after, now), now):
            decision.judge_piece(piece)
    if entry.also_at:
        for slot in bell_slots(entry, after, now):
            decision.judge(slot)
    return Plan(decision.due(), decision.dropped(), next_at(entry, after=now))
