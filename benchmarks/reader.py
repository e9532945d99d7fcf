"""Read dispatches off the broker's queue, with the time at which each arrived.

The reader stands where a worker would, but runs nothing. It pops as soon as something is there, so the time of the pop
is the time of the arrival, give or take the round trip. For Thor it also claims and finishes the runs, as workers
would, many in one statement: else what is measured is how Thor publishes again what nobody takes.
"""

import base64
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import psycopg
import redis

QUEUE = "default"
MOST_AT_ONCE = 1000
CLAIM_EVERY = 0.2
_ID = re.compile(rb'"id": ?"([0-9a-f-]{36})"')
_CLAIM = """
UPDATE jobs_run SET state = 'succeeded', attempt = attempt + 1, started_at = now(), finished_at = now()
 WHERE uid = ANY(%s) AND state = 'due' RETURNING uid
"""


@dataclass(frozen=True, slots=True)
class Fire:
    """One message: when it arrived, the number of its entry, the instant it was due (where it tells), its id."""

    at: float
    entry: int
    nominal: float | None
    uid: str

    @property
    def lateness_ms(self) -> float:
        """Return the milliseconds from the instant it was due to its arrival; negative would be early."""
        return (self.at - (self.nominal or self.at)) * 1000


class Reader:
    """Pop messages on a thread; claim them on another one where there is a ledger."""

    def __init__(self, broker_url: str, ledger_url: str = "") -> None:
        """Read from the queue at `broker_url`; claim in the ledger at `ledger_url`, where given."""
        self._client = redis.Redis.from_url(broker_url)
        self._ledger_url = ledger_url
        self._raw: list[tuple[float, bytes]] = []
        self._fires: list[Fire] = []
        self._to_claim: deque[str] = deque()
        self._ended = threading.Event()
        self.starts: list[str] = []
        self._threads = [threading.Thread(target=self._read, daemon=True)]
        if ledger_url:
            self._threads.append(threading.Thread(target=self._claim, daemon=True))

    def __enter__(self) -> "Reader":
        """Begin to read."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop reading."""
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout=10)
        self._client.close()

    def fires(self) -> list[Fire]:
        """Return everything that arrived so far, in the order of arrival."""
        for at, raw in self._raw[len(self._fires) :]:
            self._fires.append(_fire(at, raw))
        return self._fires

    @property
    def number(self) -> int:
        """Return how many messages arrived so far."""
        return len(self._raw)

    @property
    def last_at(self) -> float:
        """Return when the last message arrived."""
        return self._raw[-1][0] if self._raw else 0.0

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until a condition on what arrived is true; return whether it became so in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.002)
        return condition()

    def wait_for(self, number: int, seconds: float) -> bool:
        """Wait until at least `number` messages have arrived; return whether they have."""
        return self.wait(lambda: self.number >= number, seconds)

    def _read(self) -> None:
        while not self._ended.is_set():
            first = self._client.brpop([QUEUE], timeout=0.2)
            if first is None:
                continue
            popped = [first[1]]
            while popped:
                at = time.time()
                self._raw.extend((at, raw) for raw in popped)
                if self._ledger_url:
                    self._to_claim.extend(_id(raw) for raw in popped)
                popped = self._client.rpop(QUEUE, MOST_AT_ONCE) or []

    def _claim(self) -> None:
        with psycopg.connect(self._ledger_url, autocommit=True, application_name="reader") as connection:
            while not self._ended.wait(CLAIM_EVERY):
                self._claim_once(connection)
            self._claim_once(connection)

    def _claim_once(self, connection: psycopg.Connection) -> None:
        taken = [self._to_claim.popleft() for _ in range(len(self._to_claim))]
        if taken:
            self.starts += [str(uid) for (uid,) in connection.execute(_CLAIM, [taken]).fetchall()]


def _id(raw: bytes) -> str:
    found = _ID.search(raw)
    return found.group(1).decode() if found else ""


def _fire(at: float, raw: bytes) -> Fire:
    message = json.loads(raw)
    headers, body = message["headers"], message["body"]
    if message["properties"].get("body_encoding") == "base64":
        body = base64.b64decode(body)
    arguments = json.loads(body)[0]
    run = headers.get("thor_run")
    nominal = datetime.fromisoformat(run["nominal_at"]).timestamp() if run else None
    return Fire(at, int(arguments[0]), nominal, headers["id"])
