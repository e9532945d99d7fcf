"""Get decided runs to the broker, and those that it refused, lost or had no room for once more.

    decided ─► published with the decision ──► claimed
       │             └─ refused, forgotten, overtaken ─┐
       └─ no room, asked for, caught up ─► waits in a lane of the ledger ─► published when its queue has room

Everything is sent under the id of its run: what comes twice is claimed once.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from thor.drivers.agenda import Agenda
from thor.drivers.backlog import Backlog
from thor.drivers.batch import SLICE
from thor.drivers.carrier import Carrier, PublishFailed
from thor.drivers.envelope import Message
from thor.failpoints import reach
from thor.jobs import events, outbox
from thor.jobs.ledger import BACKFILL
from thor.jobs.models import Lane, Run
from thor.jobs.schedule import Row, rows_of_entries
from thor.leadership.elector import boottime
from thor.leadership.term import Reign, is_current
from thor.timing import Occurrence


class Outgoing:
    """One reign's way to the broker. `published_seq` is how far everything decided has been sent."""

    def __init__(self, reign: Reign, agenda: Agenda, carrier: Carrier, alive: Callable[[], None]) -> None:
        self._term, self._seat, self._alive = reign.term, reign.seat, alive
        self._agenda, self._carrier = agenda, carrier
        self.published_seq = reign.published_seq
        self.is_behind = True  # until what a predecessor may have left is published
        self._backlog = Backlog(carrier.depth)
        self._sent_again: dict[int, tuple[float, float]] = {}

    @property
    def changes(self) -> int:
        """Return a number that changes when a queue becomes full, or has room again."""
        return self._backlog.changes

    def lane_of(self, row: Row) -> Lane:
        """Return how what falls due of a line now is published."""
        return Lane.HELD if self._backlog.is_full(_queue(row)) else Lane.DIRECT

    def publish(self, messages: Sequence[Message], parcels: Mapping[UUID, Any], *, up_to: int) -> None:
        """Send what was decided just now; `up_to` is the last place that this decision took in the ledger.

        While anything older is still to be sent this waits for its turn, half a second later at the most.
        """
        if not self.is_behind and self._send(messages, parcels):
            self.published_seq = max(self.published_seq, up_to)

    def publish_since(self, seq: int) -> None:
        """Publish everything after `seq` again that is not claimed: the broker has lost it."""
        events.emit("thor.broker.forgot", term=self._term, since=seq, published=self.published_seq)
        self.published_seq, self.is_behind = seq, True

    def catch_up(self) -> bool:
        """Publish what was decided and perhaps never sent: after a takeover, or when the broker refused a batch."""
        newest = outbox.newest_seq()
        if not self._send_again(outbox.owed(self.published_seq, self._seat.parts)):
            return False
        self.is_behind, self.published_seq = False, max(self.published_seq, newest)
        return True

    def release(self) -> int:
        """Publish what waits in the ledger, as far as the queues have room; return how many runs."""
        self._backlog.look()
        waiting = outbox.waiting(self._seat.parts)
        self._backlog.hold({queue: held for queue, held in waiting.items() if held})
        return 0 if self.is_behind else sum(map(self._release, waiting))

    def find_lost(self) -> int:
        """Hold runs whose message seems to be lost, so that it is sent again; return how many.

        What was published five seconds later has come out of its queue, or there is nothing in there. It may yet be
        that a worker has it in hand, so the same one is sent again after twice the time at the earliest.
        """
        runs = [] if self.is_behind else outbox.unclaimed(self._seat.parts)
        passed, now = outbox.claimed_up_to(self._seat.parts) if runs else {}, boottime()
        lost = [run for run in runs if self._is_overtaken(run, passed.get(run.queue)) and self._may_send(run, now)]
        if lost:
            outbox.hold(lost)
            events.emit("thor.broker.lost", term=self._term, count=len(lost))
        known = {run.seq for run in runs}
        self._sent_again = {seq: sent for seq, sent in self._sent_again.items() if seq in known}
        return len(lost)

    def _release(self, queue: str) -> int:
        runs = outbox.next_in(queue, self._backlog.room(queue), self._seat.parts)
        if not runs or not self._send_again(runs):
            return 0
        outbox.released(runs)
        for run in runs:
            _, patience = self._sent_again.get(run.seq, (0.0, outbox.OVERDUE.total_seconds() / 2))
            self._sent_again[run.seq] = (boottime(), 2 * patience)
        return len(runs)

    def _is_overtaken(self, run: Run, passed: datetime | None) -> bool:
        return self._backlog.is_empty(run.queue) or (passed is not None and passed > run.decided_at + outbox.OVERDUE)

    def _may_send(self, run: Run, now: float) -> bool:
        sent_at, patience = self._sent_again.get(run.seq, (float("-inf"), 0.0))
        return now >= sent_at + patience

    def _send_again(self, runs: Sequence[Run]) -> bool:
        rows = self._rows(runs)
        messages = [_message(run, row) for run in runs if (row := rows.get(run.entry)) is not None]
        if not self._send(messages, {}):
            return False
        if messages:
            events.emit("thor.runs.published_again", term=self._term, count=len(messages))
        return True

    def _rows(self, runs: Sequence[Run]) -> Mapping[UUID, Row | None]:
        """Return the lines of these runs; those whose line is gone end here."""
        known = self._agenda.rows
        unknown = {run.entry for run in runs} - known.keys()
        if not unknown:
            return known
        found = rows_of_entries(unknown)
        removed = [run.uid for run in runs if run.entry in unknown - found.keys()]
        if removed and is_current(self._term, self._seat):
            outbox.skip(removed, "entry removed")
        return {run.entry: known.get(run.entry) or found.get(run.entry) for run in runs}

    def _send(self, messages: Sequence[Message], parcels: Mapping[UUID, Any]) -> bool:
        try:
            for first in range(0, len(messages), SLICE):
                if first:
                    self._alive()
                self._carrier.publish(messages[first : first + SLICE], parcels)
            reach("published")
        except PublishFailed as error:
            if not self.is_behind:
                events.emit("thor.broker.refused", term=self._term, reason=str(error))
            self.is_behind = True
            return False
        for queue, number in Counter(_queue(message.row) for message in messages).items():
            self._backlog.sent(queue, number)
        strangers = [message.uid for message in messages if not self._carrier.can_claim(message.row.task)]
        if strangers:
            outbox.hand_over(strangers)
        return True


def _message(run: Run, row: Row) -> Message:
    """Return the message of a run, as its decision would have sent it."""
    occurrence = Occurrence(
        entry=run.entry,
        nominal_at=run.nominal_at,
        deadline_at=run.deadline_at,
        market=run.market,
        session_date=run.session_date,
        origin=run.origin or (BACKFILL if run.reason == BACKFILL else ""),
        folded=run.count - 1,
        folded_from=run.folded_from,
    )
    return Message(row, occurrence, run.uid, run.deadline_at)


def _queue(row: Row) -> str:
    """Return the queue that a line's messages go to, as the ledger's rows say it."""
    return str(row.options["queue"])
