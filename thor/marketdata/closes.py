"""Find the close before: what the net change of an instrument is measured on.

By the session of the instrument's venue that `at` belongs to, the first of these that is known:

    the source's own      the latest snapshot has `previous_close`, and is of that very session
    a trading day         the newest day before the session's date, in the shares of the session's date
    a minute              the close of the last bar before the session's open, likewise

Days and minutes older than ten days are not looked at; an instrument of which nothing is known is left out.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, cast

from django.db.models import OuterRef, Subquery

from thor.connections import redis_client
from thor.marketdata import adjust, closed, keys
from thor.marketdata.models import Bar, DailyBar, Instrument, Split
from thor.marketdata.trading_days import session_at
from thor.timing.session import Session

#: How old a close may be.
REACH: Final = timedelta(days=10)


def previous_closes(instruments: Sequence[Instrument], at: datetime) -> dict[str, Decimal]:
    """Return the previous close of each instrument at `at`, by symbol."""
    by_venue: dict[str, list[Instrument]] = defaultdict(list)
    for instrument in instruments:
        by_venue[instrument.venue].append(instrument)
    found: dict[str, Decimal] = {}
    for venue, rows in by_venue.items():
        session = session_at(venue, at) or _day_of(at)
        for source in (_from_snapshots, _from_days, _from_minutes):
            missing = [row for row in rows if row.symbol not in found]
            found.update(source(missing, session) if missing else {})
    return found


def _day_of(at: datetime) -> Session:
    """Return the UTC day as the session of a venue that has none."""
    start = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Session(start.date(), start, start + timedelta(days=1))


def _from_snapshots(rows: Sequence[Instrument], session: Session) -> dict[str, Decimal]:
    symbols = [row.symbol for row in rows]
    raw = cast("list[bytes | None]", redis_client().hmget(keys.LATEST_QUOTES, symbols))
    snapshots = {symbol: json.loads(text) for symbol, text in zip(symbols, raw, strict=True) if text}
    return {
        symbol: closed.exact(float(known["previous_close"]))
        for symbol, known in snapshots.items()
        if known.get("previous_close") and _is_of(known, session)
    }


def _is_of(snapshot: Mapping[str, Any], session: Session) -> bool:
    own = session_at(str(snapshot.get("venue", "")), datetime.fromisoformat(snapshot["at"]))
    return (own or _day_of(datetime.fromisoformat(snapshot["at"]))).date == session.date


def closes_of_days(rows: Sequence[Instrument], session_date: date) -> dict[int, Decimal]:
    """Return the close of each instrument's newest day before a session, by key, in the shares of that session."""
    days = DailyBar.objects.filter(instrument__in=rows, date__lt=session_date, date__gte=session_date - REACH)
    newest = {key: (day, close) for key, day, close in days.values_list("instrument_id", "date", "close")}
    return _in_shares_of(newest, session_date)


def _from_days(rows: Sequence[Instrument], session: Session) -> dict[str, Decimal]:
    found = closes_of_days(rows, session.date)
    return {row.symbol: found[row.pk] for row in rows if row.pk in found}


def _from_minutes(rows: Sequence[Instrument], session: Session) -> dict[str, Decimal]:
    of = {row.pk: row for row in rows}
    # One step into the index of bars an instrument, however many bars there are.
    before = Bar.objects.filter(
        instrument=OuterRef("pk"), start_at__lt=session.open, start_at__gte=session.open - REACH
    )
    last = before.order_by("-start_at")
    found = Instrument.objects.filter(pk__in=of).annotate(
        minute=Subquery(last.values("start_at")[:1]), known=Subquery(last.values("close")[:1])
    )
    newest = {
        key: ((session_at(of[key].venue, start) or _day_of(start)).date, close)
        for key, start, close in found.order_by().values_list("pk", "minute", "known")
        if start is not None
    }
    return {of[key].symbol: close for key, close in _in_shares_of(newest, session.date).items()}


def _in_shares_of(known: Mapping[int, tuple[date, Decimal]], as_of: date) -> dict[int, Decimal]:
    splits = splits_of(known, as_of)
    return {key: adjust.adjusted(close, adjust.divisor(splits[key], day, as_of)) for key, (day, close) in known.items()}


def splits_of(instruments: Iterable[int], as_of: date) -> dict[int, list[adjust.SplitOf]]:
    """Return the splits up to `as_of` of each instrument (by key), oldest first; an empty list where there is none."""
    found: dict[int, list[adjust.SplitOf]] = defaultdict(list)
    rows = Split.objects.filter(instrument__in=list(instruments), date__lte=as_of)
    for key, day, ratio in rows.values_list("instrument_id", "date", "ratio"):
        found[key].append((day, ratio))
    return found
