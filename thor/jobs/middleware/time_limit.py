"""Bound how long a body may take.

The worker's pool enforces the limit, since a thread cannot stop a body that hangs: the message carries a soft limit,
which raises in the body, and a hard one, after which the process is killed. This layer turns the soft one into an
error that says what happened.
"""

from collections.abc import Callable
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded

from thor.errors import ThorError
from thor.jobs.claim import Claimed


class TooLong(ThorError):
    """The body took longer than its time limit."""


class TimeLimit:
    """Name the limit that a body exceeded. Option `time_limit`: a timedelta."""

    options = frozenset({"time_limit"})

    def around(self, run: Claimed, body: Callable[[], Any]) -> Any:
        """Call the body; raise `TooLong` where the soft limit ended it."""
        try:
            return body()
        except SoftTimeLimitExceeded:
            limit = f" of {run.time_limit:g} s" if run.time_limit else ""
            raise TooLong(f"{run.name} took longer than its time limit{limit}.") from None
