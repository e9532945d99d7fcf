"""The questions that the API answers, one function each."""

from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest
from ninja import Query, Router
from ninja.errors import HttpError

from thor.dashboard.api import answers
from thor.dashboard.api.questions import Range, When, Which, WhichWhen, refuse_others
from thor.dashboard.api.troubles import Trouble
from thor.dashboard.api.upcoming import Upcoming, upcoming
from thor.dashboard.now import read_now
from thor.markets import registry, selectors
from thor.markets.composite import global_composite
from thor.markets.models import Market
from thor.markets.sessions import sessions_of
from thor.markets.standing import standing
from thor.markets.store import CalendarUnavailable

router = Router()

_TROUBLES: Final = {400: Trouble, 401: Trouble, 503: Trouble}
_WITH_KEY: Final = {**_TROUBLES, 404: Trouble}
_SESSIONS: Final = {200: answers.SessionsAnswer, **_WITH_KEY}


@router.get("/markets", response={200: list[answers.MarketAnswer], **_TROUBLES}, tags=["markets"])
def list_markets(request: HttpRequest, asked: Query[Which]) -> Any:
    """Every market, active or not, east to west, then the venues."""
    return [answers.MarketAnswer.of(row) for row in registry.markets() if asked.role in (None, row.role)]


@router.get("/markets/{key}", response={200: answers.MarketAnswer, **_WITH_KEY}, tags=["markets"])
def one_market(request: HttpRequest, key: str) -> Any:
    """One market."""
    refuse_others(request)
    return answers.MarketAnswer.of(registry.market(key))


@router.get("/status", response={200: list[answers.StatusAnswer], **_TROUBLES}, tags=["status"])
def live_status(request: HttpRequest, asked: Query[WhichWhen]) -> Any:
    """Every market at one instant: state, phase, what comes next and when."""
    at = _instant(asked.at)
    return [_status(row, at) for row in registry.markets() if asked.role in (None, row.role)]


@router.get("/markets/{key}/status", response={200: answers.StatusAnswer, **_WITH_KEY}, tags=["status"])
def market_status(request: HttpRequest, key: str, asked: Query[When]) -> Any:
    """One market at one instant."""
    return _status(registry.market(key), _instant(asked.at))


@router.get("/markets/{key}/sessions", response=_SESSIONS, by_alias=True, tags=["sessions"])
def list_sessions(request: HttpRequest, key: str, asked: Query[Range]) -> Any:
    """The sessions of a market on a range of dates: opens, breaks and closes, as overrides leave them."""
    row, table = registry.market(key), sessions_of(key)
    try:
        first, last = asked.dates(_instant(None).astimezone(row.zone_info).date())
    except ValueError as error:
        raise HttpError(400, f"from and to cannot be used: {error}.") from None
    return answers.SessionsAnswer.of(row, table, first, last)


@router.get("/active", response={200: answers.ActiveAnswer, **_TROUBLES}, tags=["status"])
def active_markets(request: HttpRequest, asked: Query[WhichWhen]) -> Any:
    """The active markets that trade at one instant, by their calendars."""
    at = _instant(asked.at)
    return answers.ActiveAnswer.of(selectors.active_markets(at, asked.role), at)


@router.get("/composite", response={200: answers.CompositeAnswer, **_TROUBLES}, tags=["composite"])
def composite(request: HttpRequest, asked: Query[When]) -> Any:
    """The global composite at one instant, and the markets that are counted in it."""
    return answers.CompositeAnswer.of(global_composite(_instant(asked.at)))


def _instant(asked: datetime | None) -> datetime:
    return asked or read_now().at


def _status(row: Market, at: datetime) -> answers.StatusAnswer:
    status = selectors.market_status(row, at)
    return answers.StatusAnswer.of(status, standing(row.key, at), _ahead(row.key, at), at)


def _ahead(key: str, at: datetime) -> Upcoming:
    try:
        return upcoming(sessions_of(key), at)
    except CalendarUnavailable:
        return Upcoming()
