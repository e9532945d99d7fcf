"""Go on with the emergencies that are wanted, soon after: what was in doubt then may be known by now."""

from datetime import datetime
from typing import Any
from uuid import UUID

from thor.trading.boundary import Boundary
from thor.trading.brokers.port import Broker
from thor.trading.exits import open_exits
from thor.trading.hours import is_open
from thor.trading.models import Purpose
from thor.trading.readiness import why_not_exit
from thor.trading.selling import sell_at_once


def finish_emergencies(*, broker: Broker, at: datetime, run: UUID) -> dict[str, Any]:
    """Sell what was to be sold at once and is not yet; return what became of each, or why nobody may.

    Whether something is an emergency is judged by the job of that name, every twenty minutes. This is for its orders of
    which nobody knew, that were refused, or that had to wait for others of the symbol.
    """
    wanted = [one for one in open_exits() if one.purpose == Purpose.EMERGENCY]
    if not wanted or not is_open(at):
        return {}
    if reason := why_not_exit(at):
        return {"emergencies_wait": reason}
    boundary, sold = Boundary(at=at, run=run), dict[str, str]()
    for intent in wanted:
        with boundary.around(intent.symbol):
            sold[intent.symbol] = sell_at_once(intent, broker=broker, at=at, run=run)
    return {"emergencies": {**sold, **boundary.failed}}
