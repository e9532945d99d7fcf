"""Read trading days and splits out of the database into the arrays that `extremes` works on."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

import numpy as np
from django.db import connection
from django.db.models import CharField, F, FloatField
from django.db.models.functions import Cast
from numpy.typing import NDArray

from thor.marketdata import extremes
from thor.marketdata.extremes import DAY, Split
from thor.marketdata.models import DailyBar
from thor.marketdata.models import Split as SplitRow

#: Instruments whose days are read in one statement.
CHUNK: Final = 500
_EPOCH: Final = date(1970, 1, 1).toordinal()

#: An instrument a row, its days as the bytes of one record after the other.
_RECORDS: Final = """
SELECT instrument_id, string_agg(date_send(date) || float8send(open::float8) || float8send(high::float8)
       || float8send(low::float8) || float8send(close::float8) || boolsend(origin <> %s), ''::bytea)
FROM marketdata_dailybar WHERE instrument_id = ANY (%s) AND date < %s GROUP BY instrument_id
"""
#: Such a record; PostgreSQL counts dates from the year 2000 on. No column of a day may be empty.
_SENT: Final = np.dtype(
    [("date", ">i4"), ("open", ">f8"), ("high", ">f8"), ("low", ">f8"), ("close", ">f8"), ("cleaned", "?")]
)
_SENT_EPOCH: Final = date(2000, 1, 1).toordinal()


def base_of(instruments: Sequence[int], as_of: date) -> NDArray[Any]:
    """Return a row of `extremes.BASE` for each instrument (by key, ascending): what is known before `as_of`."""
    splits = splits_of(instruments)
    parts = [extremes.blank(0)]
    for start in range(0, len(instruments), CHUNK):
        some = instruments[start : start + CHUNK]
        mine = {key: splits[key] for key in some if key in splits}
        parts.append(extremes.base_of(days_of(some, as_of), some, as_of, mine))
    return np.concatenate(parts)


def days_of(instruments: Sequence[int], before: date) -> NDArray[Any]:
    """Return the days (dtype DAY) of these instruments before a date, in any order."""
    read = sent_days if connection.vendor == "postgresql" else selected_days
    return read(instruments, before)


def sent_days(instruments: Sequence[int], before: date) -> NDArray[Any]:
    """Return the days as PostgreSQL sends records of them; a million rows were seven million Python objects."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORDS, [DailyBar.Origin.IMPORTED.value, list(instruments), before])
        found = cursor.fetchall()
    sent = np.frombuffer(b"".join(records for _, records in found), _SENT)
    days = np.empty(len(sent), DAY)
    counts = [len(records) // _SENT.itemsize for _, records in found]
    days["instrument"] = np.repeat(np.array([key for key, _ in found], np.int64), counts)
    for name in _SENT.names or ():
        days[name] = sent[name]
    days["date"] += _SENT_EPOCH
    return days


def selected_days(instruments: Sequence[int], before: date) -> NDArray[Any]:
    """Return the days as any database gives them."""
    # As numbers and text: a Decimal and a date a cell would take ten times as long for a million rows.
    prices = {f"{name}_": Cast(F(name), FloatField()) for name in ("open", "high", "low", "close")}
    rows = DailyBar.objects.order_by().filter(instrument__in=instruments, date__lt=before)
    found = list(rows.annotate(day=Cast(F("date"), CharField()), **prices).values_list(
        "instrument_id", "day", "open_", "high_", "low_", "close_", "origin"
    ))  # fmt: skip
    days = np.zeros(len(found), DAY)
    if found:
        key, on, *figures, origin = zip(*found, strict=True)
        days["instrument"] = key
        days["date"] = np.array(on, "datetime64[D]").astype(np.int64) + _EPOCH
        for name, column in zip(("open", "high", "low", "close"), figures, strict=True):
            days[name] = column
        days["cleaned"] = np.array(origin) != DailyBar.Origin.IMPORTED.value
    return days


def splits_of(instruments: Iterable[int]) -> dict[int, list[Split]]:
    """Return the splits of these instruments, by key; one without splits is left out."""
    found: dict[int, list[Split]] = defaultdict(list)
    rows = SplitRow.objects.filter(instrument__in=list(instruments))
    for key, on, ratio in rows.values_list("instrument_id", "date", "ratio"):
        found[key].append(Split(on.toordinal(), float(ratio)))
    return found
