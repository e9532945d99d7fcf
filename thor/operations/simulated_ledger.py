"""What a simulation has left: the ledger, entry by entry, beside what the plan of the day had promised."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Sum
from django.db.models.functions import Coalesce
from rich.table import Table
from rich.text import Text

from thor.jobs.forecast import Forecast, Series
from thor.jobs.models import Run, State
from thor.marketdata.models import Bar, Capture, SessionCapture, VwapSample
from thor.trading.models import Fill, Order, Trade

#: The columns of a person's table: what ended otherwise is rare, and shown where there is any.
SHOWN = (State.SUCCEEDED, State.FAILED, State.SKIPPED, State.MISSED)


#: What is counted of what was stored.
STORED = ("bars", "samples", "sessions", "captures", "orders", "fills", "trades")


@dataclass(slots=True)
class EntryLedger:
    """One entry: how many runs, for how many occurrences, by how they ended, the first and the last of them.

    `planned` is how many occurrences the plan of the day has of it.
    """

    entry: str
    planned: int = 0
    runs: int = 0
    occurrences: int = 0
    states: dict[str, int] = field(default_factory=dict)
    first_at: datetime | None = None
    last_at: datetime | None = None

    def add(self, state: str, runs: int, occurrences: int, first_at: datetime, last_at: datetime) -> None:
        """Add the runs that ended in one way."""
        self.runs += runs
        self.occurrences += occurrences
        self.states[state] = self.states.get(state, 0) + occurrences
        self.first_at = min(filter(None, (self.first_at, first_at)))
        self.last_at = max(filter(None, (self.last_at, last_at)))


@dataclass(frozen=True, slots=True)
class Summary:
    """The whole day: the entries in order of their names, and what was stored."""

    entries: list[EntryLedger]
    bars: int
    samples: int
    sessions: int
    captures: int
    orders: int
    fills: int
    trades: int

    @property
    def runs(self) -> int:
        """Return how many runs there were."""
        return sum(one.runs for one in self.entries)

    @property
    def occurrences(self) -> int:
        """Return for how many occurrences they stand."""
        return sum(one.occurrences for one in self.entries)

    @property
    def planned(self) -> int:
        """Return how many occurrences the plan of the day has."""
        return sum(one.planned for one in self.entries)

    def lines(self) -> tuple[str, ...]:
        """Return the sum of it in sentences."""
        return (
            f"{self.occurrences:,} occurrences of {self.planned:,} planned, in {self.runs:,} runs.",
            f"Stored: {self.bars:,} bars, {self.samples:,} samples, {self.captures:,} captures of "
            f"{self.sessions:,} sessions.",
            f"Traded on paper: {self.orders:,} orders, {self.fills:,} fills, {self.trades:,} finished trades.",
        )

    def plain(self) -> dict[str, Any]:
        """Return it as JSON can say it."""
        entries = [
            {**asdict(one), "first_at": _iso(one.first_at), "last_at": _iso(one.last_at)} for one in self.entries
        ]
        totals = {name: getattr(self, name) for name in ("planned", "occurrences", "runs")}
        stored = {name: getattr(self, name) for name in STORED}
        return {**totals, **stored, "entries": entries}


def summary(planned: Forecast, start: datetime, end: datetime) -> Summary:
    """Read what the ledger and the tables hold of [start, end), a part of the day that `planned` tells."""
    found: dict[str, EntryLedger] = {}
    for series in planned.series:
        found.setdefault(series.entry, EntryLedger(series.entry)).planned += _count(series, start, end)
    for name, *figures in _rows(start, end):
        found.setdefault(name, EntryLedger(name)).add(*figures)
    return Summary(
        entries=[found[name] for name in sorted(found) if found[name].planned or found[name].runs],
        bars=Bar.objects.filter(start_at__gte=start, start_at__lt=end).count(),
        samples=VwapSample.objects.filter(minute_at__gt=start, minute_at__lte=end).count(),
        sessions=SessionCapture.objects.count(),
        captures=Capture.objects.count(),
        orders=Order.objects.count(),
        fills=Fill.objects.count(),
        trades=Trade.objects.count(),
    )


def table(found: Summary) -> Table:
    """Return the table that a person reads."""
    shown = Table("entry", title="the ledger")
    for name in ("planned", "occurrences", "runs", *SHOWN):
        shown.add_column(str(name), justify="right")
    for name in ("first (UTC)", "last (UTC)"):
        shown.add_column(name)
    for one in found.entries:
        numbers = [one.planned, one.occurrences, one.runs, *(one.states.get(state, 0) for state in SHOWN)]
        times = (f"{at:%H:%M:%S}" if at else "" for at in (one.first_at, one.last_at))
        shown.add_row(*map(Text, [one.entry, *(f"{number:,}" for number in numbers), *times]))
    return shown


def _count(series: Series, start: datetime, end: datetime) -> int:
    """Return how many of these occurrences lie in [start, end)."""
    if series.period is None:
        return series.count if start <= series.first_at < end else 0
    return _before(series, end) - _before(series, start)


def _before(series: Series, at: datetime) -> int:
    if series.period is None or at <= series.first_at:
        return 0
    return min(series.count, -(-(at - series.first_at) // series.period))


def _rows(start: datetime, end: datetime) -> Iterable[tuple[Any, ...]]:
    rows = Run.objects.filter(nominal_at__gte=start, nominal_at__lt=end).values("name", "state").order_by()
    figures = {
        "runs": Count("seq"),
        "occurrences": Sum("count"),
        "first_at": Min(Coalesce("folded_from", "nominal_at")),
        "final_at": Max(Coalesce("last_at", "nominal_at")),
    }
    return rows.annotate(**figures).values_list("name", "state", *figures)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
