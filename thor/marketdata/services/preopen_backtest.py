"""Store the track record of every captured instrument and of TOTAL, in the minute before an open.

The record is strictly of what was captured before the open, so it does not matter when it is made; what yesterday left
open (a close that had to wait for its feed) is settled first, so that it counts.
"""

from datetime import date, datetime
from typing import Any

from django.db import transaction

from thor.marketdata.bells import coming_session
from thor.marketdata.models import TOTAL, Backtest, Instrument
from thor.marketdata.services.market_close_capture import settle_before
from thor.marketdata.services.market_open_capture import switched_off
from thor.marketdata.upsert import upsert


def store_track_records(*, market: str, at: datetime, session_date: date | None = None) -> dict[str, Any]:
    """Store one row a symbol for the open to come; return how many symbols there are and the captures they stand on."""
    from thor.marketdata.backtests import track_records

    if off := switched_off(market):
        return off
    session = coming_session(market, at, session_date)
    if session is None:
        return {"waiting": "session"}
    settled = settle_before(market=market, session_date=session.date)
    captured = Instrument.objects.filter(captured=True, active=True)
    symbols = [*captured.order_by("symbol").values_list("symbol", flat=True), TOTAL]
    records = track_records(market, session.open, symbols)
    key = {"market": market, "session_date": session.date}
    rows = [{**key, "symbol": one, "as_of": session.open, "figures": figures} for one, figures in records.items()]
    with transaction.atomic():
        upsert(Backtest, rows, unique=("market", "session_date", "symbol"))
    found = {"session": session.date.isoformat(), "as_of": session.open.isoformat(), "symbols": len(rows)}
    return {**found, **({"settled": settled} if settled else {})}
