"""Markets for the tests: sessions made by rule, with the nasty days in them."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from thor.timing import Entry, Every, Session, Span

ENTRY = UUID("0b0e1d1c-0000-4000-8000-000000000001")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
TOKYO = ZoneInfo("Asia/Tokyo")
CHICAGO = ZoneInfo("America/Chicago")
THANKSGIVING_FRIDAY = date(2026, 11, 27)


class Table:
    """A list of sessions that answers `around`."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self.sessions = list(sessions)
        self.opens = [session.open for session in self.sessions]
        self.closes = [session.close for session in self.sessions]

    def around(self, start: datetime, end: datetime) -> Sequence[Session]:
        first, last = bisect_right(self.closes, start), bisect_left(self.opens, end)
        return self.sessions[max(0, first - 1) : last + 1]


def at(text: str) -> datetime:
    """Read a UTC instant: `2026-03-06 14:30:00.999`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def utc(year: int, month: int, day: int, *clock: int) -> datetime:
    return datetime(year, month, day, *clock, tzinfo=UTC)


def utc_moments(start: datetime, end: datetime) -> st.SearchStrategy[datetime]:
    """Any instant from `start` to `end`, to the microsecond."""
    return st.datetimes(start.replace(tzinfo=None), end.replace(tzinfo=None), timezones=st.just(UTC))


def local(day: date, clock: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)


def weekdays(start: date, end: date) -> list[date]:
    days = (start + timedelta(days=n) for n in range((end - start).days))
    return [day for day in days if day.weekday() < 5]


def new_york(start: date = date(2025, 12, 1), end: date = date(2027, 3, 1)) -> Table:
    """09:30 to 16:00, until 13:00 on the Friday after Thanksgiving, closed on the Thursday before."""
    return Table(
        [
            Session(
                day,
                local(day, "09:30", NEW_YORK),
                local(day, "13:00" if day == THANKSGIVING_FRIDAY else "16:00", NEW_YORK),
            )
            for day in weekdays(start, end)
            if day != date(2026, 11, 26)
        ]
    )


def tokyo(start: date = date(2025, 12, 1), end: date = date(2027, 3, 1)) -> Table:
    """09:00 to 15:30 with a lunch break."""
    return Table(
        [
            Session(
                day,
                local(day, "09:00", TOKYO),
                local(day, "15:30", TOKYO),
                (Span(local(day, "11:30", TOKYO), local(day, "12:30", TOKYO)),),
            )
            for day in weekdays(start, end)
        ]
    )


def globex(start: date = date(2025, 12, 1), end: date = date(2027, 3, 1)) -> Table:
    """17:00 of the evening before to 16:00 of the date, Chicago time."""
    return Table(
        [
            Session(day, local(day - timedelta(days=1), "17:00", CHICAGO), local(day, "16:00", CHICAGO))
            for day in weekdays(start, end)
        ]
    )


def crypto(start: date = date(2025, 12, 1), end: date = date(2027, 3, 1)) -> Table:
    """Around the clock, without a gap."""
    days = [start + timedelta(days=n) for n in range((end - start).days)]
    midnights = [datetime.combine(day, time(), UTC) for day in days]
    return Table([Session(m.date(), m, m + timedelta(days=1)) for m in midnights])


NEW_YORK_TABLE, TOKYO_TABLE, GLOBEX_TABLE, CRYPTO_TABLE = new_york(), tokyo(), globex(), crypto()


def entry(cadence: object = None, **changes: object) -> Entry:
    """An entry that fires each second, changed as the test needs it."""
    known: dict[str, object] = {"id": ENTRY, "since": LONG_AGO, "cadence": cadence or Every(seconds=1)}
    return Entry(**{**known, **changes})  # type: ignore[arg-type]
