"""What known dates bring on the markets of the box: half days, changes of the clocks, breaks, holidays."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from tests.unit.jobs.guessed import SATURDAY, guessed
from thor.jobs.forecast_markets import Day, MarketDay, SessionOfDay, day_of_market
from thor.markets.box import BOX
from thor.markets.sessions import sessions_of_calendar
from thor.timing import Phase

#: Mexico has no summer time any more; its exchange follows the clocks of New York.
AMERICAN = ("pre_usa", "usa", "canada", "mexico", "us_equities", "globex")
EUROPEAN = ("germany", "united_kingdom")


def day_in(text: str, zone: str = "UTC") -> Day:
    on = date.fromisoformat(text)
    midnights = (datetime.combine(one, time(), ZoneInfo(zone)) for one in (on, on + timedelta(days=1)))
    return Day(on, zone, *(midnight.astimezone(UTC) for midnight in midnights))


@cache
def boxed(text: str, zone: str = "UTC") -> dict[str, MarketDay]:
    """Return the day of every market of the box."""
    found = {}
    for place, market in enumerate(BOX):
        table = sessions_of_calendar(market.calendar).with_post_close(market.post_close)
        found[market.key] = day_of_market(market.row(place), table, day_in(text, zone))
    return found


def hours(market: MarketDay) -> list[str]:
    """Return the sessions of a market's day in UTC, with their dates."""
    return [f"{one.date:%a} {one.open:%H:%M} to {one.close:%H:%M}" for one in market.sessions]


def session_on(market: MarketDay, text: str) -> SessionOfDay | None:
    return next((one for one in market.sessions if one.date.isoformat() == text), None)


def rung(market: MarketDay) -> list[str]:
    return [f"{bell.at:%H:%M} {bell.what}" for bell in market.bells]


def test_the_half_day_after_thanksgiving_closes_new_york_and_all_that_follows_it() -> None:
    found = boxed("2026-11-27")

    assert hours(found["usa"]) == ["Fri 14:30 to 18:00"]
    assert hours(found["us_equities"]) == ["Fri 09:00 to 22:00"]
    assert hours(found["globex"]) == ["Fri 23:00 to 18:15"]
    remarks = {key: market.sessions[0].remarks for key, market in found.items() if market.sessions[0].remarks}
    assert remarks == {
        "usa": ("early close, usually 16:00",),
        "globex": ("early close, usually 16:00",),
        "us_equities": ("early close, usually 20:00",),
    }
    assert rung(found["usa"]) == [
        "13:30 pre_open",
        "14:30 opens",
        "17:45 pre_close",
        "18:00 closes",
        "22:00 closed",
    ]


@pytest.mark.parametrize(
    ("sunday", "opens"), [("2027-03-07", "23:00"), ("2027-03-14", "22:00"), ("2027-11-07", "23:00")]
)
def test_globex_opens_on_the_sunday_evening_of_an_american_change_of_clocks(sunday: str, opens: str) -> None:
    found = boxed(sunday)

    assert hours(found["globex"]) == [f"Mon {opens} to {'22:00' if opens == '23:00' else '21:00'}"]
    assert f"{opens} opens" in rung(found["globex"])
    shut = [key for key, market in found.items() if not market.sessions]
    assert shut == [market.key for market in BOX if market.key not in ("globex", "crypto")]
    assert {found[key].remark for key in shut} == {"no session"}


@pytest.mark.parametrize(
    ("friday", "monday", "shift", "moved"),
    [
        ("2027-03-12", "2027-03-16", -1, AMERICAN),  # Mexico rests on the Monday
        ("2027-11-05", "2027-11-08", 1, AMERICAN),
        ("2027-03-25", "2027-03-30", -1, EUROPEAN),  # Easter lies between
        ("2027-10-29", "2027-11-01", 1, EUROPEAN),
    ],
)
def test_sessions_keep_their_local_hours_over_a_change_of_clocks(
    friday: str, monday: str, shift: int, moved: tuple[str, ...]
) -> None:
    before, after = boxed(friday), boxed(monday)

    for key in before.keys() - {"crypto"}:
        was, now = session_on(before[key], friday), session_on(after[key], monday)
        if was is None or now is None:
            assert key not in moved  # a holiday of its own
            continue
        wanted = timedelta(hours=shift) if key in moved else timedelta(0)
        assert _time_of(now.open) - _time_of(was.open) == wanted, key
        assert _time_of(now.close) - _time_of(was.close) == wanted, key
        assert now.remarks == (), key


def _time_of(at: datetime) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute)


def test_a_date_of_a_market_has_23_or_25_hours_where_its_clocks_change() -> None:
    spring, autumn = day_in("2027-03-14", "America/Chicago"), day_in("2027-11-07", "America/Chicago")

    assert (spring.end - spring.start, autumn.end - autumn.start) == (timedelta(hours=23), timedelta(hours=25))
    phases = boxed("2027-03-14", "America/Chicago")["globex"].phases
    assert (phases[0].start, phases[-1].end) == (spring.start, spring.end)
    assert [phase.phase for phase in phases] == [Phase.closed, Phase.pre_open, Phase.open]


@pytest.mark.parametrize(("market", "pause"), [("japan", "02:30 to 03:30"), ("china", "03:30 to 05:00")])
def test_markets_that_rest_at_noon_say_so(market: str, pause: str) -> None:
    found = boxed("2026-11-20")[market]

    assert [f"{start:%H:%M} to {end:%H:%M}" for start, end in found.sessions[0].breaks] == [pause]
    assert f"{pause[:5]} break" in rung(found)
    assert f"{pause[-5:]} open" in rung(found)


def test_tokyo_closing_half_an_hour_later_is_an_early_close_of_neither_year() -> None:
    assert boxed("2024-10-30")["japan"].sessions[0].remarks == ()
    assert boxed("2024-11-06")["japan"].sessions[0].remarks == ()


@pytest.mark.parametrize(("key", "calendar"), [("china", "XSHG"), ("india", "XBOM")])
def test_beyond_the_horizon_of_a_calendar_a_date_is_provisional(key: str, calendar: str) -> None:
    day = guessed(calendar)
    found = boxed(day.isoformat())

    known_until = found[key].known_until
    assert known_until is not None
    assert known_until < day
    assert found[key].provisional
    assert [session.provisional for session in found[key].sessions] == [True]
    assert not found["usa"].provisional
    assert [session.provisional for session in found["usa"].sessions] == [False]


def test_a_weekend_beyond_the_horizon_is_provisional_as_well() -> None:
    china = boxed(guessed("XSHG", SATURDAY).isoformat())["china"]

    assert (china.sessions, china.remark, china.provisional) == ((), "no session", True)


def test_a_holiday_is_told_from_a_weekend() -> None:
    thanksgiving = boxed("2026-11-26", "America/New_York")["usa"]

    assert (thanksgiving.sessions, thanksgiving.holiday, thanksgiving.remark) == ((), True, "holiday")
    assert [phase.phase for phase in thanksgiving.phases] == [Phase.holiday]
    assert thanksgiving.bells == ()


def test_a_market_without_gaps_has_a_session_and_no_bells() -> None:
    crypto = boxed("2028-02-29")["crypto"]

    assert hours(crypto) == ["Tue 00:00 to 00:00"]
    assert (crypto.bells, crypto.remark) == ((), "")
    assert [phase.phase for phase in crypto.phases] == [Phase.open]


@pytest.mark.parametrize("text", ["2026-11-27", "2027-03-14", "2027-10-31", "2026-12-25", "2024-02-29"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_phases_cover_the_date_without_a_gap(text: str, zone: str) -> None:
    day = day_in(text, zone)

    for market in boxed(text, zone).values():
        ends = [day.start, *(phase.end for phase in market.phases)]
        assert [phase.start for phase in market.phases] == ends[:-1]
        assert ends[-1] == day.end
