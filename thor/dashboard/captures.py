"""Show what was captured when markets opened: signals, trades, what became of them, and the figures of the session."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from thor.dashboard.api.questions import read_date
from thor.dashboard.now import Now, read_now
from thor.dashboard.opens import latest_total, opened
from thor.dashboard.views import flower_url, speaking
from thor.markets.models import Market
from thor.markets.registry import markets


@never_cache
@require_safe
@speaking
def captures(request: HttpRequest) -> HttpResponse:
    """Show the newest captured session of each market, or those of a date; answer 400 and one sentence to bad input."""
    now = read_now()
    page = {"now": now, "asked": request.GET.get("date", "").strip(), "flower_url": flower_url()}
    try:
        day = read_date(page["asked"]) if page["asked"] else None
    except ValueError as error:
        sentence = f"The date cannot be used: {error}."
        return render(request, "dashboard/captures.html", {**page, "sentence": sentence}, status=400)
    return render(request, "dashboard/captures.html", {**page, **_shown(day, now)})


def _shown(day: date | None, now: Now) -> dict[str, Any]:
    found = opened(now, day)
    captured = {one.session.market for one in found}
    absent = [row.name for row in _capturing() if row.key not in captured]
    newest = max((one.session.session_date for one in found), default=now.at.date())
    middle = day or newest
    return {
        "day": day,
        "opened": found,
        "latest": latest_total(found),
        "absent": absent,
        "previous": _address(middle - timedelta(days=1)),
        "following": _address(middle + timedelta(days=1)),
    }


def _capturing() -> list[Market]:
    return [row for row in markets() if row.role == Market.Role.CONTROL and row.active and row.capture_futures]


def _address(day: date) -> str:
    return f"{reverse('captures')}?{urlencode({'date': day.isoformat()})}"
