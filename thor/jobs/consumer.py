"""Keep a worker at its broker, however often that dies.

Celery's consumer begins anew where the connection breaks, but only for errors that the transport declares to be its
own. What else a dying broker brings about, such as an error in the middle of tidying up after the last one, or an
embedded server that cannot be started now, ends the worker with status 1, and its runs with it:

    broker    dies        comes back, dies again
    worker    reads: ConnectionError     connects, subscribes: some other error
    Celery    begins anew                ends the process

A worker that has once been ready begins anew after any error. One that never was ends, since what is wrong then is
most likely its configuration, and whoever started it is looking.
"""

import time
from contextlib import contextmanager
from functools import partial
from typing import Any

from celery.bootsteps import CLOSE, TERMINATE  # type: ignore[attr-defined]  # the stubs leave them out
from celery.worker.consumer import Consumer

from thor.jobs import events

#: Seconds between tries to reach a broker that is away: the first wait, what each adds, the longest.
WAITS = {"interval_start": 0.5, "interval_step": 0.5, "interval_max": 3.0}
#: Seconds before everything begins anew after an error that Celery does not know, which may well come again.
PAUSE = 1.0


class EnduringConsumer(Consumer):
    """Celery's consumer, but for two things: no error ends it once it was ready, and it is back within seconds."""

    hub: Any
    _cancel_connection_timer_entries: Any

    def start(self) -> None:
        """Consume until the worker is told to stop."""
        while self.blueprint.state not in (CLOSE, TERMINATE):
            try:
                super().start()
            except Exception as error:  # a dying broker brings about more kinds than anybody has listed
                if not self._was_ready():
                    raise
                events.emit("thor.worker.reconnecting", error=repr(error))
                self._tidy_up(error)
                time.sleep(PAUSE)

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, waiting no longer between tries than a deadline can bear."""
        conn.ensure_connection = partial(conn.ensure_connection, **WAITS)
        return super().ensure_connected(conn)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Say it, and wait: a broker that refuses at once would be asked a hundred times a second."""
        super().on_connection_error_before_connected(exc)
        time.sleep(PAUSE)

    def _was_ready(self) -> bool:
        return self.init_callback is None

    def _tidy_up(self, error: Exception) -> None:
        """Leave nothing of the broken connection, as Celery does for the errors that it knows."""
        with _whatever_comes():
            self.on_connection_error_after_connected(error)
        self.connection = None
        with _whatever_comes():
            self.on_close()
        self._cancel_connection_timer_entries()
        if self.hub is not None:
            # Those of the pool stay, since it adds them once; one of a broken connection might raise for ever.
            self.hub.on_tick -= {tick for tick in self.hub.on_tick if tick.__module__.startswith("kombu.")}
            with _whatever_comes():
                self.hub.reset()
        self.blueprint.restart(self)


@contextmanager
def _whatever_comes() -> Any:
    """Go on after an error in tidying up: what it was about is thrown away in any case."""
    try:
        yield
    except Exception as error:  # see above
        events.emit("thor.worker.untidy", error=repr(error))
