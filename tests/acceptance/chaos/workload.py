"""The lines of the schedule in the chaos. Importing this registers nothing: the run asks it what to expect."""

from datetime import timedelta
from typing import Any

from thor.timing import All, Latest

OWN_TASK, CROWD_TASK = "chaos.own", "chaos.crowd"
#: Name of a job: its period in seconds, how long its body takes, and its policies.
JOBS: dict[str, tuple[int, float, dict[str, Any]]] = {
    **{f"plain_{number}": (1, 0.0, {}) for number in range(8)},
    **{f"slow_{number}": (3, 0.3, {}) for number in range(2)},
    "too_slow": (1, 1.3, {}),
    "queued": (2, 0.3, {"overlap": "queue_one"}),
    "free": (1, 0.05, {"overlap": "allow"}),
    "newest": (2, 0.0, {"catch_up": Latest(within=timedelta(seconds=20))}),
    "each": (2, 0.0, {"catch_up": All(within=timedelta(seconds=30)), "overlap": "allow"}),
    "again": (2, 0.05, {"repeatable": True}),
    **{f"paused_{number}": (1, 0.0, {}) for number in range(3)},
}
#: Names of lines of a user's own that nobody touches, and their periods; beside the jobs.
STEADY = {f"steady_{number}": (1, 1, 1, 2, 3)[number % 5] for number in range(180)}
#: How many lines of one second are switched on in an overload: each takes a process of a pool for a tenth of it.
CROWD = 300
