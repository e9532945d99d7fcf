"""Say which calendars end soon: beyond its horizon a market has provisional sessions, by its weekly hours alone.

The library moves its horizon by releases, so the cure is an upgrade of exchange_calendars, or overrides for the dates
that the exchange has announced. An alarm is said once a day a market in each process that asks.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from thor.markets.selectors import active_tables

log = logging.getLogger(__name__)

#: An alarm is raised for a calendar that ends within this time.
SHORT: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far the calendar of a market is known; `days` is negative once that date has passed."""

    key: str
    name: str
    known_until: date
    days: int

    @property
    def is_short(self) -> bool:
        """Say whether it ends within `SHORT`."""
        return self.days <= SHORT.days


def horizons(at: datetime) -> list[Horizon]:
    """Return the horizon of every active market, without those that trade around the clock and have none."""
    return list(_horizons(at))


def short_horizons(at: datetime) -> list[Horizon]:
    """Return the active markets whose calendar ends within 30 days, and raise the alarm of each once a day."""
    short = [one for one in _horizons(at) if one.is_short]
    for one in short:
        _alarm(one, at.date())
    return short


#: The day on which each market's alarm was raised last.
_alarmed: dict[str, date] = {}


def _horizons(at: datetime) -> Iterator[Horizon]:
    for row, table in active_tables():
        if not table.continuous:
            left = table.known_until - at.astimezone(row.zone_info).date()
            yield Horizon(row.key, row.name, table.known_until, left.days)


def _alarm(one: Horizon, today: date) -> None:
    if _alarmed.get(one.key) != today:
        _alarmed[one.key] = today
        log.warning(
            "thor.market.horizon: %s: the calendar ends on %s, in %d days; later sessions are provisional",
            one.key,
            one.known_until,
            one.days,
            extra={"market": one.key, "days": one.days},
        )
