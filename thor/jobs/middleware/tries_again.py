"""Let what comes once a session try again where its body raises: one bad minute must not cost the whole session.

A job names in `tries_again` how long to wait. Each failure is told of (`thor.run.failed`, with the error), the run then
waits as one that was put off, and its body is called anew until its deadline: what the body did before it raised, it
must be able to find again. The last failure before the deadline ends the run as failed.

What comes at an interval needs none of this: its next time is near.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from celery.exceptions import TaskPredicate

from thor.jobs.claim import Claimed
from thor.jobs.middleware.left_out import LeftOut
from thor.leadership.clock import process_clock


class TriesAgain:
    """Put a run off whose body raised, while there is time. Option `tries_again`: a timedelta, once a session only."""

    options = frozenset({"tries_again"})

    def around(self, run: Claimed, body: Callable[[], Any]) -> Any:
        """Call the body; raise `LeftOut` in place of its error where it may be called again before the deadline."""
        wait: timedelta | None = run.options.get("tries_again")
        if wait is None:
            return body()
        try:
            return body()
        except TaskPredicate:
            raise  # Celery's own words for what becomes of the task: they are no failure
        except Exception as error:
            if process_clock().now() + wait >= run.occurrence.deadline_at:
                raise
            raise LeftOut(f"{type(error).__name__}: {error}", wait=wait) from error
