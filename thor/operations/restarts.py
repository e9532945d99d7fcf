"""Decide when a program that ended by itself starts again, and when it has ended too often."""

from collections import deque
from dataclasses import dataclass, field

#: A program that ends this often ...
MOST_ENDS = 5
#: ... within so many seconds will not get better by starting it once more.
WITHIN_SECONDS = 60.0
FIRST_DELAY = 1.0
LONGEST_DELAY = 10.0


@dataclass(slots=True)
class Restarts:
    """Remember the ends of one program within the last minute, as seconds of the monotonic clock."""

    ends: deque[float] = field(default_factory=deque)

    def delay_after_end(self, at: float) -> float | None:
        """Return the seconds to wait before the next start, or None when it is to be given up.

        The delay doubles with each end of the last minute, up to `LONGEST_DELAY`.
        """
        self.ends.append(at)
        while self.ends[0] <= at - WITHIN_SECONDS:
            self.ends.popleft()
        if len(self.ends) >= MOST_ENDS:
            return None
        return min(FIRST_DELAY * 2.0 ** (len(self.ends) - 1), LONGEST_DELAY)
