"""Hand decided runs to Celery: one batch, the ids of the ledger, no retries of its own.

What fails is published again by whoever leads, with the same ids; the claim sorts out what came twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from celery import Celery

from thor.errors import ThorError
from thor.failpoints import reach
from thor.jobs.claim import HEADER, header
from thor.jobs.runner import LedgerTask
from thor.jobs.schedule import Row
from thor.timing import Occurrence

#: A message outlives its deadline by this much: the claim enforces the deadline, expiry only removes rubbish.
RUBBISH_AFTER = timedelta(seconds=60)


class PublishFailed(ThorError):
    """The broker did not take the batch."""


@dataclass(frozen=True, slots=True)
class Message:
    """One run to publish: the line it comes from, its occurrence, its id, and the wall time of its deadline."""

    row: Row
    occurrence: Occurrence
    uid: UUID
    deadline_at: datetime


class Publisher:
    """A producer on a connection of its own, made anew after a failure."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._producer: Any = None  # a Producer of kombu, whose batch() its stubs do not know yet
        self._declared: set[str] = set()

    def publish(self, messages: Sequence[Message]) -> None:
        """Send all messages in one batch; raise `PublishFailed` where any of them may not have arrived."""
        if not messages:
            return
        try:
            producer = self._connected()
            with producer.batch():
                for message in messages:
                    self._send(producer, message)
                    reach("sending")
        except Exception as error:  # each transport raises errors of its own kind
            self.close()
            raise PublishFailed(f"the broker did not take {len(messages)} messages ({error}).") from error

    def can_claim(self, task: str) -> bool:
        """Tell whether the task's own base will claim the run; another application's task cannot."""
        return isinstance(self._app.tasks.get(task), LedgerTask)

    def close(self) -> None:
        """Let go of the connection."""
        if self._producer is not None:
            connection, self._producer = self._producer.connection, None
            self._declared.clear()
            if connection is not None:
                connection.release()

    def _connected(self) -> Any:
        if self._producer is None:
            connection = self._app.connection_for_write()
            connection.ensure_connection(max_retries=1, timeout=5)
            self._producer = self._app.amqp.Producer(connection, auto_declare=False)
        return self._producer

    def _send(self, producer: Any, message: Message) -> None:
        row = message.row
        self._declare(row.options)
        built = self._app.amqp.as_task_v2(
            str(message.uid),
            row.task,
            tuple(row.args),
            row.kwargs,
            expires=message.deadline_at + RUBBISH_AFTER,
            argsrepr=_shown(message),
            create_sent_event=True,
            ignore_result=True,
        )
        self._app.amqp.send_task_message(
            producer, row.task, built, headers=self._headers(message), retry=False, declare=(), **row.options
        )

    def _declare(self, options: dict[str, Any]) -> None:
        """Declare a queue once a connection; kombu alone would look it up anew for each message."""
        name = options.get("queue") or (None if options.get("exchange") else self._app.conf.task_default_queue)
        if name is not None and name not in self._declared:
            self._app.amqp.queues[name](self._producer.channel).declare()
            self._declared.add(name)

    def _headers(self, message: Message) -> dict[str, Any]:
        run = {**header(message.occurrence), "claim": self.can_claim(message.row.task)}
        return {**message.row.headers, "periodic_task_name": message.row.name, HEADER: run}


def _shown(message: Message) -> str:
    own = ", ".join(repr(argument) for argument in message.row.args)
    nominal = f"{message.row.name} {message.occurrence.nominal_at:%Y-%m-%dT%H:%M:%S.%fZ}"
    return f"({own}) {nominal}" if own else nominal
