"""Keep the row of each instrument's 24-hour session, and freeze it once New York has closed.

    state          becomes      when
    no row         open         the instrument has traded in the session that runs
    open           open         its figures, or the close before, have changed
    open, no row   finalized    the session has ended and the venue's feed has passed its end
    finalized      finalized    always: nothing changes the row any more

Figures are of the bars of the whole session, so a pass that came late, twice or after a gap leaves the same row. Older
sessions are finalized first: the close of one is the close before of the next.

    pass A (slot 10:00:00): reads figures .................. writes: refused, the row is of a later slot
    pass B (slot 10:00:30):                 reads and writes
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction

from thor.marketdata import rolling, spans, waiting
from thor.marketdata.figures import day_figures
from thor.marketdata.models import Bar, Capture, Instrument, TwentyFourHour
from thor.marketdata.rolling import Day
from thor.marketdata.upsert import upsert

#: Rows in one statement.
ROWS: Final = 1000
_FROZEN: Final = "old.finalized"
_LATER: Final = "old.finalized OR old.updated_at > excluded.updated_at"
_KEPT: Final = ("created", "instrument_id", "session_date", "updated_at")


def update_rolling_24h(*, market: str, at: datetime) -> dict[str, Any]:
    """Bring the rows of a venue up to date; return rows (written), finalized (rows) and what is waited for."""
    told: dict[str, Any] = {"rows": 0}
    for day in rolling.ended(at):
        if _unfinished(market, day):
            told |= _finalize([market], day, at)
    day = rolling.day_at(at)
    if day is not None:
        told["session_date"] = day.date.isoformat()
        told["rows"] = _store(_instruments([market]), day, at, finalized=False)
    return told


def finalize_24h(*, at: datetime, session_date: date) -> dict[str, Any]:
    """Freeze the rows of a 24-hour session that has ended by `at`, on all venues whose feeds have passed its end.

    Return finalized (rows) and waiting (venues that are behind; their next pass of `update_rolling_24h` does it).
    """
    day = rolling.day_on(session_date)
    if at < day.end:
        return {"finalized": 0, "waiting": f"until {day.end.isoformat()}"}
    venues = Instrument.objects.filter(active=True).order_by("venue").values_list("venue", flat=True).distinct()
    return _finalize([venue for venue in venues if _unfinished(venue, day)], day, at)


def _unfinished(venue: str, day: Day) -> bool:
    """Say whether the session has rows of the venue that are not frozen, or bars and no rows at all."""
    states = TwentyFourHour.objects.filter(instrument__venue=venue, session_date=day.date)
    known = set(states.order_by().values_list("finalized", flat=True).distinct())
    if known:
        return False in known
    bars = Bar.objects.filter(instrument__venue=venue, instrument__active=True)
    return bars.filter(start_at__gte=day.start, start_at__lt=day.end).exists()


def _finalize(venues: Sequence[str], day: Day, at: datetime) -> dict[str, Any]:
    behind = [venue for venue in waiting.behind(venues, day.end) if waiting.watermark(venue) is not None]
    ready = [venue for venue in venues if venue not in behind]
    waiting.flush_until(ready, at)
    rows = _instruments(ready)
    with transaction.atomic():
        count = _store(rows, day, at, finalized=True)
        _tell_captures(rows, day)
    return {"finalized": count, **({"waiting": behind} if behind else {})}


def _store(instruments: Sequence[Instrument], day: Day, at: datetime, *, finalized: bool) -> int:
    """Write the rows that have changed, in one statement a thousand; return how many."""
    traded = rolling.figures(instruments, day)
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
    found = list(rows.only("pk", "instrument_id"))
    for row in found:
        row.close_24h = closes[row.instrument_id]
    Capture.objects.bulk_update(found, ["close_24h"], batch_size=ROWS)


def _instruments(venues: Iterable[str]) -> list[Instrument]:
    return list(Instrument.objects.filter(venue__in=list(venues), active=True).order_by("pk"))


def _parts(rows: Sequence[dict[str, Any]]) -> Iterable[Sequence[dict[str, Any]]]:
    return (rows[start : start + ROWS] for start in range(0, len(rows), ROWS))
