"""Say what instruments did on past dates within the hours of the market that is traded, by their minutes.

A rolled-up day is that of its venue's whole session, with trades of before the open and after the close; imported days,
and today's bar, are of regular hours alone. Features that mix the two would compare volumes of sixteen hours with those
of six and a half. So days that are no imported ones are taken from the minutes of regular hours, read once and noted.
A date of which there are no such minutes (any more, or because nothing was traded then) keeps its rolled-up day.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

from django.db.models import F, FloatField, OuterRef, Subquery
from django.db.models.functions import Cast

from thor.env import env
from thor.marketdata import closes
from thor.marketdata.models import Bar, Instrument
from thor.marketdata.spans import Figures
from thor.markets.sessions import sessions_of
from thor.timing.session import Session
from thor.trading.models import RegularDay

#: High, low, close and volume.
Four = tuple[float, float, float, float]
#: An instrument's key and a date.
Day = tuple[int, date]

_COLUMNS = ("high", "low", "close", "volume")


def regular_days(wanted: Collection[Day]) -> dict[Day, Four]:
    """Return the figures of each (instrument's key, date), prices of that date; without those that have no minutes."""
    if not wanted:
        return {}
    noted = _noted(wanted)
    missing = set(wanted) - noted.keys()
    if missing and _note(missing):
        noted = _noted(wanted)
    return {day: four for day, four in noted.items() if four is not None}


def _noted(wanted: Collection[Day]) -> dict[Day, Four | None]:
    dates = [day for _, day in wanted]
    rows = RegularDay.objects.filter(
        instrument__in={key for key, _ in wanted}, date__gte=min(dates), date__lte=max(dates)
    )
    # As numbers: a Decimal a cell would take several times as long.
    figures = {f"{name}_": Cast(F(name), FloatField()) for name in _COLUMNS}
    known: dict[Day, Four | None] = {
        (key, day): None if high is None else (high, low, close, volume)
        for key, day, high, low, close, volume in rows.annotate(**figures).values_list("instrument", "date", *figures)
    }
    return {day: known[day] for day in wanted if day in known}


def _note(missing: Iterable[Day]) -> bool:
    """Read the minutes of what is missing, a session at a time, and keep what they say; tell whether any were read.

    Days of before an instrument's first minute, simulated or older than minutes are kept, are not looked at, nor is the
    one in which it lies: part of that one may be gone.
    """
    keys_of: dict[date, list[int]] = defaultdict(list)
    for key, day in missing:
        keys_of[day].append(key)
    instruments = _with_first_minute({key for keys in keys_of.values() for key in keys})
    was_read = False
    for session in sessions_of(env().trading_market).between(min(keys_of), max(keys_of)):
        found = [instruments[key] for key in keys_of.get(session.date, ()) if key in instruments]
        whole = [row for row, first_at in found if first_at <= session.open]
        if whole:
            _note_session(session, whole)
            was_read = True
    return was_read


def _with_first_minute(keys: Collection[int]) -> dict[int, tuple[Instrument, datetime]]:
    """Return the instruments that have minutes, and when the first of them began, by key."""
    # One step into the index of bars an instrument, however many bars there are.
    first = Bar.objects.filter(instrument=OuterRef("pk")).order_by("start_at").values("start_at")[:1]
    rows = Instrument.objects.filter(pk__in=keys).annotate(first_at=Subquery(first))
    return {row.pk: (row, row.first_at) for row in rows if row.first_at is not None}


def _note_session(session: Session, rows: Sequence[Instrument]) -> None:
    # Here, not above: it brings the kernels.
    from thor.marketdata.extremes_today import session_figures

    before = {key: float(price) for key, price in closes.closes_of_days(rows, session.date).items()}
    found = session_figures(rows, before, session.open, session.close)
    RegularDay.objects.bulk_create(
        (RegularDay(instrument=row, date=session.date, **_figures(found.get(row.pk))) for row in rows),
        ignore_conflicts=True,
    )


def _figures(found: Figures | None) -> dict[str, Decimal | None]:
    return {name: None if found is None else getattr(found, name) for name in _COLUMNS}
