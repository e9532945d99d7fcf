"""`manage.py check` on the registry: what only the whole of it can show."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register

import celeryconfig
from thor.errors import BadConfiguration
from thor.jobs.registry import owned, specs


@register
def check_queues(**_: Any) -> Sequence[CheckMessage]:
    """Refuse a job whose queue no worker of the shipped set listens on."""
    known = {queue.name for queue in celeryconfig.task_queues}
    return [
        Error(
            f"job {spec.name!r} uses the queue {spec.queue!r}, which celeryconfig.task_queues does not name.",
            hint=f"Use one of {', '.join(sorted(known))}, or add the queue there.",
            id="thor.E001",
        )
        for spec in specs().values()
        if spec.queue not in known
    ]


@register
def check_ownership(**_: Any) -> Sequence[CheckMessage]:
    """Refuse a THOR_JOBS that names what does not exist."""
    try:
        owned()
    except BadConfiguration as error:
        return [Error(str(error), id="thor.E002")]
    return []
