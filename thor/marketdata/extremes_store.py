"""Keep the rows of `Extreme` and `NewExtreme` as they should be: write what differs, and nothing else.

What is stored is known as arrays. It is read again as soon as somebody else has written (the number of rows, or the
newest slot among them, is another), so a pass of another process costs one more reading and never a wrong row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import numpy as np
from django.db import transaction
from django.db.models import CharField, Count, F, FloatField, Max
from django.db.models.functions import Cast
from numpy.typing import NDArray

from thor.marketdata import extremes
from thor.marketdata.closed import exact
from thor.marketdata.events import emit
from thor.marketdata.extremes_watch import Now, Watch
from thor.marketdata.models import Extreme, NewExtreme
from thor.marketdata.upsert import upsert

#: Rows in one statement.
ROWS: Final = 1000
_EPOCH: Final = date(1970, 1, 1).toordinal()
#: A row of a later session stands, and of the same session the row of a later slot.
_LATER: Final = "old.as_of > excluded.as_of OR (old.as_of = excluded.as_of AND old.updated_at > excluded.updated_at)"
#: An extreme of a session only goes further.
_FURTHER: Final = (
    "(old.kind IN ('high_52w', 'all_time_high') AND old.price > excluded.price) OR "
    "(old.kind IN ('low_52w', 'all_time_low') AND old.price < excluded.price)"
)
_KINDS: Final = tuple(extremes.KINDS)

#: What is stored of one instrument: its row, and of the session the new extremes (price, and what was before).
_STORED: Final = np.dtype(
    [
        ("as_of", "i8"),
        ("last", "f8"),
        *((name, kind) for kind_ in _KINDS for name, kind in ((kind_, "f8"), (f"{kind_}_date", "i8"))),
        *((f"{prefix}_{kind}", "f8") for kind in _KINDS for prefix in ("new", "before")),
    ]
)


@dataclass(slots=True)
class Stored:
    """What is in the tables of one watch's instruments, and the stamp by which a foreign write is noticed."""

    rows: NDArray[Any]
    stamp: tuple[Any, ...]


def read(watch: Watch) -> Stored:
    """Return what is stored, aligned with the instruments of the watch."""
    stamp = _stamp(watch)
    rows = np.zeros(len(watch.instruments), _STORED)
    for name in ("last", *_KINDS, *(f"{prefix}_{kind}" for kind in _KINDS for prefix in ("new", "before"))):
        rows[name] = np.nan
    place = {row.pk: at for at, row in enumerate(watch.instruments)}
    _read_extremes(rows, place, watch)
    news = NewExtreme.objects.filter(instrument__venue=watch.venue, date=watch.as_of).order_by()
    for key, kind, before, price in news.values_list("instrument_id", "kind", "before", "price"):
        if key in place:
            rows[place[key]][f"new_{kind}"], rows[place[key]][f"before_{kind}"] = float(price), float(before)
    return Stored(rows, stamp)


def is_current(stored: Stored, watch: Watch) -> bool:
    """Say whether nobody else has written since."""
    return stored.stamp == _stamp(watch)


def write(watch: Watch, stored: Stored, now: Now, *, at: datetime, final: bool) -> tuple[int, int]:
    """Write what differs, in one transaction; return how many rows and how many extremes that are new were written.

    Within a session a row whose last price alone has changed is left; at its end (`final`) it is not.
    """
    places = _changed_places(watch, stored, now, final)
    rows = [_row(watch, now, place, at) for place in places]
    news, gone, first = _changed_news(watch, stored, now)
    if not (rows or news or gone):
        return 0, 0
    with transaction.atomic():
        first = _unknown(first, watch.as_of)
        for part in _parts(rows):
            upsert(Extreme, part, unique=("instrument_id",), unless=_LATER)
        for part in _parts(news):
            upsert(NewExtreme, part, unique=("instrument_id", "kind", "date"), unless=_FURTHER)
        for kind in {kind for _, kind in gone}:
            mine = [key for key, of in gone if of == kind]
            NewExtreme.objects.filter(date=watch.as_of, kind=kind, instrument__in=mine).delete()
    _tell(watch, news, first)
    _note(watch, stored, now, places)
    return len(rows), len(news)


def _note(watch: Watch, stored: Stored, now: Now, places: NDArray[np.int64]) -> None:
    """Know of what was written without reading it."""
    stored.rows["as_of"][places] = watch.as_of.toordinal()
    stored.rows["last"][places] = _last(watch, now)[places]
    for kind in _KINDS:
        broken = extremes.is_broken(watch.base, kind, now.high, now.low)
        for name in (kind, f"{kind}_date"):
            stored.rows[name][places] = now.rows[name][places]
        stored.rows[f"new_{kind}"] = np.where(broken, now.rows[kind], np.nan)
        stored.rows[f"before_{kind}"] = np.where(broken, watch.base[kind], np.nan)
    stored.stamp = _stamp(watch)


def _read_extremes(rows: NDArray[Any], place: dict[int, int], watch: Watch) -> None:
    prices = {f"{name}_": Cast(F(name), FloatField()) for name in ("last_price", *_KINDS)}
    dates = {f"{name}_day": Cast(F(name), CharField()) for name in ("as_of", *(f"{kind}_date" for kind in _KINDS))}
    names = ["pk", *prices, *dates]
    found = list(
        Extreme.objects.filter(instrument__venue=watch.venue, instrument__active=True)
        .order_by()
        .annotate(**prices, **dates)
        .values_list(*names)
    )
    found = [row for row in found if row[0] in place]
    if not found:
        return
    columns = dict(zip(names, zip(*found, strict=True), strict=True))
    at = [place[key] for key in columns["pk"]]
    rows["last"][at] = np.array(columns["last_price_"], np.float64)
    rows["as_of"][at] = _ordinals(columns["as_of_day"])
    for kind in _KINDS:
        rows[kind][at] = columns[f"{kind}_"]
        rows[f"{kind}_date"][at] = _ordinals(columns[f"{kind}_date_day"])


def _ordinals(days: Sequence[str]) -> NDArray[np.int64]:
    return np.array(days, "datetime64[D]").astype(np.int64) + _EPOCH


def _stamp(watch: Watch) -> tuple[Any, ...]:
    of = Extreme.objects.filter(instrument__venue=watch.venue)
    return tuple(of.aggregate(count=Count("pk"), newest=Max("updated_at")).values())


def _last(watch: Watch, now: Now) -> NDArray[np.float64]:
    """Return the last price of today, or else the close before."""
    return np.where(np.isnan(now.last), watch.base["close"], now.last)


def _changed_places(watch: Watch, stored: Stored, now: Now, final: bool) -> NDArray[np.int64]:
    """Return which instruments have extremes that are not those of their stored row, if that is not a newer one."""
    old, new, as_of = stored.rows, now.rows, watch.as_of.toordinal()
    differs = old["as_of"] != as_of
    for kind in _KINDS:
        differs |= (old[kind] != new[kind]) | (old[f"{kind}_date"] != new[f"{kind}_date"])
    if final:
        differs |= old["last"] != _last(watch, now)
    known = ~np.isnan(new["high_52w"]) & ~np.isnan(new["low_52w"])
    return np.flatnonzero(differs & known & (old["as_of"] <= as_of))


def _row(watch: Watch, now: Now, place: int, at: datetime) -> dict[str, Any]:
    last = float(now.last[place] if now.last[place] == now.last[place] else watch.base["close"][place])
    return {
        "instrument_id": watch.instruments[place].pk,
        "as_of": watch.as_of,
        **_extremes(now.rows[place]),
        "last_price": None if np.isnan(last) else exact(last),
        "updated_at": at,
    }


def _extremes(row: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in _KINDS:
        found[kind] = exact(float(row[kind]))
        found[f"{kind}_date"] = date.fromordinal(int(row[f"{kind}_date"]))
    return found


def _changed_news(
    watch: Watch, stored: Stored, now: Now
) -> tuple[list[dict[str, Any]], list[tuple[int, str]], set[tuple[int, str]]]:
    """Return the new extremes to write, those that are none any more, and which of the first were not there before."""
    news: list[dict[str, Any]] = []
    gone: list[tuple[int, str]] = []
    first: set[tuple[int, str]] = set()
    for kind in _KINDS:
        broken = extremes.is_broken(watch.base, kind, now.high, now.low)
        price, before = now.rows[kind], watch.base[kind]
        known, known_before = stored.rows[f"new_{kind}"], stored.rows[f"before_{kind}"]
        for place in np.flatnonzero(broken & ((known != price) | (known_before != before))):
            key = watch.instruments[place].pk
            first |= {(key, kind)} if np.isnan(known[place]) else set()
            news.append(
                {
                    "instrument_id": key,
                    "kind": kind,
                    "date": watch.as_of,
                    "before": exact(float(before[place])),
                    "price": exact(float(price[place])),
                }
            )
        gone += [(watch.instruments[place].pk, kind) for place in np.flatnonzero(~broken & ~np.isnan(known))]
    return news, gone, first


def _unknown(first: set[tuple[int, str]], day: date) -> set[tuple[int, str]]:
    """Return those of which another pass has not told meanwhile."""
    if not first:
        return first
    known = NewExtreme.objects.filter(date=day, instrument__in={key for key, _ in first})
    return first - set(known.values_list("instrument_id", "kind"))


def _tell(watch: Watch, news: list[dict[str, Any]], first: set[tuple[int, str]]) -> None:
    symbols = {row.pk: row.symbol for row in watch.instruments} if first else {}
    for row in news:
        if (row["instrument_id"], row["kind"]) in first:
            told: dict[str, Decimal] = {"before": row["before"], "price": row["price"]}
            symbol = symbols[row["instrument_id"]]
            emit("thor.extreme.new", symbol=symbol, kind=row["kind"], date=watch.as_of.isoformat(), **told)


def _parts(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]
