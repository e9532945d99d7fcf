"""Gather what the live part of the page shows at one instant, from the selectors of the layers below."""

from dataclasses import dataclass
from typing import Any

import redis
from django.urls import reverse

from thor.dashboard.feeds import VenueFeed, venue_feeds
from thor.dashboard.now import Now
from thor.dashboard.opens import opened
from thor.env import env
from thor.jobs import selectors as jobs
from thor.jobs.models import Run
from thor.leadership.selectors import leader_status, seats_in_use
from thor.marketdata import selectors
from thor.marketdata.models import Instrument
from thor.markets import selectors as markets
from thor.markets.composite import global_composite
from thor.markets.horizon import short_horizons

LATEST_RUNS = 15
#: More coming overrides than this are only counted.
NEAREST_OVERRIDES = 12
#: More open incidents of feeds than this are only counted.
LATEST_INCIDENTS = 8
#: So many quotes a ribbon shows.
LONGEST_RIBBON = 40

Markets = dict[str, markets.MarketStatus]


@dataclass(frozen=True, slots=True)
class EntryRow:
    """Join an entry's status with its market's zone and the address of its row in the admin."""

    status: jobs.EntryStatus
    zone: str
    url: str


def board(now: Now) -> dict[str, Any]:
    """Return the context of the live part: leader, markets, feeds, entries, latest runs."""
    statuses = markets.status_board(now.at)
    by_key = {status.key: status for status in statuses}
    feeds, feed_problem = _feeds(now)
    overrides = markets.coming_overrides(now.at)
    return {
        "now": now,
        "leader": leader_status(),
        "beside": [leader_status(seat) for seat in seats_in_use()[1:]],
        "lease_disabled": env().disable_leader_lock,
        "markets": statuses,
        "composite": global_composite(now.at),
        "overrides": overrides[:NEAREST_OVERRIDES],
        "more_overrides": len(overrides[NEAREST_OVERRIDES:]),
        "horizons": short_horizons(now.at),
        "entries": _entries(now, by_key),
        "runs": [_with_zone(run, by_key) for run in jobs.latest_runs(LATEST_RUNS)],
        "feeds": feeds if any(one.feed for one in feeds) else [],
        "feed_problem": feed_problem,
        **_incidents(),
        **_ribbon(now),
        "opened": opened(now),
    }


def _zone_of(by_key: Markets, market: str | None) -> str:
    """Return the zone of a market; UTC for an entry that belongs to none."""
    return by_key[market].zone if market in by_key else "UTC"


def _entries(now: Now, by_key: Markets) -> list[EntryRow]:
    return [
        EntryRow(
            status=status,
            zone=_zone_of(by_key, status.market),
            url=reverse("admin:django_celery_beat_periodictask_change", args=[status.task_id]),
        )
        for status in jobs.entry_board(now.at)
    ]


def _with_zone(run: Run, by_key: Markets) -> tuple[Run, str]:
    return run, _zone_of(by_key, run.market)


def _feeds(now: Now) -> tuple[list[VenueFeed], str]:
    """Return the feeds, or why they are unknown: without Redis the rest of the page is still true."""
    try:
        return venue_feeds(now), ""
    except redis.RedisError as error:
        return [], f"Redis does not answer ({type(error).__name__}), so the feeds are unknown."


def _ribbon(now: Now) -> dict[str, Any]:
    """Return the quotes of the ribbon and where they come from; none while Redis is away, which the feeds say."""
    marked = list(Instrument.objects.filter(ribbon=True, active=True)[:LONGEST_RIBBON])
    try:
        rows = selectors.quote_rows(marked, now.at)
    except redis.RedisError:
        rows = []
    return {"ribbon": rows, "ribbon_labels": sorted({str(row.snapshot["source"]).upper() for row in rows})}


def _incidents() -> dict[str, Any]:
    """Return the latest troubles of feeds that are not over, and how many more there are."""
    unsettled = selectors.open_incidents()
    latest = list(unsettled[: LATEST_INCIDENTS + 1])
    more = unsettled.count() - LATEST_INCIDENTS if len(latest) > LATEST_INCIDENTS else 0
    return {"incidents": latest[:LATEST_INCIDENTS], "more_incidents": more}
