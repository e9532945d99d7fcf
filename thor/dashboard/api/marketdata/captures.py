"""The questions about what was captured when markets opened."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router
from ninja.errors import HttpError

from thor.dashboard.api.marketdata import capture_answers as answers
from thor.dashboard.api.marketdata import questions
from thor.dashboard.api.paging import Column, Order, Paged, day, number, text
from thor.dashboard.api.questions import refuse_others
from thor.dashboard.api.troubles import Trouble
from thor.dashboard.now import read_now
from thor.marketdata import selectors
from thor.marketdata.models import TOTAL, Capture, Outcome

router = Router()

_TROUBLES: Final = {400: Trouble, 401: Trouble, 404: Trouble, 503: Trouble}
NEWEST: Final = Order(Column("session_date", day, descending=True), Column("market", text))
NEWEST_ROWS: Final = Order(
    Column("session__session_date", day, descending=True), Column("session__market", text), Column("pk", number)
)


@router.get("/market-opens", response={200: answers.OpensAnswer, **_TROUBLES}, tags=["captures"])
def list_market_opens(request: HttpRequest, asked: Query[questions.Opens]) -> Any:
    """What was captured at the opens, row by row, the newest date first."""
    rows = _of_market(_of_symbol(selectors.captures(), asked.symbol), asked.market)
    if asked.outcome is not None:
        rows = rows.filter(outcome=asked.outcome)
    if asked.date is not None:
        rows = rows.filter(session__session_date=asked.date)
    return _page(request, rows, asked)


@router.get("/market-opens/today", response={200: answers.OpensAnswer, **_TROUBLES}, tags=["captures"])
def market_opens_of_today(request: HttpRequest, asked: Query[Paged]) -> Any:
    """What was captured today, where today is the date that it is at each market."""
    return _page(request, selectors.captures_of_today(read_now().at), asked)


@router.get("/market-opens/latest", response={200: answers.NewestAnswer, **_TROUBLES}, tags=["captures"])
def newest_market_opens(request: HttpRequest) -> Any:
    """All rows of the newest captured session of every control market."""
    refuse_others(request)
    sessions = selectors.newest_sessions()
    sources = selectors.sources(sessions)
    found = [
        answers.NewestSession(
            session=answers.CapturedSession.of(session, sources),
            rows=[answers.OpenAnswer.of(row, sources) for row in session.rows.all()],
        )
        for session in sessions
    ]
    return answers.NewestAnswer(markets=found, count=sum(len(one.rows) for one in found))


@router.get("/market-opens/pending", response={200: answers.OpensAnswer, **_TROUBLES}, tags=["captures"])
def pending_market_opens(request: HttpRequest, asked: Query[questions.Pending]) -> Any:
    """The rows whose target and stop have not been touched, of sessions that have not closed."""
    return _page(request, _of_market(selectors.captures(), asked.market).filter(outcome=Outcome.PENDING), asked)


@router.get("/market-opens/stats", response={200: answers.StatsAnswer, **_TROUBLES}, tags=["captures"])
def market_open_stats(request: HttpRequest, asked: Query[questions.Successes]) -> Any:
    """How often captured trades worked: in all, by market, and of the last seven days."""
    rows = _of_market(_of_symbol(Capture.objects.all(), asked.symbol), asked.market)
    since = read_now().at.astimezone(UTC).date() - timedelta(days=selectors.LAST_DAYS - 1)
    by_market = selectors.tallies(rows)
    lately = selectors.tallies(rows.filter(session__session_date__gte=since))
    return answers.StatsAnswer(
        all=answers.TallyAnswer.of(sum(by_market.values(), selectors.Tally())),
        markets=[answers.MarketTally.at(market, found) for market, found in by_market.items()],
        last_7_days=answers.TallyAnswer.of(sum(lately.values(), selectors.Tally())),
        since=since,
    )


@router.get("/market-opens/{id}", response={200: answers.OpenAnswer, **_TROUBLES}, tags=["captures"])
def one_market_open(request: HttpRequest, id: int) -> Any:
    """One captured row."""
    refuse_others(request)
    row = selectors.captures().filter(pk=id).first()
    if row is None:
        raise HttpError(404, f"{id} is no captured row; /api/v1/market-opens lists them.")
    return answers.OpenAnswer.of(row, selectors.sources([row.session]))


@router.get("/captured-sessions", response={200: answers.CapturedSessions, **_TROUBLES}, tags=["captures"])
def list_captured_sessions(request: HttpRequest, asked: Query[questions.CapturedSessions]) -> Any:
    """The sessions that were captured, the newest date first."""
    rows = selectors.captured_sessions()
    if asked.market is not None:
        rows = rows.filter(market=questions.known_control_market(asked.market))
    if asked.date is not None:
        rows = rows.filter(session_date=asked.date)
    shown, behind = NEWEST.page(request, rows, asked)
    sources = selectors.sources(shown)
    found = [answers.CapturedSession.of(row, sources) for row in shown]
    return answers.CapturedSessions(rows=found, count=len(found), next=behind)


def _of_market(rows: QuerySet[Capture], market: str | None) -> QuerySet[Capture]:
    return rows if market is None else rows.filter(session__market=questions.known_control_market(market))


def _of_symbol(rows: QuerySet[Capture], symbol: str | None) -> QuerySet[Capture]:
    if symbol is None:
        return rows
    return rows.filter(symbol=TOTAL if symbol == TOTAL else selectors.find_instrument(symbol).symbol)


def _page(request: HttpRequest, rows: QuerySet[Capture], asked: Paged) -> answers.OpensAnswer:
    shown, behind = NEWEST_ROWS.page(request, rows, asked)
    found = _said(shown)
    return answers.OpensAnswer(rows=found, count=len(found), next=behind)


def _said(rows: Sequence[Capture]) -> list[answers.OpenAnswer]:
    sources = selectors.sources({row.session.pk: row.session for row in rows}.values())
    return [answers.OpenAnswer.of(row, sources) for row in rows]
