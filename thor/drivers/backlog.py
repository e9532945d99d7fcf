"""Keep the queues short enough for what is in them to run in time.

A queue is first come, first served. Once more falls due than the workers can do, everything in it grows old: soon each
message comes to its worker after its deadline, and although the workers never rest nothing runs. So a queue that is
longer than what its workers do in half a second is called full; what falls due then is written into the ledger and
waits there, where the newest can go first and what is too late costs nothing.

    1,000 lines a second, workers for 60:   first come, first served    after 5 s all that is claimed is too late
                                            30 in the queue, rest held  60 a second run, fresh; the others are `missed`

What the workers can do is measured: the most that left the queue in a look of the last ten seconds. Only what is seen
to be in the queue counts, so a burst that meets an empty queue goes out whole.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from thor.leadership.elector import boottime

#: How many seconds' work may lie in a queue, and how many messages in any case.
AHEAD, LEAST = 0.5, 50
#: For how many seconds the best rate is remembered.
MEMORY = 10.0
#: After so many seconds without a message a queue is not looked at any more, until there is one.
IDLE = 60.0


@dataclass(slots=True)
class Flow:
    """One queue: how long it was at the last look, what was sent there since, and how fast it was emptied lately."""

    depth: int = 0
    sent: int = 0
    looked_at: float = 0.0
    held: int = 0
    busy_at: float = 0.0
    rates: deque[tuple[float, float]] = field(default_factory=deque)

    def look(self, depth: int, now: float) -> None:
        """Learn how long the queue is."""
        elapsed = now - self.looked_at
        if self.looked_at and elapsed > 0:
            self.rates.append((now, max(0, self.depth + self.sent - depth) / elapsed))
        while self.rates and self.rates[0][0] < now - MEMORY:
            self.rates.popleft()
        if depth or self.sent or self.held or not self.busy_at:
            self.busy_at = now
        self.depth, self.sent, self.looked_at = depth, 0, now

    @property
    def limit(self) -> int:
        """Return how many messages the queue may hold."""
        return max(LEAST, int(AHEAD * max((rate for _, rate in self.rates), default=0.0)))


class Backlog:
    """The queues that this reign has to do with. `measure` tells how many messages wait in one, None if unknown."""

    def __init__(self, measure: Callable[[str], int | None], *, now: Callable[[], float] = boottime) -> None:
        """Know of no queue yet."""
        self._measure, self._now = measure, now
        self._flows: dict[str, Flow] = {}
        self.changes = 0

    def sent(self, queue: str, number: int = 1) -> None:
        """Note that messages were sent to a queue."""
        self._flow(queue).sent += number

    def look(self) -> None:
        """Look at each queue; forget those that have been idle for a while."""
        for queue, flow in list(self._flows.items()):
            was_full, depth = self.is_full(queue), self._measure(queue)
            if depth is not None:
                flow.look(depth, self._now())
            self.changes += was_full != self.is_full(queue)
            if flow.busy_at < flow.looked_at - IDLE:
                del self._flows[queue]

    def hold(self, held: dict[str, int]) -> None:
        """Learn how many runs wait in the ledger for room in each queue: newcomers wait with them."""
        for queue in {*self._flows, *held}:
            was_full = self.is_full(queue)
            self._flow(queue).held = held.get(queue, 0)
            self.changes += was_full != self.is_full(queue)

    def is_full(self, queue: str) -> bool:
        """Tell whether what falls due now should wait in the ledger."""
        flow = self._flow(queue)
        return flow.held > 0 or flow.depth > flow.limit

    def is_empty(self, queue: str) -> bool:
        """Tell whether nothing waits in a queue, as far as was seen."""
        flow = self._flow(queue)
        return flow.looked_at > 0 and flow.depth + flow.sent == 0

    def room(self, queue: str) -> int:
        """Return how many messages may follow now."""
        flow = self._flow(queue)
        return max(0, flow.limit - flow.depth - flow.sent)

    def _flow(self, queue: str) -> Flow:
        return self._flows.setdefault(queue, Flow())
