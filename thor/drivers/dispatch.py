"""Carry out the plan: find what is due, write the decision, publish it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from thor.drivers.agenda import Agenda, unplannable
from thor.drivers.publish import Message, Publisher, PublishFailed
from thor.failpoints import reach
from thor.jobs import events, ledger, outbox
from thor.jobs.decision import Decision, Planned, Written, decide
from thor.jobs.models import Run, State
from thor.jobs.planned import dropped_row, due_row
from thor.jobs.schedule import Row, row_of_entry
from thor.leadership.term import Reign, is_current
from thor.timing import Clock, Occurrence, ReplayClock, plan

#: Runs that people asked for and that may wait in the queues at once; the rest waits in the ledger.
REQUESTED = 100


class Dispatcher:
    """One reign's decisions. `decided_until` is the cursor of every line; `published_seq` trails behind it."""

    def __init__(self, *, reign: Reign, agenda: Agenda, publisher: Publisher, clock: Clock, at: datetime) -> None:
        self.term = reign.term
        self.decided_until = reign.decided_until or at
        self.published_seq = reign.published_seq
        self.is_behind = True  # until what a predecessor may have left is published
        self._requested: set[UUID] = set()
        self.fired: dict[int, tuple[datetime, int]] = {}
        self._agenda, self._publisher, self._clock = agenda, publisher, clock
        self._folds = isinstance(clock, ReplayClock)

    def catch_up_publishing(self) -> bool:
        """Publish what was decided and perhaps never sent: after a takeover, or when the broker refused a batch."""
        newest = outbox.newest_seq()
        runs = outbox.owed(self.published_seq)
        messages = [message for run in runs if (message := self._again(run)) is not None]
        if not self._publish(messages):
            return False
        if messages:
            events.emit("thor.runs.published_again", term=self.term, count=len(messages))
        self.is_behind, self.published_seq = False, max(self.published_seq, newest)
        self._requested.update(run.uid for run in runs)
        return True

    def publish_requests(self) -> int:
        """Publish what people asked for, so far as the queues have room; return how many runs."""
        if self.is_behind:
            return 0  # they go out with all else that is owed
        runs = outbox.requested(REQUESTED)
        fresh = [message for run in runs if run.uid not in self._requested and (message := self._again(run))]
        if fresh and not self._publish(fresh):
            return 0
        self._requested = {run.uid for run in runs}
        return len(fresh)

    def advance(self, now: datetime) -> None:
        """Write down that time has passed, after a turn in which everything due was decided."""
        if now >= self.decided_until:
            self._decide([], until=now)
            self.decided_until = now

    def publish_since(self, seq: int) -> None:
        """Publish everything after `seq` again that is not claimed: the broker has lost it."""
        events.emit("thor.broker.forgot", term=self.term, since=seq, published=self.published_seq)
        self.published_seq, self.is_behind = seq, True
        self._requested.clear()

    def turn(self, now: datetime) -> int:
        """Decide everything up to `now` and publish it; return how many runs became due."""
        planned: list[Planned] = []
        messages: dict[UUID, Message] = {}
        done: list[int] = []
        for row in list(self._agenda.take_due(now)):
            try:
                found = plan(row.timed, after=self.decided_until, now=now, fold=self._folds)
            except Exception as error:  # a line whose times cannot be computed must not stop the others
                unplannable(row, error)
                continue
            is_done = row.one_off and bool(found.due)
            self._agenda.put(row, None if is_done else found.next_at)
            for occurrence in found.due[:1] if row.one_off else found.due:
                run = due_row(row, occurrence, self._clock)
                planned.append(run)
                messages[run.uid] = Message(row, occurrence, run.uid, run.deadline_at)
            done += [row.pk] if is_done else []
            planned += [dropped_row(row, dropped, self._clock) for dropped in found.dropped]
        if not planned:
            return 0
        reach("planned")
        written = self._decide(planned, done, until=now)
        self.decided_until = max(self.decided_until, now)
        reach("decided")
        due = [messages[one.uid] for one in written if one.state == State.DUE]
        if self._publish(due) and not self.is_behind:
            self.published_seq = max([self.published_seq, *(one.seq for one in written)])
        self._note_fired(due)
        return len(due)

    def settle_pauses(self, rows: Iterable[Row], now: datetime) -> list[Row]:
        """Write down, as one row each, what was dropped while lines were paused; return those lines."""
        resumed = [row for row in rows if row.pauses is not None]
        planned = [run for row in resumed for run in self._paused_slots(row)]
        if planned:
            self._decide(planned)  # not a decision about time: what is due now is still to be planned
        return resumed

    def _paused_slots(self, row: Row) -> list[Planned]:
        paused_at, resumed_at = row.pauses or (row.timed.since, row.timed.since)
        entry = replace(row.timed, since=paused_at, paused=True)
        return [
            dropped_row(row, dropped, self._clock) for dropped in plan(entry, after=paused_at, now=resumed_at).dropped
        ]

    def _decide(
        self, planned: Sequence[Planned], done: Sequence[int] = (), until: datetime | None = None
    ) -> list[Written]:
        """Write all of it in one step: a part would be planned again, otherwise, by a successor at a later time."""
        return decide(
            Decision(
                term=self.term,
                at=self._clock.wall(),
                until=until,
                published_seq=self.published_seq,
                planned=planned,
                done=done,
            )
        )

    def _publish(self, messages: Sequence[Message]) -> bool:
        try:
            self._publisher.publish(messages)
            reach("published")
        except PublishFailed as error:
            if not self.is_behind:
                events.emit("thor.broker.refused", term=self.term, reason=str(error))
            self.is_behind = True
            return False
        strangers = [message.uid for message in messages if not self._publisher.can_claim(message.row.task)]
        if strangers:
            outbox.hand_over(strangers)
        return True

    def _again(self, run: Run) -> Message | None:
        row = self._agenda.rows.get(run.entry) or row_of_entry(run.entry)
        if row is None:
            if is_current(self.term):
                ledger.skip(run.uid, "entry removed")
            return None
        occurrence = Occurrence(
            entry=run.entry,
            nominal_at=run.nominal_at,
            deadline_at=run.deadline_at,
            market=run.market,
            session_date=run.session_date,
            origin=run.origin or run.reason,
            folded=run.count - 1,
            folded_from=run.folded_from,
        )
        return Message(row, occurrence, run.uid, run.deadline_at)

    def _note_fired(self, messages: Iterable[Message]) -> None:
        for message in messages:
            _, number = self.fired.get(message.row.pk, (None, 0))
            self.fired[message.row.pk] = (message.occurrence.nominal_at, number + 1)
