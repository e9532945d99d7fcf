"""Gather what the live part of the page shows at one instant, from the selectors of the layers below."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import redis
from django.urls import reverse

from thor.dashboard.now import Now
from thor.env import env
from thor.jobs import selectors as jobs
from thor.jobs.models import Run
from thor.leadership.selectors import leader_status
from thor.marketdata import selectors as marketdata
from thor.markets import selectors as markets
from thor.markets.composite import global_composite
from thor.markets.horizon import short_horizons

LATEST_RUNS = 15
#: More coming overrides than this are only counted.
NEAREST_OVERRIDES = 12
#: A feed that publishes nothing for this long, by the wall and while its venue is open, is shown as silent.
SILENT_AFTER = timedelta(seconds=10)

Markets = dict[str, markets.MarketStatus]


@dataclass(frozen=True, slots=True)
class EntryRow:
    """Join an entry's status with its market's zone and the address of its row in the admin."""

    status: jobs.EntryStatus
    zone: str
    url: str


@dataclass(frozen=True, slots=True)
class FeedRow:
    """Join a feed's status with its market's zone and whether its silence is worth a warning."""

    status: marketdata.FeedStatus
    zone: str
    name: str
    silent: bool


def board(now: Now) -> dict[str, Any]:
    """Return the context of the live part: leader, markets, feeds, entries, latest runs."""
    statuses = markets.status_board(now.at)
    by_key = {status.key: status for status in statuses}
    feeds, feed_problem = _feeds(by_key)
    overrides = markets.coming_overrides(now.at)
    return {
        "now": now,
        "leader": leader_status(),
        "lease_disabled": env().disable_leader_lock,
        "markets": statuses,
        "composite": global_composite(now.at),
        "overrides": overrides[:NEAREST_OVERRIDES],
        "more_overrides": len(overrides[NEAREST_OVERRIDES:]),
        "horizons": short_horizons(now.at),
        "entries": _entries(now, by_key),
        "runs": [_with_zone(run, by_key) for run in jobs.latest_runs(LATEST_RUNS)],
        "feeds": feeds,
        "feed_problem": feed_problem,
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


def _feeds(by_key: Markets) -> tuple[list[FeedRow], str]:
    """Return the feeds, or why they are unknown: without Redis the rest of the page is still true."""
    try:
        return [_feed(status, by_key) for status in marketdata.feed_status()], ""
    except redis.RedisError as error:
        return [], f"Redis does not answer ({type(error).__name__}), so the feeds are unknown."


def _feed(status: marketdata.FeedStatus, by_key: Markets) -> FeedRow:
    market = by_key.get(status.venue)
    silent = status.age > SILENT_AFTER and (market is None or market.is_open)
    return FeedRow(status, _zone_of(by_key, status.venue), market.name if market else status.venue, silent)
