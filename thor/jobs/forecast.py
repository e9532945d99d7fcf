"""Look before it runs: everything that a date will bring, in order.

The forecast asks what the leading scheduler asks, `timing.plan()`, about the schedule as it stands and the calendars as
they are, and writes nothing. Fast entries are told as runs with first, last and count, so a day of half a million
occurrences costs what a day of ten does.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from thor.errors import ThorError
from thor.jobs.forecast_lines import Declared, Silent, Standing, declared, everybody, standings, without_lines
from thor.jobs.forecast_markets import BellOfDay, Day, MarketDay, PhaseOfDay, SessionOfDay, market_day
from thor.jobs.forecast_repeats import is_repeat, turns_taken
from thor.jobs.forecast_series import Series, series_of
from thor.jobs.schedule import UNREADABLE
from thor.leadership.clock import process_clock
from thor.markets import registry
from thor.markets.models import Market
from thor.timing import BadCadence, Cron

__all__ = [
    "BadQuestion",
    "BellOfDay",
    "Day",
    "Forecast",
    "MarketDay",
    "PhaseOfDay",
    "Series",
    "SessionOfDay",
    "Silent",
    "forecast",
    "plain",
    "read_date",
    "today",
]

#: The dates that the tables of sessions cover.
FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2100
#: So many names of jobs are listed to somebody who asked for one that does not exist.
LISTED: Final = 40


class BadQuestion(ThorError, ValueError):
    """The forecast of that cannot be made."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Tell what a date brings: the markets' day, the occurrences in order, and who is silent, and why.

    `start` and `end` bound the date in its `zone`. `notes` are sentences that a reader needs to trust the rest.
    """

    date: date
    zone: str
    start: datetime
    end: datetime
    markets: tuple[MarketDay, ...]
    series: tuple[Series, ...]
    silent: tuple[Silent, ...]
    notes: tuple[str, ...]

    @property
    def count(self) -> int:
        """Return how many occurrences the date brings."""
        return sum(series.count for series in self.series)


def forecast(
    day: date,
    *,
    market: str | None = None,
    job: str | None = None,
    zone: str | None = None,
    at: datetime | None = None,
) -> Forecast:
    """Return everything that falls on a date, of all markets and entries or of one market or job.

    The date is one of `zone`: by default the market's own, and UTC where all markets are asked for. `job` is the name
    of a job, an entry or a task. `at` is the present, by the process clock if it is not given: a one-off entry fires
    once, from now on. Raises `BadQuestion` or `UnknownMarket` with one sentence that names what exists.
    """
    at = at or process_clock().now()
    row = registry.market(market) if market else None
    asked = day_of(day, zone or (row.zone if row else "UTC"))
    jobs = declared()
    found = standings(at, jobs)
    wanted = [one for one in _of_job(found, job) if row is None or one.line.market == row.key]
    series, silent = _occurrences(wanted, asked, at)
    keys = {row.key} if row else {one.line.market for one in wanted} if job else None
    shown = [one for one in registry.markets() if keys is None or one.key in keys]
    return Forecast(
        date=day,
        zone=asked.zone,
        start=asked.start,
        end=asked.end,
        markets=tuple(market_day(one, asked) for one in shown),
        series=tuple(sorted(series, key=lambda one: (one.first_at, one.last_at, one.entry))),
        silent=tuple(silent),
        notes=(*_changes_of_clocks(asked, shown), *_notes(jobs, found, series)),
    )


def day_of(day: date, zone: str) -> Day:
    """Return a date of a zone as a stretch of time; raise `BadQuestion` for one that no calendar covers."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise BadQuestion(f"{day} is a date that no calendar covers; ask for one from {FIRST_YEAR} to {LAST_YEAR}.")
    midnights = (datetime.combine(one, time(), _zone(zone)) for one in (day, day + timedelta(days=1)))
    start, end = (midnight.astimezone(UTC) for midnight in midnights)
    return Day(day, zone, start, end)


def today(at: datetime, *, market: str | None = None, zone: str | None = None) -> date:
    """Return the date that it is at an instant where a question about that market, or zone, counts its dates."""
    zone = zone or (registry.market(market).zone if market else "UTC")
    return at.astimezone(_zone(zone)).date()


def read_date(text: str) -> date:
    """Return the date that a person wrote; raise `BadQuestion` where it is none."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadQuestion(f"{text!r} is no date; write year, month and day, for example 2026-11-27.") from None


def plain(value: Any) -> Any:
    """Return a forecast as JSON can say it: instants and dates in ISO 8601, durations in seconds."""
    if isinstance(value, Forecast):
        return plain({"count": value.count, **asdict(value)})
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, date) else value


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(Cron(zone=name).zone)
    except BadCadence as error:
        raise BadQuestion(str(error)) from None


def _of_job(found: list[Standing], job: str | None) -> list[Standing]:
    if not job:
        return found
    known = everybody(found)
    if job not in known:
        more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
        raise BadQuestion(f"{job!r} is no job and no entry; there are {', '.join(known[:LISTED]) or 'none'}{more}.")
    return [one for one in found if job in one.names]


def _occurrences(wanted: Iterable[Standing], day: Day, at: datetime) -> tuple[list[Series], list[Silent]]:
    series: list[Series] = []
    silent: list[Silent] = []
    told = [(standing, *_of_line(standing, day, at)) for standing in wanted]
    taken = turns_taken((standing.line.entry, one) for standing, mine, _ in told for one in mine)
    for standing, mine, why in told:
        kept = [one for one in mine if not is_repeat(standing.line.entry, one, taken)]
        series += kept
        if not kept:
            silent.append(standing.silent("has run in this session already, and runs once in each" if mine else why))
    return series, silent


def _of_line(standing: Standing, day: Day, at: datetime) -> tuple[list[Series], str]:
    """Return what a line does on the date, or why it does nothing."""
    if standing.why:
        return [], standing.why
    try:
        row = standing.row(at)
    except UNREADABLE as error:
        return [], f"cannot be read: {error}"
    try:
        found = series_of(row, day, at)
    except Exception as error:  # as for the leader: a line whose times cannot be computed must not stop the others
        return [], f"cannot be planned: {error!r}"
    since = row.timed.since
    if day.start < since < day.end:
        return found, f"nothing more on this date after it was made or edited, at {since:%H:%M} UTC"
    return found, "nothing on this date"


def _changes_of_clocks(day: Day, shown: Iterable[Market]) -> Iterable[str]:
    zones = sorted({day.zone, *(row.zone for row in shown if row.active)})
    changed = [zone for zone in zones if _offset(day.date, zone) != _offset(day.date + timedelta(days=1), zone)]
    if changed:
        yield f"The clocks change on this date in {', '.join(changed)}."


def _offset(day: date, zone: str) -> timedelta | None:
    return datetime.combine(day, time(), ZoneInfo(zone)).utcoffset()


def _notes(jobs: Declared, found: list[Standing], series: list[Series]) -> Iterable[str]:
    yield from jobs.mistakes
    missing = without_lines(found, jobs)
    if missing:
        yield (
            f"{', '.join(missing)}: not in the schedule yet; "
            "manage.py sync_jobs puts declared jobs there, and make up runs it by itself."
        )
    younger = {one.entry for one in series if one.younger}
    if younger:
        yield (
            f"{len(younger)} of the entries were made or edited after this date; "
            "it is told as if they had been there. The ledger says what happened."
        )
