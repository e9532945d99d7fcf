"""Leave a run out while something else has to happen first: the broker was not asked yet, a model is not loaded.

A job names in `waits_for` whom to ask: a callable that takes business time and returns a sentence why the body must
wait, or nothing. The sentence is the reason that the run shows. What comes at an interval is left out, and asks again
at its next time; what comes once a session is put off, and asks again until its deadline. A run that a person asked for
waits as well: it is not safer for having been asked for. Where the question itself raises, the run fails with that
error, and the body is not called.
"""

import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any

from thor.jobs.claim import Claimed
from thor.jobs.middleware.left_out import LeftOut
from thor.leadership.clock import process_clock

Why = Callable[[datetime], str]


class WaitsFor:
    """Ask before anything is said to have started. Option `waits_for`: a callable of business time, "" for go on."""

    options = frozenset({"waits_for"})

    def around(self, run: Claimed, body: Callable[[], Any]) -> Any:
        """Call the body, or raise `LeftOut` with what is waited for."""
        why: Why | None = run.options.get("waits_for")
        reason = why(process_clock().now()) if why is not None else ""
        if reason:
            raise LeftOut(reason)
        return body()


def can_be_asked(why: Any) -> bool:
    """Tell whether a declared `waits_for` can be called with an instant, and with nothing else."""
    try:
        inspect.signature(why).bind(object())
    except (TypeError, ValueError):
        return False
    return True
