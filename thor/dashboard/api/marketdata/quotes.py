"""The questions about instruments and their latest quotes."""

from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest
from ninja import Query, Router

from thor.dashboard.api.marketdata import questions
from thor.dashboard.api.marketdata import quote_answers as answers
from thor.dashboard.api.paging import Column, Order, number, text
from thor.dashboard.api.questions import refuse_others
from thor.dashboard.api.troubles import Trouble
from thor.dashboard.now import read_now
from thor.marketdata import selectors
from thor.marketdata.models import Instrument

router = Router()

_TROUBLES: Final = {400: Trouble, 401: Trouble, 404: Trouble, 503: Trouble}
#: The order of lists.
LISTED: Final = Order(Column("sort_order", number), Column("symbol", text))


@router.get("/instruments", response={200: answers.InstrumentsAnswer, **_TROUBLES}, tags=["instruments"])
def list_instruments(request: HttpRequest, asked: Query[questions.Listed]) -> Any:
    """Every instrument, watched or not, in the order of lists."""
    rows = asked.instruments()
    if asked.kind is not None:
        rows = rows.filter(kind=asked.kind)
    if asked.active is not None:
        rows = rows.filter(active=asked.active)
    shown, behind = LISTED.page(request, rows, asked)
    return answers.InstrumentsAnswer(
        rows=[answers.InstrumentAnswer.of(row) for row in shown], count=len(shown), next=behind
    )


@router.get("/quotes/latest", response={200: answers.QuotesAnswer, **_TROUBLES}, tags=["quotes"])
def latest_quotes(request: HttpRequest, asked: Query[questions.Quotes]) -> Any:
    """The latest quote of every instrument, with everything that is derived from it."""
    quoted = asked.instruments().filter(symbol__in=selectors.quoted_symbols())
    shown, behind = LISTED.page(request, quoted, asked)
    rows = [answers.QuoteAnswer.of(row) for row in selectors.quote_rows(shown, read_now().at)]
    return answers.QuotesAnswer(rows=rows, total=quoted.count(), next=behind)


@router.get("/quotes/snapshot", response={200: answers.SnapshotsAnswer, **_TROUBLES}, tags=["quotes"])
def quote_snapshots(request: HttpRequest, asked: Query[questions.Symbols]) -> Any:
    """The latest quotes of some symbols as the feeds wrote them."""
    symbols = [row.symbol for row in selectors.find_instruments(asked.written())]
    found = selectors.snapshots(symbols)
    quotes = [answers.SnapshotAnswer.of(snapshot) for snapshot in found.values()]
    missing = [symbol for symbol in symbols if symbol not in found]
    return answers.SnapshotsAnswer(quotes=quotes, count=len(quotes), source="redis_snapshot", missing=missing)


@router.get("/quotes/ribbon", response={200: answers.RibbonAnswer, **_TROUBLES}, tags=["quotes"])
def quote_ribbon(request: HttpRequest) -> Any:
    """The active instruments that are marked for the ribbon, with last price and change."""
    refuse_others(request)
    found = selectors.quote_rows(list(Instrument.objects.filter(ribbon=True, active=True)), read_now().at)
    entries = [answers.RibbonEntry.of(row) for row in found]
    newest: datetime | None = max((entry.at for entry in entries), default=None)
    return answers.RibbonAnswer(symbols=entries, count=len(entries), last_updated=newest)
