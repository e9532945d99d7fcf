"""Recorded trades beside the tables: what real tapes say about halts, breaks, half days and changes of clocks."""

import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from thor.markets.columns import minutes
from thor.markets.sessions import sessions_of_calendar
from thor.markets.tape import silent_while_open, traded_while_closed

CHICAGO = ZoneInfo("America/Chicago")
NEW_YORK = ZoneInfo("America/New_York")
TOKYO = ZoneInfo("Asia/Tokyo")

Tape = Callable[[str, ZoneInfo], list[int]]


@pytest.fixture
def tape(recordings: Path) -> Tape:
    """Give the minutes in which a recording has trades: all expiries of a future, in the zone of the file."""

    def read(place: str, zone: ZoneInfo) -> list[int]:
        path = recordings / "lean" / "Data" / f"{place}_trade.zip"
        midnight = datetime.strptime(path.name[:8], "%Y%m%d").replace(tzinfo=zone)
        with zipfile.ZipFile(path) as archive:
            lines = [line for name in archive.namelist() for line in archive.read(name).decode().splitlines()]
        starts = {int(line.split(",")[0]) for line in lines}
        return sorted({minutes(midnight + timedelta(milliseconds=start)) for start in starts})

    return read


def clock(minute: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(minute * 60, zone):%H:%M}"


def outside(found, zone: ZoneInfo) -> list[tuple[str, str, str]]:
    return [(f"{s.start.astimezone(zone):%H:%M}", f"{s.end.astimezone(zone):%H:%M}", s.what) for s in found]


@pytest.mark.recordings
def test_every_recorded_minute_of_es_lies_inside_the_table_of_globex(recordings, tape):
    table = sessions_of_calendar("CMES-GLOBEX")
    days = sorted((recordings / "lean/Data/future/cme/minute/es").glob("*_trade.zip"))

    found = [minute for day in days for minute in tape(f"future/cme/minute/es/{day.name[:8]}", ZoneInfo("UTC"))]

    assert len(days) == 14
    assert len(found) > 16_000
    assert traded_while_closed(sorted(found), table) == []


@pytest.mark.recordings
@pytest.mark.parametrize("day", ["20131007", "20131008", "20131009", "20131014", "20131029", "20131030"])
def test_the_halts_of_october_2013_are_where_the_tape_is_silent(tape, day):
    traded = tape(f"future/cme/minute/es/{day}", ZoneInfo("UTC"))
    clocks = [clock(minute, CHICAGO) for minute in traded]

    session = sessions_of_calendar("CMES-GLOBEX").on(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date())

    pause, minute = session.breaks[0], timedelta(minutes=1)
    stops = [f"{(at - minute).astimezone(CHICAGO):%H:%M}" for at in (pause.start, session.close)]
    assert [max(c for c in clocks if c < "15:25"), max(c for c in clocks if c < "16:50")] == stops
    assert min(c for c in clocks if c > "15:14") == f"{pause.end.astimezone(CHICAGO):%H:%M}"


@pytest.mark.recordings
def test_the_close_of_2020_is_a_quarter_of_an_hour_earlier_and_the_halt_the_same(tape):
    clocks = [clock(minute, CHICAGO) for minute in tape("future/cme/minute/es/20200106", ZoneInfo("UTC"))]

    assert {c for c in clocks if "15:10" < c < "17:00"} == {
        *(f"15:{n}" for n in (11, 12, 13, 14)),
        *(f"15:{n}" for n in range(30, 60)),
    }


@pytest.mark.recordings
def test_gold_trades_through_the_halt_of_the_index_futures(tape):
    traded = tape("future/comex/minute/gc/20131007", ZoneInfo("UTC"))

    found = traded_while_closed(traded, sessions_of_calendar("CMES-GLOBEX"))

    assert outside(found, CHICAGO) == [("15:15", "15:30", "break")]


@pytest.mark.recordings
def test_the_lunch_break_of_tokyo(tape):
    traded = tape("index/ose/minute/n225/20210114", TOKYO)
    table = sessions_of_calendar("XTKS")

    # The index is written down for a few minutes after trading has stopped; nothing at all comes before 12:30.
    assert outside(traded_while_closed(traded, table), TOKYO) == [
        ("11:30", "11:36", "break"),
        ("15:00", "15:16", "closed"),
    ]
    assert silent_while_open(traded, table) == []


@pytest.mark.recordings
def test_the_half_day_of_the_index_fills_the_session_of_new_york(tape):
    traded = tape("index/usa/minute/spx/20230703", CHICAGO)
    table = sessions_of_calendar("XNYS")

    assert len(traded) == 210
    assert traded_while_closed(traded, table) == silent_while_open(traded, table) == []
    assert clock(traded[-1], NEW_YORK) == "12:59"


@pytest.mark.recordings
def test_a_share_trades_after_the_half_day_until_the_extended_day_ends(tape):
    traded = tape("equity/usa/minute/goog/20151224", NEW_YORK)

    regular = traded_while_closed(traded, sessions_of_calendar("XNYS"))

    assert outside(regular, NEW_YORK) == [("09:28", "09:30", "closed"), ("13:00", "16:12", "closed")]
    assert traded_while_closed(traded, sessions_of_calendar("XNYS-EXTENDED")) == []


@pytest.mark.recordings
@pytest.mark.parametrize(("day", "opens"), [("20080307", "14:30"), ("20080310", "13:30")])
def test_the_open_moves_in_utc_when_the_clocks_of_new_york_change(tape, day, opens):
    traded = tape(f"equity/usa/minute/shy/{day}", NEW_YORK)
    session = sessions_of_calendar("XNYS").on(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date())

    assert f"{session.open:%H:%M}" == opens
    assert minutes(session.open) in traded
    assert traded_while_closed(traded, sessions_of_calendar("XNYS-EXTENDED")) == []


def test_trades_of_one_closed_stretch_are_one_line():
    table = sessions_of_calendar("CMES-GLOBEX")
    at = [datetime(2013, 10, 7, 15, minute, tzinfo=CHICAGO) for minute in (14, 16, 20, 30)]
    at += [datetime(2013, 10, 7, 16, 15, tzinfo=CHICAGO), datetime(2013, 10, 12, 9, 0, tzinfo=CHICAGO)]
    at += [datetime(2013, 10, 13, 8, 0, tzinfo=CHICAGO)]

    found = traded_while_closed([minutes(one) for one in at], table)

    assert [(f"{s.start.astimezone(CHICAGO):%d %H:%M}", s.minutes, s.what) for s in found] == [
        ("07 15:16", 2, "break"),
        ("07 16:15", 1, "closed"),
        ("12 09:00", 2, "closed"),
    ]


def test_silence_is_counted_while_open_only_and_between_the_first_trade_and_the_last():
    table = sessions_of_calendar("CMES-GLOBEX")
    first, last = (minutes(datetime(2013, 10, 7, 15, minute, tzinfo=CHICAGO)) for minute in (12, 31))

    found = silent_while_open([first, last], table)

    assert outside(found, CHICAGO) == [("15:13", "15:15", "silent"), ("15:30", "15:31", "silent")]
    assert [stretch.minutes for stretch in found] == [2, 1]
    assert silent_while_open([], table) == []
