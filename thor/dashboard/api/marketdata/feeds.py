"""The questions about feeds and what is wrong with them."""

from typing import Any, Final

from django.http import HttpRequest
from ninja import Query, Router

from thor.dashboard.api.marketdata import feed_answers as answers
from thor.dashboard.api.marketdata import questions
from thor.dashboard.api.paging import Column, Order, instant, number
from thor.dashboard.api.questions import refuse_others
from thor.dashboard.api.troubles import Trouble
from thor.dashboard.feeds import venue_feeds
from thor.dashboard.now import read_now
from thor.marketdata.models import FeedIncident

router = Router()

_TROUBLES: Final = {400: Trouble, 401: Trouble, 404: Trouble, 503: Trouble}
LATEST: Final = Order(Column("last_at", instant, descending=True), Column("id", number, descending=True))


@router.get("/feeds", response={200: answers.FeedsAnswer, **_TROUBLES}, tags=["feeds"])
def list_feeds(request: HttpRequest) -> Any:
    """The feed of every active venue: how far it is, whether it is silent, and what is wrong with it."""
    refuse_others(request)
    feeds = [answers.FeedAnswer.of(found) for found in venue_feeds(read_now())]
    return answers.FeedsAnswer(feeds=feeds, count=len(feeds))


@router.get("/incidents", response={200: answers.IncidentsAnswer, **_TROUBLES}, tags=["feeds"])
def list_incidents(request: HttpRequest, asked: Query[questions.Incidents]) -> Any:
    """What went wrong with feeds, the latest first."""
    rows = FeedIncident.objects.all()
    if asked.venue is not None:
        rows = rows.filter(venue=questions.known_venue(asked.venue))
    if asked.symbol is not None:
        rows = rows.filter(symbol=asked.symbol)
    if asked.kind is not None:
        rows = rows.filter(kind=asked.kind)
    if asked.open is not None:
        rows = rows.filter(ended_at__isnull=asked.open)
    shown, behind = LATEST.page(request, rows, asked)
    found = [answers.IncidentAnswer.of(row) for row in shown]
    return answers.IncidentsAnswer(rows=found, count=len(found), next=behind)
