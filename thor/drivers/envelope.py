"""Pack messages for a Redis broker, thousands at a time.

Most messages of a task are alike but for id, times and occurrence. So Celery and kombu build one message, whole, with
marks in the place of what differs, and the others are its text with the marks filled in. A test holds this way and
Celery's own against each other.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from json import dumps
from typing import Any
from uuid import UUID, uuid4

from thor.jobs.claim import HEADER, header
from thor.jobs.schedule import Row
from thor.timing import Occurrence

#: A message outlives its deadline by this much: the claim enforces the deadline, expiry only removes rubbish.
RUBBISH_AFTER = timedelta(seconds=60)
#: Nobody's arguments say these: they are new for each process.
MARKS = {name: f"{name}-{uuid4().hex}" for name in ("uid", "tag", "expires", "shown", "kwargs", "name", "run", "body")}
_MARK = re.compile("|".join(f'"({mark})"' for mark in MARKS.values()))
_NAMES = {mark: name for name, mark in MARKS.items()}


@dataclass(frozen=True, slots=True)
class Message:
    """One run to publish: the line it comes from, its occurrence, its id, and the wall time of its deadline."""

    row: Row
    occurrence: Occurrence
    uid: UUID
    deadline_at: datetime

    @property
    def expires(self) -> str:
        """Return when the message is rubbish."""
        return (self.deadline_at + RUBBISH_AFTER).isoformat()

    @property
    def shown(self) -> str:
        """Return what monitors show as its arguments."""
        own = ", ".join(repr(argument) for argument in self.row.args)
        nominal = f"{self.row.name} {self.occurrence.nominal_at.isoformat()}"
        return f"({own}) {nominal}" if own else nominal


def run_header(message: Message, claims: bool) -> dict[str, Any]:
    """Return what tells a worker which occurrence it is, and whether there is something to claim."""
    return {**header(message.occurrence), "claim": claims}


def headers_of(static: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the headers of a message: those that all of its kind have, and its own, by the names of the marks."""
    return {
        **static,
        "id": own["uid"],
        "root_id": own["uid"],
        "periodic_task_name": own["name"],
        "expires": own["expires"],
        "argsrepr": own["shown"],
        "kwargsrepr": own["kwargs"],
        HEADER: own["run"],
    }


class Envelope:
    """The text of all messages of one kind, and the key of the list that they are pushed to."""

    def __init__(self, key: str, text: str) -> None:
        """Take apart a message that was built with `MARKS` in the place of what differs."""
        self.key = key
        parts = [part for part in _MARK.split(text) if part is not None]
        self._literals, self._names = parts[::2], [_NAMES[mark] for mark in parts[1::2]]

    def fill(self, message: Message, claims: bool, embedded: str) -> str:
        """Return the text of one message; `embedded` is the JSON that Celery puts behind all arguments."""
        row = message.row
        body = f"[{dumps(row.args)}, {dumps(row.kwargs)}, {embedded}]"
        values = {
            "uid": f'"{message.uid}"',
            "tag": f'"{uuid4()}"',
            "expires": f'"{message.expires}"',
            "shown": dumps(message.shown),
            "kwargs": dumps(str(row.kwargs)),
            "body": f'"{b64encode(body.encode()).decode()}"',
            "name": dumps(row.name),
            "run": dumps(run_header(message, claims)),
        }
        pieces = [self._literals[0]]
        for name, literal in zip(self._names, self._literals[1:], strict=True):
            pieces += (values[name], literal)
        return "".join(pieces)


def envelope_of(channel: Any, queue: str, static: Mapping[str, Any], priority: int) -> Envelope:
    """Let kombu's channel build a message, and stop it just before it is sent."""
    headers = headers_of(static, MARKS)
    properties = {"correlation_id": MARKS["uid"], "reply_to": "", "delivery_mode": 2}
    message = channel.prepare_message(b"", priority, "application/json", "utf-8", headers, properties)
    channel._inplace_augment_message(message, "", queue)
    message["properties"]["delivery_tag"] = MARKS["tag"]
    message["body"] = MARKS["body"]
    caught = _Caught()
    channel._put(queue, message, _publish_batch=caught)
    return Envelope(caught.key, caught.text)


class _Caught:
    """Take the place of a batch of kombu's, and keep the one push."""

    key = text = ""

    def add(self, command: str, key: str, *arguments: Any) -> None:
        """Keep what would be sent; what prolongs the life of a queue is done by sending to it."""
        if command == "lpush":
            self.key, self.text = key, str(arguments[0])
