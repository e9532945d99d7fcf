"""Tell people of a job of trading that failed as a whole: once a job and session, however often it is tried again."""

from datetime import date, datetime
from typing import Final
from uuid import UUID

from thor.trading import journal
from thor.trading.desk import hold
from thor.trading.hours import session_date_of
from thor.trading.models import Event, Happening

LONGEST: Final = 500


def note_failed_job(*, job: str, reason: str, run: UUID, at: datetime, session_date: date | None = None) -> None:
    """Write down that a run of a job failed; a job that has no session of its own belongs to that of `at`."""
    key = f"job_failed:{job}:{session_date or session_date_of(at)}"
    if Event.objects.filter(key=key).exists():
        return  # nobody has to wait for the desk to hear what is said already
    with hold():
        journal.record(Happening.ERROR, at=at, key=key, run=run, job=job, reason=f"{job} failed: {reason}"[:LONGEST])
