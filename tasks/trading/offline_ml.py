"""Learn from finished trades after the close, once a session, and watch whether entries have become worse.

Where the system was down at the close, it learns when it is up again, until the next open. Being started is no reason
to learn by itself: a process loads the model that there is.
"""

from datetime import timedelta
from typing import Any

from thor.env import env
from thor.jobs import job
from thor.timing import Between, Latest, Occurrence, OncePerSession
from thor.trading.services import offline_ml as service


@job(
    cadence=OncePerSession(),
    window=Between("close", "next open"),
    markets=(env().trading_market,),
    catch_up=Latest(within=timedelta(days=7)),
    queue="trading",
    repeatable=True,
    time_limit=timedelta(minutes=10),
)
def offline_ml(occurrence: Occurrence, **_: Any) -> Any:
    """Return what came of it: a model, promoted or not, or why there is none."""
    return service.learn_from_trades(
        run=occurrence.run_id, at=occurrence.nominal_at, session_date=occurrence.session_date
    )
