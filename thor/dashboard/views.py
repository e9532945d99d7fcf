"""The page, its live part, and the bars of a symbol."""

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils.cache import get_conditional_response
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe

from thor.dashboard import bars, plotlyjs
from thor.dashboard.board import board
from thor.dashboard.now import read_now
from thor.env import env
from thor.errors import ThorError
from thor.marketdata import selectors
from thor.marketdata.models import Instrument

View = Callable[..., HttpResponse]


def speaking(view: View) -> View:
    """Answer an expected trouble, such as a replay's Redis that is away, with its sentence and status 503."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except ThorError as error:
            return render(request, "dashboard/trouble.html", {"sentence": str(error)}, status=503)

    return answer


@never_cache
@require_safe
@speaking
def index(request: HttpRequest) -> HttpResponse:
    """Show the page, complete as it is; the scripts only keep it fresh and draw the bars."""
    now = read_now()
    symbols = selectors.symbols()
    asked = request.GET.get("symbol", "")
    more = {
        "symbols": symbols,
        "symbol": asked if asked in symbols else bars.default_symbol(symbols, now),
        "spans": bars.SPANS,
        "minutes": _chosen_minutes(request),
        "plotly_version": plotlyjs.installed_version(),
        "flower_url": flower_url(),
    }
    return render(request, "dashboard/index.html", {**board(now), **more})


@never_cache
@require_safe
@speaking
def live(request: HttpRequest) -> HttpResponse:
    """Show the live sections alone, which the page puts into itself."""
    return render(request, "dashboard/live.html", board(read_now()))


@cache_control(private=True, no_cache=True)
@require_safe
@speaking
def chart(request: HttpRequest, symbol: str) -> HttpResponse:
    """Answer the figure of a symbol as JSON: 404 for an unknown symbol, 400 and one sentence for bad bounds.

    A browser that has the figure already, by its ETag, is told so instead.
    """
    instrument = Instrument.objects.filter(symbol=symbol).first()
    if instrument is None:
        return JsonResponse({"error": f"There is no symbol {symbol!r}."}, status=404)
    now = read_now()
    try:
        question = bars.read_question(request.GET.dict(), now)
    except bars.BadQuestion as error:
        return JsonResponse({"error": str(error)}, status=400)
    known = HttpResponse()
    known.headers["ETag"] = etag = bars.fingerprint(instrument, question)
    answered = get_conditional_response(request, etag=etag or None, response=known)
    if answered is not None and answered.status_code == HTTPStatus.NOT_MODIFIED:
        return answered
    headers = {"ETag": etag} if etag else {}
    return JsonResponse(bars.answer(instrument, question, now), headers=headers)


@login_not_required
@cache_control(public=True, max_age=86_400)
@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    """Lead browsers to the icon where a page, such as the admin's, does not name it."""
    return redirect(static("dashboard/mark.svg"))


def flower_url() -> str:
    """Return the address of Flower for the link in the header."""
    return env().flower_url or f"http://{env().host}:{env().flower_port}/"


def _chosen_minutes(request: HttpRequest) -> int:
    known = {str(minutes): minutes for minutes, _ in bars.SPANS}
    return known.get(request.GET.get("minutes", ""), bars.DEFAULT_MINUTES)
