"""Carry out the plan: find what is due, write the decision, publish it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from thor.drivers.batch import SLICE, Batch, gather, scatter
from thor.drivers.carrier import Carrier
from thor.drivers.outgoing import Outgoing
from thor.drivers.timetable import Timetable
from thor.failpoints import reach
from thor.jobs import outbox
from thor.jobs.decision import Decision, Planned, Written, decide
from thor.jobs.models import Lane, State
from thor.jobs.planned import dropped_row
from thor.jobs.schedule import Row
from thor.leadership.term import Reign
from thor.timing import Clock, ReplayClock, plan

#: What is due this soon is not worth preparing: it would be late by the time that takes.
TOO_SOON = timedelta(milliseconds=5)
#: What is due later than this is not prepared yet: it would be prepared anew at every edit until then.
TOO_FAR = timedelta(seconds=2)
#: What was prepared and is late by this much is planned anew, together with what fell due since.
STALE = timedelta(milliseconds=500)


class Dispatcher:
    """One reign's decisions. `decided_until` is the cursor of every line."""

    def __init__(
        self, *, reign: Reign, timetable: Timetable, carrier: Carrier, clock: Clock, alive: Callable[[], None]
    ) -> None:
        self.term, self._seat, self._alive = reign.term, reign.seat, alive
        self.decided_until = timetable.cursor
        self.fired: dict[int, tuple[datetime, int]] = {}
        self.outgoing = Outgoing(reign, timetable.agenda, carrier, alive)
        self._timetable, self._agenda, self._carrier, self._clock = timetable, timetable.agenda, carrier, clock
        self._ahead: Batch | None = None
        self._parcels: dict[UUID, Any] = {}
        self._changes = 0

    def advance(self, now: datetime) -> None:
        """Write down that time has passed, where everything due until then is decided: an edit may just have come."""
        due_at = self.next_due()
        if now >= self.decided_until and (due_at is None or due_at > now):
            self._decide([], until=now)
            self._decided(now)

    def next_due(self) -> datetime | None:
        """Return the next instant at which anything is due."""
        return self._ahead.until if self._ahead else self._agenda.next_due()

    def prepare(self, now: datetime) -> None:
        """Gather what is due next ahead of its instant, unless that is now; in a replay time leaps, so never."""
        due_at = self._agenda.next_due()
        if self._ahead or due_at is None or isinstance(self._clock, ReplayClock):
            return
        if not now + TOO_SOON <= due_at <= now + TOO_FAR:
            return
        self._ahead = batch = self._gather(due_at)
        self._changes = self.outgoing.changes
        messages = [batch.messages[one.uid] for one in batch.planned if _goes_out(one)]
        for first in range(0, 0 if self.outgoing.is_behind else len(messages), SLICE):
            self._alive()
            self._parcels |= self._carrier.pack(messages[first : first + SLICE])

    def forget_prepared(self) -> None:
        """Put back what was gathered ahead: the lines are about to change."""
        batch, self._ahead, self._parcels = self._ahead, None, {}
        if batch is not None:
            scatter(batch, self._agenda)

    def turn(self, now: datetime) -> int:
        """Decide everything up to `now` and publish it; return how many runs became due."""
        fired = 0
        if self._ahead and not self._is_still_right(self._ahead, now):
            self.forget_prepared()
        if self._ahead:
            if self._ahead.until > now:
                return 0
            batch, self._ahead = self._ahead, None
            fired = self._carry_out(batch)
        return fired + self._carry_out(self._gather(now))

    def settle_pauses(self, rows: Iterable[Row]) -> list[Row]:
        """Write down, as one row each, what was dropped while lines were paused; return those lines."""
        resumed = [row for row in rows if row.pauses is not None]
        planned = [run for row in resumed for run in self._paused_slots(row)]
        if planned:
            self._decide(planned)  # not a decision about time: what is due now is still to be planned
        return resumed

    def _is_still_right(self, batch: Batch, now: datetime) -> bool:
        """Tell whether what was prepared is what would be found now: no queue filled up, no time was slept away."""
        return self._changes == self.outgoing.changes and batch.until > now - STALE

    def _gather(self, until: datetime) -> Batch:
        lane_of = self.outgoing.lane_of
        return gather(
            self._agenda,
            after=self._timetable.after,
            until=until,
            clock=self._clock,
            lane_of=lane_of,
            alive=self._alive,
        )

    def _carry_out(self, batch: Batch) -> int:
        """Decide, then publish, what was gathered: nothing of it is sent that is not in the ledger."""
        if not batch.planned:
            return 0
        reach("planned")
        written = self._decide(batch.planned, batch.done, until=batch.until)
        self._decided(batch.until)
        self._timetable.ended(batch.done)
        reach("decided")
        due = [batch.messages[one.uid] for one in written if one.state == State.DUE]
        held = {one.uid for one in batch.planned if one.lane != Lane.DIRECT}
        up_to = max((one.seq for one in written), default=0)
        self.outgoing.publish([one for one in due if one.uid not in held], self._parcels, up_to=up_to)
        self._parcels = {}
        self._note_fired(batch, written)
        return len(due)

    def _decided(self, until: datetime) -> None:
        self.decided_until = self._timetable.cursor = max(self.decided_until, until)

    def _paused_slots(self, row: Row) -> list[Planned]:
        """Return the row of what a pause dropped: from its first slot that is in no row to where the line goes on."""
        paused_at, resumed_at = row.pauses or (row.timed.since, row.timed.since)
        until = max(resumed_at, row.timed.since)
        after = outbox.spoken_until(row.id, paused_at, until)
        found = plan(replace(row.timed, since=paused_at, paused=True), after=after, now=until)
        return [dropped_row(row, dropped, self._clock) for dropped in found.dropped]

    def _decide(
        self, planned: Sequence[Planned], done: Sequence[int] = (), until: datetime | None = None
    ) -> list[Written]:
        """Write all of it in one step: a part would be planned again, otherwise, by a successor at a later time."""
        return decide(
            Decision(
                term=self.term,
                at=self._clock.wall(),
                until=until,
                published_seq=self.outgoing.published_seq,
                planned=planned,
                done=done,
                next_due=self.next_due(),
                seat=self._seat,
            )
        )

    def _note_fired(self, batch: Batch, written: Iterable[Written]) -> None:
        for one in written:
            message = batch.messages.get(one.uid)
            if message is not None and one.state == State.DUE:
                _, number = self.fired.get(message.row.pk, (None, 0))
                self.fired[message.row.pk] = (message.occurrence.nominal_at, number + 1)


def _goes_out(one: Planned) -> bool:
    return one.state == State.DUE and one.lane == Lane.DIRECT
