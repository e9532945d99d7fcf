"""Say whether trading may go on: by reconciliations of this start of the system, as long as they are fresh.

    none since the system started     nothing may be ordered yet
    of another account                nothing: by the configuration of this process, whatever the broker would say
    too old (see `_good_until`)       nothing: nobody has looked at the account for too long
    from the future                   nothing: what the clock was set back over says nothing of now
    READY                             everything
    SAFE_MODE, EXIT_ONLY              exits
    FAILED, as the account is blocked nothing
    FAILED, as nobody has answered    exits, by the last one that was answered: a question without an answer says
                                      nothing of the account, and an exit finds out by itself whether the broker is back

Which one is the newest goes by the order in which they were written: their times are those of their runs, and a clock
may be set back.
"""

from datetime import datetime, timedelta
from typing import Final

from thor.env import env
from thor.trading.books import why_not_configured
from thor.trading.models import Reconciliation
from thor.trading.models.desk import Readiness
from thor.trading.records.printing import told

#: A result counts for so many intervals of reconciliation, where whoever reconciled did not know the schedule.
INTERVALS: Final = 2
#: And for at least so long.
LEAST: Final = timedelta(hours=4)
#: Clocks of two machines may differ by so much; what lies further ahead is from another time.
AHEAD: Final = timedelta(minutes=5)


def why_not_enter(at: datetime) -> str:
    """Return why nothing may be bought; nothing where it may."""
    found = newest()
    return _why_nothing(found, at) or _why_no_entry(found)


def why_not_exit(at: datetime) -> str:
    """Return why not even exits may be ordered; nothing where they may."""
    return _why_nothing(newest_answered() or newest(), at)


def newest() -> Reconciliation | None:
    """Return the reconciliation that was written last."""
    return Reconciliation.objects.order_by("-pk").first()


def newest_answered() -> Reconciliation | None:
    """Return the one that was written last of those that the broker has answered."""
    unanswered = {"status": Readiness.FAILED.value, "positions_count": None}
    return Reconciliation.objects.exclude(**unanswered).order_by("-pk").first()


def is_unanswered(found: Reconciliation) -> bool:
    """Tell whether the broker did not answer: then nobody has counted its positions."""
    return found.status == Readiness.FAILED and found.positions_count is None


def _why_nothing(found: Reconciliation | None, at: datetime) -> str:
    from thor.leadership.selectors import system_started_at

    if found is None:
        return "the account has not been reconciled yet"
    if other := why_not_configured():
        return other
    started = system_started_at()
    if env().run_startup_reconciliation and started is not None and found.at < started:
        return "the account has not been reconciled since the system started"
    if at > _good_until(found):
        return f"the last reconciliation is of {told(found.at)}, which is too long ago"
    if found.at - at > AHEAD:
        return f"the last reconciliation is of {told(found.at)}, which is still to come"
    if found.status == Readiness.FAILED:
        return f"reconciliation FAILED: {'; '.join(found.errors)}"[:300]
    return ""


def _good_until(found: Reconciliation) -> datetime:
    """Return until when a reconciliation counts: until two more were due, or four hours where that is longer."""
    interval = timedelta(minutes=env().reconciliation_interval_minutes)
    return max(found.at + LEAST, found.good_until or found.at + INTERVALS * interval)


def _why_no_entry(found: Reconciliation | None) -> str:
    if found is None or found.status == Readiness.READY:
        return ""
    return f"reconciliation says {found.status}: {'; '.join(found.warnings or found.errors)}"[:300]
