"""Hand decided runs to Celery: one batch, the ids of the ledger, no retries of its own.

What fails is published again by whoever leads, with the same ids; the claim sorts out what came twice.

A Redis broker gets packed messages, one push for hundreds of them. Another broker, lines with an exchange of their own,
and every line where something listens to Celery's publish signals, take Celery's whole way.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from celery import Celery, signals
from celery.app.amqp import task_message
from kombu.transport.redis import Channel as RedisChannel
from kombu.utils.json import dumps

from thor.drivers.carrier import PublishFailed
from thor.drivers.envelope import Envelope, Message, envelope_of, headers_of, run_header
from thor.drivers.memory import BrokerMemory
from thor.failpoints import reach
from thor.jobs.runner import LedgerTask
from thor.jobs.schedule import Row

logger = logging.getLogger(__name__)

#: Sent events that one message to the monitors may carry.
EVENTS = 500
#: Messages of one push.
PUSH = 250
#: What a broker of AMQP answers about a queue that does not exist.
NOT_FOUND = "404"
#: Kinds of messages that are remembered.
KINDS = 4096


@dataclass(slots=True)
class Kind:
    """What all messages of one task with the same headers and options have in common.

    `queue` is empty for lines with an exchange of their own; `envelope` is there once a Redis channel has made it. The
    columns of the line are kept so that nobody else gets their identities, by which kinds are found.
    """

    line: tuple[Any, ...]
    headers: dict[str, Any]
    embedded: Any
    embedded_text: str
    queue: str
    claims: bool
    envelope: Envelope | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message that is ready to be pushed."""

    key: str
    text: str


class Publisher:
    """A producer on a connection of its own, made anew after a failure."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._producer: Any = None  # a Producer of kombu, whose batch() its stubs do not know yet
        self._events: Any = None
        self._declared: set[str] = set()
        self._kinds: dict[tuple[Any, ...], Kind] = {}

    def publish(self, messages: Sequence[Message], parcels: Mapping[UUID, Parcel] | None = None) -> None:
        """Send all messages in order; raise `PublishFailed` where any of them may not have arrived.

        `parcels` are those that were packed ahead, by the id of the run.
        """
        if not messages:
            return
        try:
            self._connect()
            ready = parcels or {}
            packed = [(message, ready.get(message.uid) or self._pack(message)) for message in messages]
            for is_packed, group in groupby(packed, lambda pair: pair[1] is not None):
                run = list(group)
                self._push([parcel for _, parcel in run]) if is_packed else self._send([message for message, _ in run])
        except Exception as error:  # each transport raises errors of its own kind
            self.close()
            raise PublishFailed(f"the broker did not take {len(messages)} messages ({error}).") from error
        self._tell(messages)

    def pack(self, messages: Sequence[Message]) -> dict[UUID, Parcel]:
        """Pack ahead what can be; nothing, where the broker does not answer."""
        try:
            self._connect()
            return {message.uid: parcel for message in messages if (parcel := self._pack(message)) is not None}
        except Exception as error:  # the broker will be asked again when there is something to send
            logger.debug("nothing packed ahead: %s", error)
            self.close()
            return {}

    def can_claim(self, task: str) -> bool:
        """Tell whether the task's own base will claim the run; another application's task cannot."""
        return isinstance(self._app.tasks.get(task), LedgerTask)

    def depth(self, queue: str) -> int | None:
        """Return how many messages wait in a queue; nothing where the broker does not say."""
        if self._producer is None:
            return None
        try:
            channel = self._producer.channel
            if isinstance(channel, RedisChannel):
                return int(channel._size(queue))
            return self._asked(queue)
        except Exception as error:  # each transport raises errors of its own kind
            logger.debug("the broker did not say how long %s is: %s", queue, error)
            self.close()
            return None

    def _asked(self, queue: str) -> int:
        """Ask on a channel of its own, since a queue that does not exist costs the channel."""
        connection = self._producer.connection
        try:
            with connection.channel() as channel:
                return int(channel.queue_declare(queue, passive=True).message_count)
        except connection.channel_errors as error:
            if str(getattr(error, "code", "")) != NOT_FOUND:
                raise
            return 0

    def memory(self, installation: str) -> BrokerMemory:
        """Return the mark that is kept in the broker."""
        return BrokerMemory(installation)

    def close(self) -> None:
        """Let go of the connection."""
        if self._producer is not None:
            connection, self._producer, self._events = self._producer.connection, None, None
            self._declared.clear()
            if connection is not None:
                connection.release()

    def _connect(self) -> None:
        if self._producer is None:
            connection = self._app.connection_for_write()
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=2)
            self._producer = self._app.amqp.Producer(connection, auto_declare=False)
            self._events = self._app.events.Dispatcher(
                connection, buffer_group=frozenset({"task"}), buffer_limit=EVENTS, on_send_buffered=None
            )

    def _pack(self, message: Message) -> Parcel | None:
        """Return the message ready to be pushed, or nothing where it has to take Celery's way."""
        kind, channel = self._kind(message.row), self._producer.channel
        is_heard = signals.before_task_publish.receivers or signals.after_task_publish.receivers
        if not kind.queue or is_heard or not isinstance(channel, RedisChannel):
            return None
        if kind.envelope is None:
            priority = message.row.options.get("priority") or 0
            kind.envelope = envelope_of(channel, kind.queue, kind.headers, priority)
        return Parcel(kind.envelope.key, kind.envelope.fill(message, kind.claims, kind.embedded_text))

    def _push(self, parcels: Sequence[Any]) -> None:
        with self._producer.channel.conn_or_acquire() as client:
            for key, group in groupby(parcels, lambda parcel: parcel.key):
                texts = [parcel.text for parcel in group]
                for first in range(0, len(texts), PUSH):
                    client.lpush(key, *texts[first : first + PUSH])
                    reach("sending")

    def _send(self, messages: Sequence[Message]) -> None:
        with self._producer.batch():
            for message in messages:
                kind = self._kind(message.row)
                row, uid = message.row, str(message.uid)
                own: dict[str, Any] = {"uid": uid, "name": row.name, "expires": message.expires, "shown": message.shown}
                own |= {"kwargs": str(row.kwargs), "run": run_header(message, kind.claims)}
                properties = {"correlation_id": uid, "reply_to": ""}
                body = (row.args, row.kwargs, kind.embedded)
                built = task_message(headers_of(kind.headers, own), properties, body, None)
                self._app.amqp.send_task_message(self._producer, row.task, built, retry=False, **row.options)
                reach("sending")

    def _kind(self, row: Row) -> Kind:
        line = (row.task, row.headers, row.options)
        key = (row.task, id(row.headers), id(row.options))
        found = self._kinds.get(key)
        if found is None:
            if len(self._kinds) >= KINDS:
                self._kinds.clear()
            found = self._kinds[key] = self._new_kind(row, line)
        if found.queue and found.queue not in self._declared:
            self._app.amqp.queues[found.queue](self._producer.channel).declare()
            self._declared.add(found.queue)
        return found

    def _new_kind(self, row: Row, line: tuple[Any, ...]) -> Kind:
        built = self._app.amqp.as_task_v2("", row.task, (), {}, ignore_result=True)
        _, _, embedded = built.body
        return Kind(
            line=line,
            headers={**built.headers, **row.headers, "celery_beat_task": True},
            embedded=embedded,
            embedded_text=dumps(embedded),
            queue=self._queue_of(row),
            claims=self.can_claim(row.task),
        )

    def _queue_of(self, row: Row) -> str:
        """Return the queue of a line's messages; nothing for one with an exchange of its own."""
        if "exchange" in row.options or "routing_key" in row.options:
            return ""
        return str(row.options["queue"])

    def _tell(self, messages: Sequence[Message]) -> None:
        """Let monitors know: one event message for many runs. They are told, not asked: a failure is theirs."""
        if not self._app.conf.task_send_sent_event:
            return
        try:
            for message in messages:
                uid, row = str(message.uid), message.row
                queue = row.options["queue"]
                self._events.send(
                    "task-sent",
                    uuid=uid,
                    root_id=uid,
                    name=row.task,
                    args=message.shown,
                    kwargs=str(row.kwargs),
                    retries=0,
                    queue=queue,
                    routing_key=queue,
                )
            self._events.flush(errors=False)
        except Exception as error:  # each transport raises errors of its own kind
            logger.debug("monitors were not told: %s", error)
            self.close()
