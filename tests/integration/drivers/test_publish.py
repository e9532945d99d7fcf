"""What reaches the broker: the packed messages are those that Celery itself would send."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import redis
from celery import signals

from thor.celery import app
from thor.connections import redis_client
from thor.drivers.envelope import Message
from thor.drivers.publish import Publisher
from thor.jobs.schedule import Row
from thor.timing import Entry, Every, Occurrence

AT = datetime(2027, 3, 14, 9, 30, tzinfo=UTC)
ENTRY = UUID("0b0e1d1c-0000-4000-8000-000000000002")
QUEUE = "test_publish"


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    client = redis_client()
    yield client
    for key in client.scan_iter(f"{QUEUE}*"):
        client.delete(key)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    made = Publisher(app)
    yield made
    made.close()


def row(name: str = "own", **changes: Any) -> Row:
    timed = Entry(id=ENTRY, cadence=Every(seconds=1), since=AT)
    values: dict[str, Any] = {
        "pk": 1, "name": name, "timed": timed, "task": "own.task", "args": [1, "two", None], "kwargs": {"three": [3.5]},
        "options": {"queue": QUEUE}, "headers": {"desk": "é"}, "one_off": False, "version": "", "spec": None,
    }  # fmt: skip
    return Row(**{**values, **changes})


def message(number: int = 0, line: Row | None = None, **changes: Any) -> Message:
    values: dict[str, Any] = {"market": "usa", "session_date": date(2027, 3, 12), "origin": "manual:é", **changes}
    at = AT + timedelta(seconds=number)
    occurrence = Occurrence(ENTRY, at, AT + timedelta(hours=1), **values)
    return Message(line or row(), occurrence, occurrence.run_id, occurrence.deadline_at)


def sent(broker: redis.Redis) -> list[Any]:
    """Return what waits in the queue, in the order in which it will be taken, without the tags of deliveries."""
    found = [json.loads(text) for text in reversed(broker.lrange(QUEUE, 0, -1))]
    for one in found:
        assert UUID(one["properties"].pop("delivery_tag"))
    broker.delete(QUEUE)
    return found


NASTY = [
    message(),
    message(line=row('quotes " and \\ and {braces} and %s', args=[], kwargs={})),
    message(line=row(headers={}, options={"queue": QUEUE, "priority": 0})),
    message(folded=3, folded_from=AT, session_date=None, market="", origin=""),
]


@pytest.mark.parametrize("one", NASTY)
def test_a_packed_message_is_what_celery_would_send(broker: redis.Redis, publisher: Publisher, one: Message) -> None:
    publisher.publish([one])
    packed = sent(broker)

    signals.before_task_publish.connect(_hear)  # whoever listens gets Celery's whole way
    try:
        publisher.publish([one])
    finally:
        signals.before_task_publish.disconnect(_hear)

    assert packed == sent(broker)
    assert len(packed) == 1


def _hear(**_: Any) -> None:
    """Be somebody who listens."""


def test_messages_are_taken_in_the_order_in_which_they_were_published(
    broker: redis.Redis, publisher: Publisher
) -> None:
    messages = [message(number) for number in range(600)]

    publisher.publish(messages, publisher.pack(messages[:300]))

    assert publisher.depth(QUEUE) == 600
    assert [one["headers"]["id"] for one in sent(broker)] == [str(one.uid) for one in messages]


def test_lines_alike_but_for_their_arguments_do_not_share_them(broker: redis.Redis, publisher: Publisher) -> None:
    shared: dict[str, Any] = {"headers": {}, "options": {"queue": QUEUE}}
    publisher.publish([message(line=row("a", args=["a"], **shared)), message(line=row("b", args=["b"], **shared))])

    found = sent(broker)

    assert [one["headers"]["argsrepr"].split()[0] for one in found] == ["('a')", "('b')"]
    assert found[0]["body"] != found[1]["body"]


def test_a_queue_with_a_priority_of_its_own_is_counted_with_it(broker: redis.Redis, publisher: Publisher) -> None:
    publisher.publish([message(line=row(options={"queue": QUEUE, "priority": 9}))])

    assert publisher.depth(QUEUE) == 1
    assert broker.llen(QUEUE) == 0  # kombu keeps a list for each step of the priorities
