"""Ask what was captured at the opens, what became of it, and from which source its prices came."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from thor.marketdata.models import Bar, Capture, Outcome, SessionCapture
from thor.marketdata.units import minute_of
from thor.markets.models import Market

#: How far around a capture bars are looked for, to know the source of its prices.
NEAR: Final = timedelta(minutes=10)
#: What the last days of the figures of success are.
LAST_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Tally:
    """How often captured trades ended how; `win_rate` is percent of those that worked or did not, two places."""

    worked: int = 0
    didnt_work: int = 0
    neutral: int = 0
    pending: int = 0

    @property
    def total(self) -> int:
        """Return how many rows there are."""
        return self.worked + self.didnt_work + self.neutral + self.pending

    @property
    def win_rate(self) -> Decimal | None:
        """Return WORKED / (WORKED + DIDNT_WORK) x 100, or None where neither has happened."""
        decided = self.worked + self.didnt_work
        if not decided:
            return None
        return (Decimal(100 * self.worked) / decided).quantize(Decimal("0.01"), ROUND_HALF_UP)

    def __add__(self, other: "Tally") -> "Tally":
        """Return both together."""
        names = ("worked", "didnt_work", "neutral", "pending")
        return Tally(*(getattr(self, name) + getattr(other, name) for name in names))


def captures() -> QuerySet[Capture]:
    """Return every captured row with its session."""
    return Capture.objects.select_related("session")


def captured_sessions() -> QuerySet[SessionCapture]:
    """Return every captured session."""
    return SessionCapture.objects.all()


def captures_of_today(at: datetime) -> QuerySet[Capture]:
    """Return the rows of the sessions whose date is today, where today is that of each control market."""
    wanted = Q(pk__in=[])
    for market in _control_markets():
        wanted |= Q(session__market=market.key, session__session_date=at.astimezone(market.zone_info).date())
    return captures().filter(wanted)


def newest_sessions() -> list[SessionCapture]:
    """Return the newest captured session of each control market, in the order of markets, with its rows."""
    mine = SessionCapture.objects.filter(market=OuterRef("key")).order_by("-session_date").values("pk")[:1]
    keys = dict(_control_markets().annotate(newest=Subquery(mine)).values_list("key", "newest"))
    return _ordered(SessionCapture.objects.filter(pk__in=[pk for pk in keys.values() if pk]), list(keys))


def sessions_on(day: date) -> list[SessionCapture]:
    """Return the captured sessions of one date, in the order of markets, with their rows."""
    rows = SessionCapture.objects.filter(session_date=day)
    return _ordered(rows, list(Market.objects.values_list("key", flat=True)))


def tallies(rows: QuerySet[Capture]) -> dict[str, Tally]:
    """Return how the trades of some rows ended, by market."""
    counted = rows.order_by().values_list("session__market", "outcome").annotate(rows=Count("pk"))
    found: dict[str, dict[str, int]] = {}
    for market, outcome, number in counted:
        found.setdefault(market, {})[Outcome(outcome).name.lower()] = number
    return {market: Tally(**found[market]) for market in sorted(found)}


def sources(sessions: Iterable[SessionCapture]) -> dict[int, list[str]]:
    """Return the sources of the bars around each capture, by its key: simulated prices are to be labelled as such.

    Empty where there are no bars, as in the first minutes of a feed.
    """
    spans = {one.pk: (minute_of(one.captured_at - NEAR), one.captured_at + NEAR) for one in sessions}
    wanted = Q(pk__in=[])
    for start, end in spans.values():
        wanted |= Q(start_at__gte=start, start_at__lt=end)
    captured = Capture.objects.filter(session__in=spans, instrument__isnull=False).values("instrument")
    bars = Bar.objects.filter(wanted, instrument__in=captured).order_by() if spans else Bar.objects.none()
    found = list(bars.values_list("start_at", "source").distinct())
    return {key: sorted({source for at, source in found if start <= at < end}) for key, (start, end) in spans.items()}


def _control_markets() -> QuerySet[Market]:
    return Market.objects.filter(role=Market.Role.CONTROL)


def _ordered(sessions: QuerySet[SessionCapture], markets: Sequence[str]) -> list[SessionCapture]:
    place = {key: number for number, key in enumerate(markets)}
    found = sessions.prefetch_related("rows__instrument")
    return sorted(found, key=lambda one: place.get(one.market, len(place)))
