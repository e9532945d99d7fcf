"""Minutes that were made of a daily bar are that bar, whatever it is."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thor.marketdata.daily import DayRow, read_days
from thor.testing.recorded_minutes import day_in_minutes, recorded_minutes
from thor.testing.synthetic_minutes import ImpossibleDay, minutes_of
from thor.timing.session import Session, Span

OPEN = datetime(2013, 9, 23, 13, 30, tzinfo=UTC)
DAY = date(2013, 9, 23)


#: Four minutes of a day from 10 to 10.5, between 9 and 11: open, high, low, close, volume.
MADE = [
    ("10.00", "10.19", "9.99", "10.16", "311"),
    ("10.16", "10.29", "10.15", "10.27", "119"),
    ("10.27", "10.43", "10.26", "10.40", "93"),
    ("10.40", "11.00", "9.00", "10.50", "477"),
]


def session(minutes: int = 390) -> Session:
    return Session(DAY, OPEN, OPEN + timedelta(minutes=minutes))


def day(opened: str, high: str, low: str, close: str, volume: str = "1000", symbol: str = "SPY") -> DayRow:
    return DayRow(symbol, DAY, *map(Decimal, (opened, high, low, close)), volume=Decimal(volume))


@st.composite
def days(draw: st.DrawFn) -> DayRow:
    """Draw a possible day: prices of a cent to a million, a range of nothing to all of that, any volume."""
    scale = draw(st.sampled_from([Decimal("0.01"), Decimal("0.0001")]))
    four = draw(st.lists(st.integers(1, 100_000_000), min_size=4, max_size=4))
    near = draw(st.booleans())
    four = [four[0] + one % 200 for one in four] if near else four
    low, *middle, high = sorted(four)
    opened, close = draw(st.permutations(draw(st.sampled_from([middle, [low, high], [high, high], [low, low]]))))
    volume = draw(st.one_of(st.integers(0, 10**13), st.just(0), st.integers(0, 500)))
    fraction = draw(st.sampled_from([Decimal(0), Decimal("0.25")]))
    return DayRow("SPY", DAY, opened * scale, high * scale, low * scale, close * scale, volume + fraction)


@given(days(), st.sampled_from([390, 210, 2, 1]))
@settings(deadline=None)
def test_the_minutes_of_a_day_add_up_to_it(row: DayRow, count: int) -> None:
    made = minutes_of(row, session(count))

    assert [one.start_at for one in made] == [OPEN + timedelta(minutes=place) for place in range(count)]
    assert (made[0].open, made[-1].close) == (row.open, row.close)
    assert (max(one.high for one in made), min(one.low for one in made)) == (row.high, row.low)
    assert sum(one.volume for one in made) == row.volume


@given(days(), st.sampled_from([390, 210, 2, 1]))
@settings(deadline=None)
def test_each_minute_is_a_possible_bar_that_opens_where_the_last_one_closed(row: DayRow, count: int) -> None:
    made = minutes_of(row, session(count))

    for one in made:
        assert one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high
        assert one.volume >= 0
    assert all(before.close == after.open for before, after in pairwise(made))


def test_prices_lie_on_cents_and_volumes_are_whole_shares() -> None:
    made = minutes_of(day("168.42", "169.07", "167.52", "167.55", "81489219"), session())

    assert all(price % Decimal("0.01") == 0 for one in made for price in (one.open, one.high, one.low, one.close))
    assert all(one.volume == int(one.volume) for one in made)
    assert len({one.close for one in made}) > 50
    assert sum(one.volume for one in made[:30]) > sum(one.volume for one in made[180:210])


def test_a_day_gives_the_same_minutes_every_time_and_other_days_and_symbols_others() -> None:
    row = day("10", "11", "9", "10.5")

    assert minutes_of(row, session()) == minutes_of(row, session())
    assert minutes_of(row, session()) != minutes_of(day("10", "11", "9", "10.5", symbol="IBM"), session())


def test_the_minutes_are_the_same_on_every_machine() -> None:
    """A value of before: whoever changes how minutes are made changes every run that was recorded with them."""
    made = minutes_of(day("10", "11", "9", "10.5"), session(4))

    assert [(str(one.open), str(one.high), str(one.low), str(one.close), str(one.volume)) for one in made] == MADE


def test_a_break_has_no_minutes() -> None:
    pause = Span(OPEN + timedelta(minutes=10), OPEN + timedelta(minutes=20))
    made = minutes_of(day("10", "11", "9", "10.5"), Session(DAY, OPEN, OPEN + timedelta(minutes=30), (pause,)))

    assert len(made) == 20
    assert not any(pause.contains(one.start_at) for one in made)


@pytest.mark.parametrize("row", [day("12", "11", "9", "10"), day("10", "11", "9", "8")])
def test_a_day_that_cannot_be_is_refused(row: DayRow) -> None:
    with pytest.raises(ImpossibleDay, match="2013-09-23 of SPY"):
        minutes_of(row, session())


@pytest.mark.recordings
def test_every_recorded_day_can_be_made_of_minutes(recordings: Path) -> None:
    for symbol in ("spy", "ibm", "aapl", "uso"):
        rows = [
            row for row in read_days(recordings / f"lean/Data/equity/usa/daily/{symbol}.zip") if row.date.year == 2013
        ]
        assert len(rows) == 252
        for row in rows:
            made = minutes_of(row, session())
            assert sum(one.volume for one in made) == row.volume
            assert (max(one.high for one in made), min(one.low for one in made)) == (row.high, row.low)


@pytest.mark.recordings
def test_recorded_minutes_come_before_made_ones(recordings: Path) -> None:
    folder = recordings / "lean/Data"
    (row,) = (one for one in read_days(folder / "equity/usa/daily/spy.zip") if one.date == date(2013, 10, 7))
    hours = Session(row.date, datetime(2013, 10, 7, 13, 30, tzinfo=UTC), datetime(2013, 10, 7, 20, 0, tzinfo=UTC))

    found = day_in_minutes(folder, row, hours)

    # The known answer of that day: its 390 minutes have the volume of the daily bar.
    assert len(found) == 390
    assert sum(one.volume for one in found) == row.volume == 81489219
    assert found[0].start_at == hours.open
    assert not recorded_minutes(folder, "SPY", session())
