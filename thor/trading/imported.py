"""Ask what the scheduler of old had done before Thor took over: its imported state counts until the ledger does."""

from datetime import date, datetime

from thor.trading.hours import session_date_of
from thor.trading.models import ImportedRun
from thor.trading.state_keys import JOBS


def already_ran(key: str, session_date: date | None, at: datetime) -> bool:
    """Tell whether the scheduler of old has done a once-a-session task for a session, so that Thor must not again.

    `key` is one of its own, such as `entry`. Sessions are compared, not dates on the wall: what ran after midnight,
    on a weekend or on a holiday belongs to the session before. Where the caller has no session it is that of `at`.
    """
    if key not in JOBS:
        raise KeyError(f"{key!r} is no key of a state file; there are {', '.join(JOBS)}")
    row = ImportedRun.objects.filter(key=key, at__isnull=False).first()
    if row is None or row.at is None:
        return False
    return session_date_of(row.at) == (session_date or session_date_of(at))
