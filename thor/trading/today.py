"""Say what a session's daily bar looks like so far: from its minutes, and from the last quotes.

    while it runs   high, low and volume of the whole minutes since the open, without bad prints; the last quote is the
                    close, and high or low where it lies beyond them
    once over       its `DailyBar` where it was imported already, or simulated without minutes, else all its minutes;
                    quotes of after the close say nothing of the session

Volume is scaled to a whole session: what has traded so far, divided by the share of the session's minutes that were
seen. The features compare it with the volumes of whole days, and a bar that is cut off 25 minutes before the close
would call every symbol quiet, the more so the earlier one asks. The share is one of time. Trading is heavier towards
the close than at noon, so what is found in the entry window is still somewhat less than the day will have: a signal
that needs volume is believed later rather than sooner.

A minute is seen in which anything of the symbol's venue has traded. Where more than a tenth of what has passed was not
seen, since the feed began late or was away, there is no bar: its high, low and volume would be those of another day.
Neither has a symbol one whose first minute ever comes later than that in the session: it was added while others were
watched since the open. One that had minutes on days before has only traded late.

Where a venue's prices were made up until some minute of this session, and are real since, the bar begins behind that
minute, and those before it count as not seen: a made-up high would be a breakout that nobody has seen.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from thor.marketdata.feeds.choice import SIMULATED
from thor.marketdata.models import Bar, DailyBar, Instrument
from thor.marketdata.spans import Figures
from thor.marketdata.units import minute_of
from thor.timing.session import Session
from thor.trading.lastprices import STALE, LastPrice, prices_of
from thor.trading.real_venues import real_venues
from thor.trading.records.printing import told_time

MINUTE: Final = timedelta(minutes=1)
#: The share of the minutes that have passed without which nothing is said of a session.
LEAST_SEEN: Final = 0.9


@dataclass(frozen=True, slots=True)
class BarSoFar:
    """The bar of a session that may still run; `volume` as if it went on like this to the close."""

    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class NoBarYet:
    """Why nothing can be said of a symbol's session."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """What has passed of a session, and in how many of its minutes anything of a venue was seen to trade."""

    session: Session
    until: datetime
    seen: int

    @property
    def minutes(self) -> int:
        """Return how many minutes of trading the whole session has."""
        return round(sum((one.end - one.start for one in self.session.trading_spans()), timedelta(0)) / MINUTE)

    @property
    def passed(self) -> int:
        """Return how many of them have passed."""
        return round(self.minutes * passed_share(self.session, self.until))

    @property
    def share(self) -> float:
        """Return which share of the session was seen."""
        return self.seen / self.minutes


def bars_so_far(last_closes: Mapping[str, float], *, session: Session, at: datetime) -> dict[str, BarSoFar | NoBarYet]:
    """Return the bar of each symbol, or why it has none.

    `last_closes` are the closes before the session, in its shares: bad prints are told by them. `at` is after the open.
    """
    # Here, not above: it brings the kernels.
    from thor.marketdata.extremes_today import session_figures

    is_over = at >= session.close
    symbols = list(last_closes)
    found: dict[str, BarSoFar | NoBarYet] = dict(_stored(symbols, session)) if is_over else {}
    rows = list(Instrument.objects.filter(symbol__in=[one for one in symbols if one not in found]))
    until = min(minute_of(at), session.close)
    closes = {row.pk: last_closes[row.symbol] for row in rows}
    figures: dict[int, Figures] = {}
    for start, some in _by_start(rows, session, until).items():
        figures |= session_figures(some, closes, start, until)
    prices = {} if is_over else prices_of([row.symbol for row in rows], at)
    seen = _seen({row.venue for row in rows}, session, until)
    late = _begun_late({key: one.first_at for key, one in figures.items()}, session, until)
    for row in rows:
        stretch = Stretch(session, until, seen.get(row.venue, 0))
        bar = _bar(figures.get(row.pk), prices.get(row.symbol), stretch, is_over=is_over)
        found[row.symbol] = late.get(row.pk, bar) if isinstance(bar, BarSoFar) else bar
    return {symbol: found.get(symbol, NoBarYet("it is no instrument any more")) for symbol in symbols}


def passed_share(session: Session, until: datetime) -> float:
    """Return the share of a session's trading time that has passed, breaks left out."""
    spans = session.trading_spans()
    passed = sum((max(min(span.end, until) - span.start, timedelta(0)) for span in spans), timedelta(0))
    return passed / sum((span.end - span.start for span in spans), timedelta(0))


def _by_start(rows: Sequence[Instrument], session: Session, until: datetime) -> dict[datetime, list[Instrument]]:
    """Return the instruments by the first minute of the session that was not made up; some may have none."""
    bars = Bar.objects.filter(instrument__in=rows, start_at__gte=session.open, start_at__lt=until, source=SIMULATED)
    made_up = bars.filter(instrument__venue__in=real_venues()).order_by().values("instrument").annotate(Max("start_at"))
    last = {row["instrument"]: row["start_at__max"] for row in made_up}
    found: dict[datetime, list[Instrument]] = defaultdict(list)
    for row in rows:
        start = last[row.pk] + MINUTE if row.pk in last else session.open
        if start < until:
            found[start].append(row)
    return found


def _stored(symbols: Sequence[str], session: Session) -> Iterator[tuple[str, BarSoFar]]:
    names = ("high", "low", "close", "volume")
    days = DailyBar.objects.filter(instrument__symbol__in=symbols, date=session.date)
    made_up = Q(origin=DailyBar.Origin.SIMULATED) & ~Q(instrument__venue__in=real_venues()) & ~Exists(_minutes(session))
    rows = days.filter(Q(origin=DailyBar.Origin.IMPORTED) | made_up)
    for symbol, *figures in rows.values_list("instrument__symbol", *names):
        yield symbol, BarSoFar(*map(float, figures))


def _minutes(session: Session) -> QuerySet[Bar]:
    """Return the minutes of a day's instrument in a session."""
    return Bar.objects.filter(instrument=OuterRef("instrument"), start_at__gte=session.open, start_at__lt=session.close)


def _seen(venues: Collection[str], session: Session, until: datetime) -> dict[str, int]:
    """Return in how many minutes of a session until then anything of each venue has traded, at prices that count."""
    bars = Bar.objects.filter(instrument__venue__in=venues, start_at__gte=session.open, start_at__lt=until)
    real = bars.exclude(source=SIMULATED, instrument__venue__in=real_venues()).order_by()
    counted = real.values("instrument__venue").annotate(minutes=Count("start_at", distinct=True))
    return {row["instrument__venue"]: row["minutes"] for row in counted}


def _begun_late(first: Mapping[int, datetime], session: Session, until: datetime) -> dict[int, NoBarYet]:
    """Return those instruments whose first minute ever came when more than a tenth of what has passed was over."""
    passed = passed_share(session, until)
    late = {key: at for key, at in first.items() if passed - passed_share(session, at) < LEAST_SEEN * passed}
    if not late:
        return {}
    before = Bar.objects.filter(instrument=OuterRef("pk"), start_at__lt=session.open)
    known = set(Instrument.objects.filter(Exists(before), pk__in=late).values_list("pk", flat=True))
    return {key: NoBarYet(f"it is watched since {told_time(at)} only") for key, at in late.items() if key not in known}


def _bar(done: Figures | None, price: LastPrice | None, stretch: Stretch, *, is_over: bool) -> BarSoFar | NoBarYet:
    if done is None:
        return NoBarYet("it has no minutes of the session")
    if stretch.until - done.last_at > STALE:
        return NoBarYet(f"its last minute is that of {told_time(done.last_at)}")
    if stretch.seen < LEAST_SEEN * stretch.passed:
        return NoBarYet(f"its feed has seen {stretch.seen} of the {stretch.passed} minutes of the session")
    if is_over:
        return _of(done, done.close, stretch.share)
    if price is None or price.at < stretch.session.open:
        return NoBarYet("it has no quote of the last 15 minutes")
    return _of(done, price.price, stretch.share)


def _of(done: Figures, close: Decimal, share: float) -> BarSoFar:
    high, low = max(done.high, close), min(done.low, close)
    return BarSoFar(float(high), float(low), float(close), float(done.volume) / share)
