"""Show what a date will bring, before it happens."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from thor.dashboard.now import Now, read_now
from thor.dashboard.views import flower_url, speaking
from thor.dashboard.wording import PHASES, mark_of
from thor.jobs.forecast import (
    BadQuestion,
    Day,
    Forecast,
    MarketDay,
    PhaseOfDay,
    SessionOfDay,
    forecast,
    read_date,
    today,
)
from thor.jobs.forecast_agenda import (
    agenda,
    clock_text,
    column_text,
    market_remarks,
    session_remarks,
    span_text,
    zone_name,
)
from thor.jobs.registry import specs
from thor.markets.registry import UnknownMarket, markets

#: The width of a timeline in units of its own; the page stretches it.
WIDTH = 1000
#: Phases that the line under a timeline's name need not tell: they are what is left.
REST = ("closed", "holiday")
#: So many lines a page shows of each table; nobody reads more, and a schedule may have a hundred thousand.
SHOWN = 1000
LEGEND = ("pre_open", "open", "break", "pre_close", "post_close", "closed", "holiday")


@dataclass(frozen=True, slots=True)
class Segment:
    """Draw one phase of a market: where it begins and how long it is, in units of the timeline, and what it is."""

    x: float
    width: float
    phase: str
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Draw the date of one market; `text` says the same to those who see no drawing."""

    name: str
    segments: list[Segment]
    text: str


@never_cache
@require_safe
@speaking
def plan(request: HttpRequest) -> HttpResponse:
    """Show the plan of a date, of all markets and jobs or of one; answer 400 and one sentence to bad input."""
    now = read_now()
    asked = {name: request.GET.get(name, "").strip() for name in ("date", "market", "job")}
    page = {"now": now, "asked": asked, "markets": markets(), "jobs": sorted(specs()), "flower_url": flower_url()}
    try:
        found = _forecast(asked, now)
    except (BadQuestion, UnknownMarket) as error:
        return render(request, "dashboard/plan.html", {**page, "sentence": str(error)}, status=400)
    return render(request, "dashboard/plan.html", {**page, **_shown(found, asked, now)})


def _forecast(asked: dict[str, str], now: Now) -> Forecast:
    market = asked["market"] or None
    day = read_date(asked["date"]) if asked["date"] else today(now.at, market=market)
    return forecast(day, market=market, job=asked["job"] or None, at=now.at)


def _shown(found: Forecast, asked: dict[str, str], now: Now) -> dict[str, Any]:
    day = Day(found.date, found.zone, found.start, found.end)
    items = list(_items(found, everything=bool(asked["market"])))
    return {
        "found": found,
        "total": f"{found.count:,}",
        "legend": [(phase, mark_of(PHASES, phase).word) for phase in LEGEND],
        "timelines": [timeline(market, day) for market in found.markets if market.phases],
        "hours": [clock_text(found.start + part * (found.end - found.start) / 4, found.zone) for part in range(4)],
        "present": _place(now.at, day) if found.start <= now.at < found.end else None,
        "sessions": list(_sessions(found)),
        "items": items[:SHOWN],
        "silent": found.silent[:SHOWN],
        "left_out": max(0, len(items) - SHOWN) + max(0, len(found.silent) - SHOWN),
        "previous": _address(asked, found.date - timedelta(days=1)),
        "following": _address(asked, found.date + timedelta(days=1)),
        "today": _address(asked, None),
    }


def _address(asked: dict[str, str], day: date | None) -> str:
    """Return the address of another date of the same question; of today where no date is given."""
    wanted = {**asked, "date": day.isoformat() if day else ""}
    query = urlencode({name: value for name, value in wanted.items() if value})
    return reverse("plan") + (f"?{query}" if query else "")


def timeline(market: MarketDay, day: Day) -> Timeline:
    """Return the drawing of a market's date."""
    segments = [_segment(market, phase, day) for phase in market.phases]
    told = [segment.text for segment in segments if segment.phase not in REST]
    words = ", ".join(told) or mark_of(PHASES, segments[0].phase).word
    return Timeline(market.name, segments, f"{market.name}: {words}")


def _segment(market: MarketDay, span: PhaseOfDay, day: Day) -> Segment:
    x = _place(span.start, day)
    word = mark_of(PHASES, span.phase.value).word
    text = f"{word} {span_text(span.start, span.end, market.zone, day.date)}"
    return Segment(x, round(_place(span.end, day) - x, 2), span.phase.value, text)


def _place(at: datetime, day: Day) -> float:
    return round(WIDTH * ((at - day.start) / (day.end - day.start)), 2)


def _sessions(found: Forecast) -> Iterator[dict[str, Any]]:
    """Yield a line for each session of each market, and one for a market that has none."""
    for market in found.markets:
        for session in market.sessions:
            yield _session(found, market, session)
        if not market.sessions:
            yield {"market": market, "remarks": market_remarks(market)}


def _session(found: Forecast, market: MarketDay, session: SessionOfDay) -> dict[str, Any]:
    hours = span_text(session.open, session.close, market.zone, session.date, named=False)
    zone = zone_name(session.close, market.zone)
    return {
        "market": market,
        "session": session,
        "hours": hours,
        "zone": "" if hours.endswith(f" {zone}") else zone,
        "pauses": [span_text(*pause, market.zone, named=False) for pause in session.breaks],
        "utc": span_text(session.open, session.close, "UTC", found.date, named=False),
        "remarks": session_remarks(session),
    }


def _items(found: Forecast, *, everything: bool) -> Iterator[dict[str, Any]]:
    """Yield the day in order; changes of phase only of a market that was asked for, since all are in the drawing."""
    for item in agenda(found):
        if item.bell == "phase" and not everything:
            continue
        other = "UTC" if item.zone == found.zone else item.zone
        yield {
            "item": item,
            "first": column_text(item.first_at, found),
            "times": "" if item.bell else f"{item.count:,}",
            "last": "" if item.last_at == item.first_at else column_text(item.last_at, found),
            "there": span_text(item.first_at, item.last_at, other, found.date) if other not in ("", found.zone) else "",
        }
