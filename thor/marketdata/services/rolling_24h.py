"""Keep the row of each instrument's 24-hour session, and freeze it once New York has closed.

    state          becomes      when
    no row         open         the instrument has traded in the session that runs
    open           open         its figures, or the close before, have changed
    open, no row   finalized    the session has ended and the venue's feed has passed its end
    open           finalized    likewise, where its instrument is not active any more
    finalized      finalized    always: nothing changes the row any more
    finalized      open         New York closes later than it did when the row was frozen

A venue of whose feed nothing is known (Redis has been lost) is waited for until the next session begins.

Figures are of the bars of the whole session, so a pass that came late, twice or after a gap leaves the same row; what
its hours add up to is kept in this process for as long as nobody writes into them. Older sessions are finalized first,
from the bars alone: the close of one is the close before of the next.

    pass A (slot 10:00:00): reads figures .................. writes: refused, the row is of a later slot
    pass B (slot 10:00:30):                 reads and writes
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from thor.marketdata import rolling, spans, waiting
from thor.marketdata.figures import day_figures
from thor.marketdata.models import Bar, Capture, Instrument, SessionCapture, TwentyFourHour
from thor.marketdata.rolling import Day
from thor.marketdata.upsert import upsert

#: Rows in one statement.
ROWS: Final = 1000
_FROZEN: Final = "old.finalized"
_LATER: Final = "old.finalized OR old.updated_at > excluded.updated_at"

#: What the hours of the running session add up to, by venue.
_added_up: spans.Memory = {}


def update_rolling_24h(*, market: str, at: datetime) -> dict[str, Any]:
    """Bring the rows of a venue up to date; return rows (written), finalized (rows) and what is waited for."""
    told: dict[str, Any] = {"rows": 0}
    days = rolling.ended(at)
    for day in days:
        if _unfinished(market, day):
            told |= _finalize([market], day, at)
    _tell_late_captures([market], days)
    day = rolling.day_at(at)
    if day is not None:
        told["session_date"] = day.date.isoformat()
        told["rows"] = _follow(market, day, at)
    return told


def finalize_24h(*, at: datetime, session_date: date) -> dict[str, Any]:
    """Freeze the rows of a 24-hour session that has ended by `at`, on all venues whose feeds have passed its end.

    Return finalized (rows) and waiting (venues that are behind; their next pass of `update_rolling_24h` does it).
    """
    day = rolling.day_on(session_date)
    if at < day.end:
        return {"finalized": 0, "waiting": f"until {day.end.isoformat()}"}
    venues = list(Instrument.objects.order_by("venue").values_list("venue", flat=True).distinct())
    told = _finalize([venue for venue in venues if _unfinished(venue, day)], day, at)
    _tell_late_captures(venues, [day])
    return told


def _unfinished(venue: str, day: Day) -> bool:
    """Say whether the session has rows of the venue that are not frozen at its end, or bars and no rows at all."""
    rows = TwentyFourHour.objects.filter(instrument__venue=venue, session_date=day.date)
    if rows.exists():
        return rows.filter(Q(finalized=False) | Q(updated_at__lt=day.end)).exists()
    bars = Bar.objects.filter(instrument__venue=venue, instrument__active=True)
    return bars.filter(start_at__gte=day.start, start_at__lt=day.end).exists()


def _finalize(venues: Sequence[str], day: Day, at: datetime) -> dict[str, Any]:
    behind = _behind(venues, day, at)
    ready = [venue for venue in venues if venue not in behind]
    waiting.flush_until(ready, at)
    rows = _with_rows(ready, day)
    with transaction.atomic():
        _lock_captures(day)
        _unfreeze(ready, day)
        count = _store(rows, day, at, rolling.figures(rows, day), finalized=True)
        # What has no bars any more stands as it was last seen.
        left = TwentyFourHour.objects.filter(instrument__in=rows, session_date=day.date, finalized=False)
        count += left.update(finalized=True, updated_at=at)
        _tell_captures(rows, day)
    return {"finalized": count, **({"waiting": behind} if behind else {})}


def _behind(venues: Sequence[str], day: Day, at: datetime) -> list[str]:
    """Return the venues to wait for; one whose feed has never published only until the next session begins."""
    behind = waiting.behind(venues, day.end)
    if at < rolling.day_on(day.date + timedelta(days=1)).start:
        return behind
    return [venue for venue in behind if waiting.watermark(venue) is not None]


def _follow(market: str, day: Day, at: datetime) -> int:
    """Write the rows of the session that runs; return how many."""
    instruments = _instruments([market])
    _unfreeze([market], day)
    traded = rolling.figures(instruments, day, memory=_added_up)
    if _has_gone_back(instruments, day, traded):
        waiting.flush_until([market], at)
        traded = rolling.figures(instruments, day, memory=_added_up)
    return _store(instruments, day, at, traded, finalized=False)


def _has_gone_back(instruments: Sequence[Instrument], day: Day, traded: Mapping[str, spans.Figures]) -> bool:
    """Say whether less was traded than is known already: then bars are on their way from the fold to the database."""
    rows = TwentyFourHour.objects.filter(instrument__in=instruments, session_date=day.date, finalized=False)
    known = rows.values_list("instrument__symbol", "volume")
    return any(symbol not in traded or traded[symbol].volume < volume for symbol, volume in known)


def _unfreeze(venues: Sequence[str], day: Day) -> None:
    """Open the rows that were frozen at an end that is none any more, and take back what captures were told."""
    early = TwentyFourHour.objects.filter(
        instrument__venue__in=venues, session_date=day.date, finalized=True, updated_at__lt=day.end
    )
    keys = list(early.values_list("instrument_id", flat=True))
    if not keys:
        return
    with transaction.atomic():
        _lock_captures(day)
        early.update(finalized=False)
        of_the_day = {"session__captured_at__gte": day.start, "session__captured_at__lt": day.end}
        Capture.objects.filter(instrument__in=keys, **of_the_day).update(close_24h=None)


def _store(
    instruments: Sequence[Instrument], day: Day, at: datetime, traded: Mapping[str, spans.Figures], *, finalized: bool
) -> int:
    """Write the rows that have changed, in one statement a thousand; return how many."""
    active = [row for row in instruments if row.symbol in traded]
    before = rolling.closes_before(active, day)
    known = {row["instrument_id"]: row for row in _known(active, day)}
    fresh = [_row(row, day, traded[row.symbol], before.get(row.symbol), finalized) for row in active]
    changed = [{**row, "updated_at": at} for row in fresh if row != known.get(row["instrument_id"])]
    unless = _FROZEN if finalized else _LATER
    return sum(
        upsert(TwentyFourHour, part, unique=("instrument_id", "session_date"), unless=unless)
        for part in _parts(changed)
    )


def _row(instrument: Instrument, day: Day, done: spans.Figures, before: Any, finalized: bool) -> dict[str, Any]:
    return {
        "instrument_id": instrument.pk,
        "session_date": day.date,
        "open": done.open,
        "high": done.high,
        "low": done.low,
        "last": done.close,
        **day_figures(opened=done.open, high=done.high, low=done.low, previous_close=before),
        "volume": done.volume,
        "finalized": finalized,
    }


def _known(instruments: Sequence[Instrument], day: Day) -> Iterable[dict[str, Any]]:
    names = [
        field.attname for field in TwentyFourHour._meta.concrete_fields if field.attname not in ("id", "updated_at")
    ]
    return TwentyFourHour.objects.filter(instrument__in=instruments, session_date=day.date).values(*names)


def _tell_captures(instruments: Sequence[Instrument], day: Day) -> None:
    """Give every capture that was taken in the session its close."""
    closes = dict(
        TwentyFourHour.objects.filter(instrument__in=instruments, session_date=day.date, finalized=True).values_list(
            "instrument_id", "last"
        )
    )
    rows = Capture.objects.filter(
        instrument__in=closes, session__captured_at__gte=day.start, session__captured_at__lt=day.end, close_24h=None
    )
    with transaction.atomic():
        _lock_captures(day)
        found = list(rows.only("pk", "instrument_id").order_by("pk"))
        for row in found:
            row.close_24h = closes[row.instrument_id]
        Capture.objects.bulk_update(found, ["close_24h"], batch_size=ROWS)


def _tell_late_captures(venues: Sequence[str], days: Sequence[Day]) -> None:
    """Tell those that were captured only after their 24 hours were frozen."""
    rows = Capture.objects.filter(instrument__venue__in=venues, close_24h=None)
    for day in days:
        late = rows.filter(session__captured_at__gte=day.start, session__captured_at__lt=day.end)
        frozen = TwentyFourHour.objects.filter(instrument=OuterRef("instrument"), session_date=day.date, finalized=True)
        keys = set(late.filter(Exists(frozen)).values_list("instrument_id", flat=True))
        if keys:
            _tell_captures(list(Instrument.objects.filter(pk__in=keys)), day)


def _lock_captures(day: Day) -> None:
    """Lock the sessions captured in a 24-hour session, oldest first, as everybody does who writes their rows."""
    sessions = SessionCapture.objects.filter(captured_at__gte=day.start, captured_at__lt=day.end)
    list(sessions.select_for_update().order_by("pk").values_list("pk", flat=True))


def _instruments(venues: Iterable[str]) -> list[Instrument]:
    return list(Instrument.objects.filter(venue__in=list(venues), active=True).order_by("pk"))


def _with_rows(venues: Sequence[str], day: Day) -> list[Instrument]:
    """Return the instruments to be frozen: those that are active, and those that were when they traded."""
    open_rows = TwentyFourHour.objects.filter(session_date=day.date, finalized=False).values("instrument_id")
    wanted = Instrument.objects.filter(Q(active=True) | Q(pk__in=open_rows), venue__in=venues)
    return list(wanted.order_by("pk"))


def _parts(rows: Sequence[dict[str, Any]]) -> Iterable[Sequence[dict[str, Any]]]:
    return (rows[start : start + ROWS] for start in range(0, len(rows), ROWS))
