"""Capture an open: signal, entry, target, stop and context of every captured instrument, and TOTAL.

    the session is captured                     already: nothing changes, whoever asks again
    the feed has not reached the open           waiting: the passes of grading capture as soon as it has
    the run fails, or is killed                 its wish is in the database: those passes capture a minute later
    the feed was not running at the open        captured by the first prices after it, and late
    the session before is not settled           it is settled first, as the track record counts it
    an instrument has no price                  a row without a signal, neutral
    an instrument cannot be written             named in `failed`; the others are captured

The figures go by data time: captured at the bell or an hour later, from samples of the same minute, they are the same.
"""

from datetime import date, datetime, timedelta
from typing import Any

from thor.marketdata import awaiting
from thor.marketdata.bells import session_on
from thor.marketdata.events import emit
from thor.marketdata.models import TOTAL, Instrument, SessionCapture
from thor.marketdata.services.market_close_capture import settle_before
from thor.marketdata.waiting import PATIENCE
from thor.markets.registry import market as market_of
from thor.timing.session import Session

#: How long (data time) a run is left alone with a capture before the passes of grading try it as well.
HEAD_START = timedelta(minutes=1)


def capture_open(
    *, market: str, at: datetime, session_date: date | None = None, patience: timedelta = PATIENCE
) -> dict[str, Any]:
    """Capture the open of a session once; return what was captured, or why not (`already`, `waiting`, `off`)."""
    if off := switched_off(market):
        return off
    session = session_on(market, at, session_date)
    if session is None or at < session.open:
        return {"waiting": "open"}
    awaiting.expect(market, session.date, at + HEAD_START)
    told = _once(market, session, patience)
    if "waiting" in told:
        awaiting.expect(market, session.date, at)
    else:
        awaiting.met(market, session.date)
    return told


def capture_if_awaited(*, market: str, at: datetime, session_date: date) -> dict[str, Any]:
    """Capture an open that a run was asked for and did not capture; the time for waiting is over, so once a call."""
    if not awaiting.is_due(market, session_date, at):
        return {"waiting": "capture"}
    return capture_open(market=market, at=at, session_date=session_date, patience=timedelta(0))


def switched_off(market: str) -> dict[str, Any]:
    """Return what to say of a market whose opens are not captured; nothing where they are."""
    row = market_of(market)
    off = [name for name in ("capture_futures", "capture_open") if not getattr(row, name)]
    return {"off": off} if off else {}


def _once(market: str, session: Session, patience: timedelta) -> dict[str, Any]:
    known = SessionCapture.objects.filter(market=market, session_date=session.date).first()
    if known is not None:
        return {"already": known.captured_at.isoformat()}
    wanted = Instrument.objects.filter(captured=True, active=True).select_related("target")
    instruments = list(wanted)
    if not instruments:
        return {"nothing": "no instrument is captured; set captured on an instrument"}
    return _capture(market, session, instruments, patience)


def _capture(market: str, session: Session, instruments: list[Instrument], patience: timedelta) -> dict[str, Any]:
    # Here, not above: a process that only knows of the job needs neither the kernels nor what they bring.
    from thor.marketdata import capturing, closes, context, opens
    from thor.marketdata.backtests import track_records

    # First: the record counts what is settled, and the passes of the fold below let go of ticks that it is settled by.
    settle_before(market=market, session_date=session.date)
    venues = {row.venue for row in instruments}
    moment = opens.moment_of(venues, session.open, session.close, patience=patience)
    if isinstance(moment, opens.NotYet):
        return {"waiting": "feed", "venues": list(moment.venues)}
    samples = opens.samples_at(instruments, moment)
    prices = {symbol: sample.last_price for symbol, sample in samples.items()}
    material = capturing.Material(
        moment=moment,
        instruments=instruments,
        samples=samples,
        previous_closes=closes.previous_closes(instruments, moment.at),
        context=context.day_and_year_context(instruments, moment.at, prices),
        records=track_records(market, session.open, [*(row.symbol for row in instruments), TOTAL]),
    )
    captured = capturing.write_session(market, session, material)
    if captured is None:
        return {"already": moment.at.isoformat()}
    return _told(captured, material)


def _told(captured: Any, material: Any) -> dict[str, Any]:
    head, total = captured.session, captured.rows.get(TOTAL)
    unpriced = [row.symbol for row in material.instruments if row.symbol not in material.samples]
    found: dict[str, Any] = {
        "session": head.session_date.isoformat(),
        "at": head.captured_at.isoformat(),
        "rows": len(captured.rows),
        "signal": total.signal if total else "",
    }
    extra = {
        "late": head.late,
        "failed": captured.failed,
        "unpriced": unpriced,
        "silent": sorted(material.moment.silent),
    }
    emit("thor.capture.open", market=head.market, **found, late=head.late)
    return {**found, **{name: value for name, value in extra.items() if value}}
