"""Wake somebody who waits, from another thread or from a signal handler.

An event of `threading` is set under a lock. A handler that runs while its own thread holds that lock, for a moment of
`wait` or `clear`, would wait for it for ever; a simple queue may be written to at any moment.
"""

from queue import Empty, SimpleQueue


class Wake:
    """One who waits, and any number of others who end the wait. What was said before the wait ends it at once."""

    def __init__(self) -> None:
        """Have been told nothing."""
        self._said: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """End the wait."""
        if self._said.empty():  # else it ends already, and where nobody waits nothing heaps up
            self._said.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait until somebody ends it, `seconds` at most; tell whether somebody did."""
        try:
            self._said.get(timeout=max(seconds, 0.0))
        except Empty:
            return False
        self.clear()
        return True

    def clear(self) -> None:
        """Forget what was said."""
        try:
            while True:
                self._said.get_nowait()
        except Empty:
            pass
