"""What is said in Redis is heard at once: an edit, a release; and again after Redis was away."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from thor.jobs import hints
from thor.leadership.lease import RedisLease
from thor.leadership.listener import Listener
from thor.leadership.term import installation

HANG = 60.0


class Ear:
    """Collect what is heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, channel: str) -> None:
        with self._changed:
            self.heard.append(channel)
            self._changed.notify_all()

    def hears(self, channel: str) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: channel in self.heard, timeout=HANG)


@pytest.fixture
def listen(redis_client: redis.Redis) -> Iterator[Callable[[str], Ear]]:
    started: list[Listener] = []

    def begin(channel: str) -> Ear:
        ear = Ear()
        listener = Listener(redis_client, (channel,), ear)
        listener.start()
        started.append(listener)
        _until(lambda: dict(redis_client.pubsub_numsub(channel)).get(channel.encode()))
        return ear

    yield begin
    for one in started:
        one.stop()
    for one in started:
        one.join(HANG)
        assert not one.is_alive()


def _until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
def test_an_edit_is_heard_once_it_is_committed(listen: Callable[[str], Ear]) -> None:
    ear = listen(hints.channel(installation()))
    interval = IntervalSchedule.objects.create(every=1, period="seconds")

    PeriodicTask.objects.create(name="own", task="own.task", interval=interval)

    assert ear.hears(hints.channel(installation()))


def test_a_release_is_heard_by_those_who_stand_by(listen: Callable[[str], Ear], redis_client: redis.Redis) -> None:
    lease = RedisLease(redis_client, "a lease")
    lease.acquire("leader", timedelta(seconds=30))
    ear = listen(lease.channel)

    lease.release("leader")

    assert ear.hears(lease.channel)


def test_what_is_said_after_the_connection_broke_is_heard(
    listen: Callable[[str], Ear], redis_client: redis.Redis
) -> None:
    ear = listen("news")
    redis_client.client_kill_filter(_type="pubsub")
    _until(lambda: dict(redis_client.pubsub_numsub("news")).get(b"news"))

    redis_client.publish("news", "")

    assert ear.hears("news")


@pytest.mark.django_db(transaction=True)
def test_an_edit_while_redis_is_away_is_an_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    away = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    monkeypatch.setattr(hints, "_client", lambda: away)
    interval = IntervalSchedule.objects.create(every=1, period="seconds")

    PeriodicTask.objects.create(name="own", task="own.task", interval=interval)

    assert PeriodicTask.objects.filter(name="own").exists()
