"""Celery's beat, driven by the ledger: `celery -A thor beat` starts this scheduler.

A drop-in for django-celery-beat's `DatabaseScheduler`: the same rows, the same admin, `beat_schedule` and Celery's own
default entries installed in the same way. What differs is that every fire is decided in the ledger first, and that of
several beats one leads.
"""

import logging
import signal
import time
from types import FrameType
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django_celery_beat.schedulers import DatabaseScheduler

from thor.drivers.contender import Contender, bind_this_thread
from thor.drivers.mode import legacy_allowed, tell_of_rivals
from thor.drivers.publish import Publisher
from thor.drivers.reign import PAUSE, Reign
from thor.jobs.decision import Deposed
from thor.leadership.seat import BESIDE_STACK, SCHEDULER, Seat

logger = logging.getLogger(__name__)


class ThorScheduler(DatabaseScheduler):
    """Elect, plan, decide and publish inside `tick()`; Celery only keeps calling it."""

    _contender: Contender | None = None
    _has_said = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Install the rows that the application declares, as django-celery-beat does."""
        super().__init__(*args, **kwargs)
        # Its timed write-back would fight with the leader's own columns; nothing is ever dirty here.
        self._finalize.cancel()

    def setup_schedule(self) -> None:
        """Do nothing yet: a database that does not answer must not end beat before it has begun."""

    def update_from_dict(self, mapping: dict[str, Any]) -> None:
        """Write declared entries as rows, unless a row of that name is there and says the same.

        One that makes no sense is left out and said, and stops none of the others.
        """
        for name, fields in mapping.items():
            try:
                self.Entry.from_entry(name, app=self.app, **fields)
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:  # whatever a person can write there, and what Django says to it
                logger.error("beat_schedule: %r cannot be a row: %s; it was %r", name, error, fields)

    @property
    def schedule(self) -> dict[str, Any]:
        """Return nothing: the rows are read by the leader, and never through Celery's own entries."""
        return {}

    def tick(self, *_: Any, **__: Any) -> float:
        """Turn the loop once: do what is due and wait, here, until something is due again."""
        reign = self._contender.reign if self._contender else self._begin()
        if reign is None:
            time.sleep(PAUSE.total_seconds())
            return 0.0
        try:
            if not reign.is_stopping:
                reign.turn()
        except Deposed:
            self.close()
            raise SystemExit("thor: another scheduler has taken over; without the lease only one may run.") from None
        if reign.is_stopping:
            raise SystemExit(0)
        return 0.0

    def sync(self) -> None:
        """Write nothing: the ledger is up to date after every decision."""

    def close(self) -> None:
        """Release the lease and let go of the broker."""
        if self._contender is not None:
            self._contender.leave()

    @property
    def info(self) -> str:
        """Say on the start screen who keeps time."""
        return "    . thor -> one leader, decisions in the ledger"

    def _begin(self) -> Reign | None:
        """Write the declared rows and join the election; nothing yet where the database does not answer."""
        bind_this_thread()
        try:
            self.install_default_entries({})
            self.update_from_dict(self.app.conf.beat_schedule)
            seat = self._seat()
            tell_of_rivals(seat, logger.warning)
            contender = Contender(Publisher(self.app), seat=seat)
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            self._say_trouble(str(error).strip())
            return None
        self._contender = contender
        contender.start()
        self._take_signals()
        return contender.reign

    def _seat(self) -> Seat:
        if not legacy_allowed():
            return SCHEDULER
        logger.info("THOR_SCHEDULER_MODE=legacy: the entries of Thor's jobs are left to the stack; all others run here")
        return BESIDE_STACK

    def _say_trouble(self, trouble: str) -> None:
        if not self._has_said:
            logger.error("the database is not ready (%s); does it run, and was `manage.py migrate` run?", trouble)
        self._has_said = True

    def _take_signals(self) -> None:
        # Celery's own handlers raise SystemExit wherever the main thread is, in the middle of a decision too.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._contender is not None:
            self._contender.reign.stop()
