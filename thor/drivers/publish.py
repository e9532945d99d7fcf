"""Hand decided runs to Celery: one batch, the ids of the ledger, no retries of its own.

What fails is published again by whoever leads, with the same ids; the claim sorts out what came twice.

Most messages of a line are alike but for id, times and occurrence, so the rest is built once a line by Celery's own
`as_task_v2`, body and all, and copied. Lines with an exchange of their own, and every line where something listens to
Celery's publish signals, take Celery's whole way.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from celery import Celery, signals
from celery.app.amqp import task_message
from kombu.utils.json import dumps

from thor.errors import ThorError
from thor.failpoints import reach
from thor.jobs.claim import HEADER, header
from thor.jobs.runner import LedgerTask
from thor.jobs.schedule import Row
from thor.timing import Occurrence

logger = logging.getLogger(__name__)

#: Sent events that one message to the monitors may carry.
EVENTS = 500
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
        self._events: Any = None
        self._declared: set[str] = set()
        self._templates: dict[int, Template] = {}

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
        self._tell(messages)

    def can_claim(self, task: str) -> bool:
        """Tell whether the task's own base will claim the run; another application's task cannot."""
        return isinstance(self._app.tasks.get(task), LedgerTask)

    def close(self) -> None:
        """Let go of the connection."""
        if self._producer is not None:
            connection, self._producer, self._events = self._producer.connection, None, None
            self._declared.clear()
            if connection is not None:
                connection.release()

    def _connected(self) -> Any:
        if self._producer is None:
            connection = self._app.connection_for_write()
            connection.ensure_connection(max_retries=1, timeout=5)
            self._producer = self._app.amqp.Producer(connection, auto_declare=False)
            self._events = self._app.events.Dispatcher(
                connection, buffer_group=frozenset({"task"}), buffer_limit=EVENTS, on_send_buffered=None
            )
        return self._producer

    def _send(self, producer: Any, message: Message) -> None:
        template = self._template(message.row)
        headers = {
            **template.headers,
            "id": str(message.uid),
            "root_id": str(message.uid),
            "expires": (message.deadline_at + RUBBISH_AFTER).isoformat(),
            "argsrepr": _shown(message),
            HEADER: {**header(message.occurrence), "claim": template.claims},
        }
        properties = {"correlation_id": str(message.uid), "reply_to": ""}
        options = message.row.options
        if not template.queue or signals.before_task_publish.receivers or signals.after_task_publish.receivers:
            built = task_message(headers, properties, template.arguments, None)
            self._app.amqp.send_task_message(producer, message.row.task, built, retry=False, **options)
            return
        producer.publish(
            template.body,
            exchange="",
            routing_key=template.queue,
            content_type="application/json",
            content_encoding="utf-8",
            headers=headers,
            delivery_mode=2,
            priority=options.get("priority", 0),
            **properties,
        )

    def _template(self, row: Row) -> "Template":
        found = self._templates.get(row.pk)
        if found is None or found.row is not row:
            found = self._templates[row.pk] = self._built(row)
        if found.queue and found.queue not in self._declared:
            self._app.amqp.queues[found.queue](self._producer.channel).declare()
            self._declared.add(found.queue)
        return found

    def _built(self, row: Row) -> "Template":
        built = self._app.amqp.as_task_v2("", row.task, tuple(row.args), row.kwargs, ignore_result=True)
        own_way = "exchange" in row.options or "routing_key" in row.options
        return Template(
            row=row,
            headers={**built.headers, **row.headers, "periodic_task_name": row.name},
            arguments=built.body,
            body=dumps(built.body).encode(),
            queue="" if own_way else row.options.get("queue") or self._app.conf.task_default_queue,
            claims=self.can_claim(row.task),
        )

    def _tell(self, messages: Sequence[Message]) -> None:
        """Let monitors know: one event message for many runs. They are told, not asked: a failure is theirs."""
        if not self._app.conf.task_send_sent_event:
            return
        try:
            for message in messages:
                uid, row = str(message.uid), message.row
                queue = row.options.get("queue") or self._app.conf.task_default_queue
                self._events.send(
                    "task-sent",
                    uuid=uid,
                    root_id=uid,
                    name=row.task,
                    args=_shown(message),
                    kwargs=str(row.kwargs),
                    retries=0,
                    queue=queue,
                    routing_key=queue,
                )
            self._events.flush(errors=False)
        except Exception as error:  # each transport raises errors of its own kind
            logger.debug("monitors were not told: %s", error)
            self.close()


@dataclass(frozen=True, slots=True)
class Template:
    """What all messages of a line have in common. `queue` is empty for a line with an exchange of its own."""

    row: Row
    headers: dict[str, Any]
    arguments: Any
    body: bytes
    queue: str
    claims: bool


def _shown(message: Message) -> str:
    own = ", ".join(repr(argument) for argument in message.row.args)
    nominal = f"{message.row.name} {message.occurrence.nominal_at.isoformat()}"
    return f"({own}) {nominal}" if own else nominal
