"""The splits that are entered, as the guard wants them: by symbol, with the session in which new shares first trade."""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta

from thor.marketdata.levels import KnownSplit
from thor.marketdata.models import Split
from thor.markets.sessions import sessions_of
from thor.timing import micros

Entered = list[tuple[str, date, float]]


def entered(venue: str) -> Entered:
    """Return the splits of a venue's instruments as they stand in the database: symbol, date, ratio."""
    rows = Split.objects.filter(instrument__venue=venue).values_list("instrument__symbol", "date", "ratio")
    return [(symbol, day, float(ratio)) for symbol, day, ratio in rows.order_by("instrument__symbol", "date")]


def by_symbol(venue: str, found: Entered) -> dict[str, list[KnownSplit]]:
    """Return the splits by symbol, each with the stretch in which ticks belong to its session."""
    splits = defaultdict(list)
    for symbol, day, ratio in found:
        starts, ends = _session(venue, day)
        splits[symbol].append(KnownSplit(micros(starts) * 1000, micros(ends) * 1000, ratio))
    return dict(splits)


def _session(venue: str, day: date) -> tuple[datetime, datetime]:
    """Return from the close before a session to its own close, or the day of UTC where the venue has no session."""
    table = sessions_of(venue)
    session = table.on(day)
    if session is None:
        midnight = datetime.combine(day, time(), UTC)
        return midnight, midnight + timedelta(days=1)
    before = [one.close for one in table.around(session.open, session.open) if one.close <= session.open]
    return max(before, default=session.open), session.close
