"""The jobs of swing trading. Where the body of one of them raises, people hear of it: once a job and session."""

import logging
from typing import Any

from thor.jobs import events
from thor.jobs.models import Run
from thor.jobs.registry import specs
from thor.trading.failed_jobs import note_failed_job
from thor.trading.moment import moment

logger = logging.getLogger("thor.trading")


def _tell_of_failure(name: str, fields: dict[str, Any]) -> None:
    """Have the failed run of a job of this group written into the journal; other events are no matter of trading."""
    if name != "thor.run.failed":
        return
    try:
        run = Run.objects.get(uid=fields["run"])
        spec = specs().get(run.task)
        if spec is not None and spec.group == "trading":
            at, day = moment(run.nominal_at), run.session_date
            note_failed_job(job=spec.name, reason=fields["error"], run=run.uid, at=at, session_date=day)
    except Exception:  # whatever keeps it from being written, the body's own error is the news and goes on
        logger.exception("thor.trading.job_failed %s: it could not be written into the journal", fields["entry"])


events.subscribe(_tell_of_failure)
