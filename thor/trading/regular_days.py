"""Say what instruments did on past dates within the hours of the market that is traded, by their minutes.

A rolled-up day is that of its venue's whole session, with trades of before the open and after the close; imported days,
and today's bar, are of regular hours alone. Features that mix the two would compare volumes of sixteen hours with those
of six and a half. So days that are no imported ones are taken from the minutes of regular hours, read once and noted.
A date of which there are no such minutes (any more, or because nothing was traded then) keeps its rolled-up day.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date

from django.db.models import F, FloatField
from django.db.models.functions import Cast

from thor.env import env
from thor.marketdata import closes
from thor.marketdata.models import Instrument
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
    missing = set(wanted) - _noted(wanted).keys()
    if missing:
        _note(missing)
    return _noted(wanted)


def _noted(wanted: Collection[Day]) -> dict[Day, Four]:
    dates = [day for _, day in wanted]
    rows = RegularDay.objects.filter(
        instrument__in={key for key, _ in wanted}, date__gte=min(dates), date__lte=max(dates)
    )
    # As numbers: a Decimal a cell would take several times as long.
    figures = {f"{name}_": Cast(F(name), FloatField()) for name in _COLUMNS}
    known = {
        (key, day): (high, low, close, volume)
        for key, day, high, low, close, volume in rows.annotate(**figures).values_list("instrument", "date", *figures)
    }
    return {day: known[day] for day in wanted if day in known}


def _note(missing: Iterable[Day]) -> None:
    """Read the minutes of what is missing, a session at a time, and keep what they say."""
    keys_of: dict[date, list[int]] = defaultdict(list)
    for key, day in missing:
        keys_of[day].append(key)
    sessions = sessions_of(env().trading_market).between(min(keys_of), max(keys_of))
    instruments = Instrument.objects.in_bulk([key for keys in keys_of.values() for key in keys])
    for session in sessions:
        if session.date in keys_of:
            _note_session(session, {key: instruments[key] for key in keys_of[session.date]})


def _note_session(session: Session, instruments: Mapping[int, Instrument]) -> None:
    # Here, not above: it brings the kernels.
    from thor.marketdata.extremes_today import session_figures

    rows = list(instruments.values())
    before = {key: float(price) for key, price in closes.closes_of_days(rows, session.date).items()}
    found = session_figures(rows, before, session.open, session.close)
    RegularDay.objects.bulk_create(
        (
            RegularDay(
                instrument_id=key,
                date=session.date,
                high=done.high,
                low=done.low,
                close=done.close,
                volume=done.volume,
            )
            for key, done in found.items()
        ),
        ignore_conflicts=True,
    )
