"""The questions about bars, volume-weighted prices, extremes and 24-hour sessions."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.http import HttpRequest
from ninja import Query, Router
from ninja.errors import HttpError

from thor.dashboard.api.marketdata import figure_answers as answers
from thor.dashboard.api.marketdata import questions
from thor.dashboard.api.marketdata.figures import simulated
from thor.dashboard.api.paging import Column, Order, day, instant, number, text
from thor.dashboard.api.troubles import Trouble
from thor.dashboard.now import read_now
from thor.marketdata import selectors
from thor.marketdata.models import Bar, Extreme, Instrument, TwentyFourHour
from thor.markets.sessions import sessions_of
from thor.timing.session import Session

router = Router()

_TROUBLES: Final = {400: Trouble, 401: Trouble, 404: Trouble, 503: Trouble}
OLDEST: Final = Order(Column("start_at", instant))
LISTED: Final = Order(Column("instrument__sort_order", number), Column("instrument__symbol", text))
NEWEST: Final = Order(Column("session_date", day, descending=True), Column("instrument_id", number))
_BAR: Final = ("start_at", "open", "high", "low", "close", "volume", "trades", "vwap", "bid", "ask", "spread", "source")


@router.get("/bars", response={200: answers.BarsAnswer, **_TROUBLES}, by_alias=True, tags=["prices"])
def list_bars(request: HttpRequest, asked: Query[questions.Bars]) -> Any:
    """The one-minute bars of an instrument that start in a stretch of time, oldest first."""
    instrument = selectors.find_instrument(asked.symbol)
    start, end = asked.bounds(read_now().at, questions.LONGEST_BARS)
    rows = Bar.objects.filter(instrument=instrument, start_at__gte=start, start_at__lt=end).only(*_BAR)
    shown, behind = OLDEST.page(request, rows, asked)
    return {
        "symbol": instrument.symbol,
        "from": start,
        "to": end,
        "bars": [{name: getattr(bar, name) for name in _BAR} for bar in shown],
        "count": len(shown),
        "simulated": simulated(*{bar.source for bar in shown}),
        "next": behind,
    }


@router.get("/vwap", response={200: answers.VwapAnswer, **_TROUBLES}, by_alias=True, tags=["prices"])
def volume_weighted_price(request: HttpRequest, asked: Query[questions.Vwap]) -> Any:
    """The volume-weighted average price of a stretch of time, or of the session and the last minutes as of now."""
    instrument, now = selectors.find_instrument(asked.symbol), read_now().at
    if asked.start is None and asked.end is None:
        minutes = asked.window or selectors.ROLLING_WINDOW // timedelta(minutes=1)
        session, rolling = _of_session(instrument, now), _rolling(instrument, now, minutes)
        return {"symbol": instrument.symbol, "range": None, "session": session, "rolling": rolling}
    if asked.window is not None:
        raise HttpError(400, "window cannot be used together with from and to: ask for one or the other.")
    start, end = asked.bounds(now, questions.LONGEST_VWAP)
    price = _price(start, end, selectors.session_vwap(instrument.symbol, start, end))
    return {"symbol": instrument.symbol, "range": price, "session": None, "rolling": None}


@router.get("/week52", response={200: answers.ExtremesAnswer, **_TROUBLES}, tags=["prices"])
def list_extremes(request: HttpRequest, asked: Query[questions.Instruments]) -> Any:
    """The highest and lowest prices of 52 weeks and of all time, in the order of lists."""
    rows = Extreme.objects.select_related("instrument").filter(**_of_instruments(asked))
    shown, behind = LISTED.page(request, rows, asked)
    found = [answers.ExtremeAnswer.of(row) for row in shown]
    return answers.ExtremesAnswer(rows=found, count=len(found), next=behind)


@router.get("/rolling-24h", response={200: answers.DaysAnswer, **_TROUBLES}, tags=["prices"])
def list_days(request: HttpRequest, asked: Query[questions.Days]) -> Any:
    """What instruments did in the 24-hour sessions, the newest date first."""
    rows = TwentyFourHour.objects.select_related("instrument").filter(**_of_instruments(asked))
    if asked.date is not None:
        rows = rows.filter(session_date=asked.date)
    shown, behind = NEWEST.page(request, rows, asked)
    found = [answers.DayAnswer.of(row) for row in shown]
    return answers.DaysAnswer(rows=found, count=len(found), next=behind)


def _of_instruments(asked: questions.Instruments) -> dict[str, Any]:
    if asked.symbol is None and asked.venue is None:
        return {}
    return {"instrument__in": asked.instruments()}


def _of_session(instrument: Instrument, now: datetime) -> dict[str, Any] | None:
    session = _newest_session(instrument, now)
    if session is None:
        return None
    end = min(now, session.close)
    return _price(session.open, end, selectors.session_vwap(instrument.symbol, session.open, end), date=session.date)


def _rolling(instrument: Instrument, now: datetime, minutes: int) -> dict[str, Any]:
    window = timedelta(minutes=minutes)
    return _price(now - window, now, selectors.rolling_vwap(instrument.symbol, now, window), window=minutes)


def _price(start: datetime, end: datetime, vwap: Decimal | None, **more: Any) -> dict[str, Any]:
    return {"from": start, "to": end, "vwap": vwap, **more}


def _newest_session(instrument: Instrument, now: datetime) -> Session | None:
    opened = [session for session in sessions_of(instrument.venue).around(now, now) if session.open <= now]
    return opened[-1] if opened else None
