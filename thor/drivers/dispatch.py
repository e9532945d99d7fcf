"""Carry out the plan: find what is due, write the decision, publish it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from thor.drivers.agenda import Agenda
from thor.drivers.publish import Message, Publisher, PublishFailed
from thor.failpoints import reach
from thor.jobs import events, ledger
from thor.jobs.decision import Decision, Planned, Written, decide
from thor.jobs.models import Run, State
from thor.jobs.schedule import Row
from thor.jobs.spec import Overlap
from thor.leadership.term import Reign
from thor.timing import Clock, Dropped, Occurrence, OncePerSession, ReplayClock, plan, run_id

#: Rows in one statement: large enough to be cheap, small enough to stay far from any limit.
BATCH = 1000
BLOCKED_BY = {Overlap.SKIP: "live", Overlap.QUEUE_ONE: "due", Overlap.ALLOW: ""}
SHORTEST_ROOM = timedelta(seconds=5)


class Dispatcher:
    """One reign's decisions. `decided_until` is the cursor of every line; `published_seq` trails behind it."""

    def __init__(self, *, reign: Reign, agenda: Agenda, publisher: Publisher, clock: Clock, at: datetime) -> None:
        self.term = reign.term
        self.decided_until = reign.decided_until or at
        self.published_seq = reign.published_seq
        self.is_behind = True  # until what a predecessor may have left is published
        self.fired: dict[int, tuple[datetime, int]] = {}
        self._agenda, self._publisher, self._clock = agenda, publisher, clock
        self._folds = isinstance(clock, ReplayClock)

    def catch_up_publishing(self) -> bool:
        """Publish what was decided and perhaps never sent: after a takeover, or when the broker refused a batch."""
        newest = ledger.newest_seq()
        runs = ledger.owed(self.published_seq)
        messages = [message for run in runs if (message := self._again(run)) is not None]
        if not self._publish(messages):
            return False
        if messages:
            events.emit("thor.runs.published_again", term=self.term, count=len(messages))
        self.is_behind, self.published_seq = False, max(self.published_seq, newest)
        return True

    def publish_since(self, seq: int) -> None:
        """Publish everything after `seq` again that is not claimed: the broker has lost it."""
        events.emit("thor.broker.forgot", term=self.term, since=seq, published=self.published_seq)
        self.published_seq, self.is_behind = seq, True

    def turn(self, now: datetime) -> int:
        """Decide everything up to `now` and publish it; return how many runs became due."""
        planned: list[Planned] = []
        messages: dict[UUID, Message] = {}
        done: list[int] = []
        for row in list(self._agenda.take_due(now)):
            found = plan(row.timed, after=self.decided_until, now=now, fold=self._folds)
            is_done = row.one_off and bool(found.due)
            self._agenda.put(row, None if is_done else found.next_at)
            for occurrence in found.due[:1] if row.one_off else found.due:
                run = self._due(row, occurrence)
                planned.append(run)
                messages[run.uid] = Message(row, occurrence, run.uid, run.deadline_at)
            done += [row.pk] if is_done else []
            planned += [self._dropped(row, dropped) for dropped in found.dropped]
        if not planned:
            return 0
        reach("planned")
        written = self._decide(planned, now, done)
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
            self._decide(planned, now, [])
        return resumed

    def _paused_slots(self, row: Row) -> list[Planned]:
        paused_at, resumed_at = row.pauses or (row.timed.since, row.timed.since)
        entry = replace(row.timed, since=paused_at, paused=True)
        return [self._dropped(row, dropped) for dropped in plan(entry, after=paused_at, now=resumed_at).dropped]

    def _decide(self, planned: Sequence[Planned], now: datetime, done: Sequence[int]) -> list[Written]:
        """Write in batches; only the last one moves the cursor, when all of this instant is in."""
        written: list[Written] = []
        at = self._clock.wall()
        for first in range(0, len(planned), BATCH):
            is_last = first + BATCH >= len(planned)
            written += decide(
                Decision(
                    term=self.term,
                    at=at,
                    until=now if is_last else None,
                    published_seq=self.published_seq,
                    planned=planned[first : first + BATCH],
                    done=done if is_last else (),
                )
            )
        self.decided_until = max(self.decided_until, now)
        return written

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
            ledger.hand_over(strangers)
        return True

    def _again(self, run: Run) -> Message | None:
        row = self._agenda.rows.get(run.entry)
        if row is None:
            ledger.skip(run.uid, "entry removed")
            return None
        occurrence = Occurrence(
            entry=run.entry,
            nominal_at=run.nominal_at,
            deadline_at=run.deadline_at,
            market=run.market,
            session_date=run.session_date,
            origin=run.origin,
            folded=run.count - 1,
            folded_from=run.folded_from,
        )
        return Message(row, occurrence, run.uid, run.deadline_at)

    def _note_fired(self, messages: Iterable[Message]) -> None:
        for message in messages:
            _, number = self.fired.get(message.row.pk, (None, 0))
            self.fired[message.row.pk] = (message.occurrence.nominal_at, number + 1)

    def _due(self, row: Row, occurrence: Occurrence) -> Planned:
        due_at = self._clock.wall_of(occurrence.nominal_at)
        deadline_at = self._clock.wall_of(occurrence.deadline_at)
        if self._folds:
            # Virtual seconds are short: a run has at least as long on the wall as it would have in real time.
            room = occurrence.deadline_at - occurrence.nominal_at
            due_at = max(due_at, self._last_tick())
            deadline_at = due_at + max(min(room, timedelta(minutes=10)), SHORTEST_ROOM)
        spec = row.spec
        return Planned(
            uid=occurrence.run_id,
            state=State.DUE,
            reason="",
            nominal_at=occurrence.nominal_at,
            last_at=None,
            folded_from=occurrence.folded_from,
            count=occurrence.folded + 1,
            due_at=due_at,
            deadline_at=deadline_at,
            session_date=occurrence.session_date,
            once_on=occurrence.session_date if isinstance(row.timed.cadence, OncePerSession) else None,
            origin=occurrence.origin,
            exclusive=spec is not None and spec.overlap is not Overlap.ALLOW,
            repeatable=spec is not None and spec.repeatable,
            time_limit=spec.time_limit.total_seconds() if spec else None,
            blocked_by=BLOCKED_BY[spec.overlap] if spec else "",
            **_identity(row),
        )

    def _dropped(self, row: Row, dropped: Dropped) -> Planned:
        due_at = self._clock.wall_of(dropped.first_at)
        return Planned(
            uid=run_id(row.id, dropped.first_at),
            state=State.SKIPPED if dropped.reason == "paused" else State.MISSED,
            reason=dropped.reason,
            nominal_at=dropped.first_at,
            last_at=dropped.last_at,
            folded_from=None,
            count=dropped.count,
            due_at=due_at,
            deadline_at=due_at,
            session_date=None,
            once_on=None,
            origin="",
            exclusive=False,
            repeatable=False,
            time_limit=None,
            blocked_by="",
            **_identity(row),
        )

    def _last_tick(self) -> datetime:
        clock = self._clock
        wall = clock.wall()
        return clock.next_tick(wall) - clock.tick if isinstance(clock, ReplayClock) else wall


def _identity(row: Row) -> dict[str, Any]:
    return {
        "entry": row.id,
        "name": row.name[:200],
        "task": row.task[:200],
        "market": row.timed.market,
        "queue": str(row.options.get("queue") or ""),
    }
