"""The recordings with known answers, through beat, worker, feed and stream: what they leave is what is known."""

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import recorded
from tests.acceptance.recorded import EQUITY, Tape
from tests.acceptance.replays import Left, Replay, prepared, replayed

pytestmark = [pytest.mark.database, pytest.mark.recordings, pytest.mark.timeout(1800)]

#: The daily files go on for years; on that morning nobody knew of them.
FORGET_LATER_DAYS = """
from thor.marketdata.models import DailyBar
DailyBar.objects.filter(date__gt="{}").delete()
"""

#: What an operator enters in the admin for an exchange that is not in the box.
ADD_OSAKA = """
from thor.marketdata.models import Instrument
from thor.markets.models import Market
for row in (
    Market(key="osaka", name="Osaka", calendar="XTKS", zone="Asia/Tokyo", role="venue", currency="JPY"),
    Instrument(symbol="N225", venue="osaka", kind="index", name="Nikkei 225", currency="JPY"),
):
    row.full_clean()
    row.save()
"""

SPY_SECOND, SPY_MINUTE = "equity/usa/second/spy", "equity/usa/minute/spy"
APPLE, ES, GOLD = "equity/usa/minute/aapl", "future/cme/minute/es", "future/comex/tick/gc"

#: Known volumes: of the regular hours of SPY, and of the sessions of the E-mini.
SPY_REGULAR = {"20131007": 81_489_219, "20131008": 153_859_703, "20131009": 143_898_404}
ES_SESSIONS = {"20131007": 790_575, "20131008": 1_170_118, "20131009": 1_225_279}
WEEK = ("20131006", *ES_SESSIONS)


@pytest.fixture(scope="module")
def lean(recordings: Path) -> Path:
    """Return the folder of recordings."""
    return recordings / "lean" / "Data"


@pytest.fixture(scope="module")
def october(lean: Path) -> Left:
    """Replay SPY, gold and the E-mini from the Sunday evening on which the week opens until its Friday has opened."""
    replay = Replay(
        start=datetime(2013, 10, 6, 21, 50, tzinfo=UTC),
        end=datetime(2013, 10, 11, 8, 30, tzinfo=UTC),
        speed=10_800,
        venues=("us_equities", "globex"),
        files=[
            # A second of the ninth lacks volume that its minute has, so that day is replayed in minutes.
            *(recording(lean, SPY_SECOND, day) for day in ("20131007", "20131008")),
            recording(lean, SPY_MINUTE, "20131009"),
            *(recording(lean, GOLD, day) for day in ("20131007", "20131008")),
            *(recording(lean, ES, day) for day in WEEK),
        ],
    )
    days = ("import_daily", str(lean / "equity/usa/daily/spy.zip"))
    with prepared(replay, days, settings=FORGET_LATER_DAYS.format("2013-10-11")) as house:
        return replayed(house, replay, ranged=("SPY", date(2013, 10, 11)))


@pytest.fixture(scope="module")
def apple(lean: Path) -> Left:
    """Replay Apple from the last hour of a Friday to the end of the Monday of its split, which is entered."""
    replay = Replay(
        start=datetime(2014, 6, 6, 23, tzinfo=UTC),
        end=datetime(2014, 6, 10, 0, 10, tzinfo=UTC),
        speed=14_400,
        venues=("us_equities",),
        files=[recording(lean, APPLE, day) for day in ("20140606", "20140609")],
    )
    days = ("import_daily", str(lean / "equity/usa/daily/aapl.zip"))
    split = ("import_splits", str(lean / "equity/usa/factor_files/aapl.csv"))
    with prepared(replay, days, split, settings=FORGET_LATER_DAYS.format("2014-06-08")) as house:
        # The first pass of the next session finishes what no pass has seen of this one.
        return replayed(house, replay, ranged=("AAPL", date(2014, 6, 10)))


@pytest.fixture(scope="module")
def osaka(lean: Path) -> Left:
    """Replay the Nikkei on a venue that an operator has added."""
    replay = Replay(
        start=datetime(2021, 1, 13, 23, 50, tzinfo=UTC),
        end=datetime(2021, 1, 14, 6, 30, tzinfo=UTC),
        speed=1800,
        venues=("osaka",),
        files=[lean / "index/ose/minute/n225/20210114_trade.zip"],
    )
    with prepared(replay, settings=ADD_OSAKA) as house:
        return replayed(house, replay)


def recording(lean: Path, what: str, day: str) -> Path:
    """Name a recording of trades: `equity/usa/second/spy` of 20131007."""
    return lean / what / f"{day}_trade.zip"


def midnight(day: str, hours: int = 0) -> datetime:
    """Return the midnight with which a day (20131007) began, so many hours behind UTC."""
    return datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) + timedelta(hours=hours)


def e_mini(lean: Path, *days: str) -> Tape:
    """Return what the minutes of the E-mini of these days, which are those of UTC, are replayed as."""
    return {"ES": [tick for day in days for tick in recorded.expanded(recording(lean, ES, day), midnight(day))]}


def between(bars: dict[datetime, tuple[Any, ...]], start: datetime, hours: float) -> dict[datetime, tuple[Any, ...]]:
    """Return the bars of so many hours."""
    return {at: bar for at, bar in bars.items() if start <= at < start + timedelta(hours=hours)}


def range_of(left: Left, symbol: str) -> tuple[tuple[Decimal, date], tuple[Decimal, date]]:
    """Return high and low of the stored range of 52 weeks, each with its date."""
    ((_, high, high_on, low, low_on),) = left.rows("Extreme", symbol)
    return (Decimal(high), date.fromisoformat(high_on)), (Decimal(low), date.fromisoformat(low_on))


def test_seconds_and_minutes_of_spy_give_the_bars_of_an_independent_computation(october: Left, lean: Path) -> None:
    ticks = []
    for day in ("20131007", "20131008"):
        ticks += recorded.expanded(recording(lean, SPY_SECOND, day), midnight(day, 4), EQUITY, seconds=1)
    ticks += recorded.expanded(recording(lean, SPY_MINUTE, "20131009"), midnight("20131009", 4), EQUITY)

    assert october.bars("SPY") == recorded.bars({"SPY": ticks}, "SPY")
    assert {row[-1] for row in october.tables["Bar"]} == {"REPLAY"}


@pytest.mark.parametrize(("day", "volume"), [("20131007", 92_720_576), ("20131008", 175_026_101)])
def test_seconds_of_spy_rebuild_the_minutes_of_the_vendor(october: Left, lean: Path, day: str, volume: int) -> None:
    found = between(october.bars("SPY"), midnight(day, 4), 24)

    vendor = recorded.vendor(recording(lean, SPY_MINUTE, day), midnight(day, 4), EQUITY)
    assert {at: bar[:4] for at, bar in found.items()} == vendor
    assert len(found) == 828
    assert sum(bar[4] for bar in found.values()) == volume


@pytest.mark.parametrize(("day", "volume"), SPY_REGULAR.items())
def test_the_regular_minutes_of_spy_add_up_to_the_volume_of_its_day(october: Left, day: str, volume: int) -> None:
    found = between(october.bars("SPY"), midnight(day, 4) + timedelta(hours=9.5), 6.5)

    assert len(found) == 390
    assert sum(bar[4] for bar in found.values()) == volume


def test_spy_has_its_known_range_of_52_weeks(october: Left, lean: Path) -> None:
    high, low = recorded.extremes(recorded.daily(lean / "equity/usa/daily/spy.zip"), date(2013, 10, 11))
    assert (high, low) == ((Decimal("173.6"), date(2013, 9, 19)), (Decimal("134.7"), date(2012, 11, 16)))

    assert range_of(october, "SPY") == (high, low)


def test_ticks_of_gold_give_the_bars_of_an_independent_computation(october: Left, lean: Path) -> None:
    days = ("20131007", "20131008")
    ticks = [tick for day in days for tick in recorded.trades(recording(lean, GOLD, day), midnight(day))]

    found = october.bars("GC")
    assert found == recorded.bars({"GC": ticks}, "GC")
    assert sum(bar[5] for bar in found.values()) == len(ticks) == 39_702 + 52_038


def test_the_e_mini_has_the_known_volume_of_each_session_and_its_halts(october: Left, lean: Path) -> None:
    found = october.bars("ES")

    assert found == recorded.bars(e_mini(lean, *WEEK), "ES")
    for day, volume in ES_SESSIONS.items():
        # A session of that year went from 18:00 to 17:15 in New York, four hours behind UTC, with a halt at 16:15.
        session = between(found, midnight(day, -2), 23.25)
        assert sum(bar[4] for bar in session.values()) == volume
        assert not between(session, midnight(day) + timedelta(hours=20.25), 0.25)
        assert {f"{at:%H:%M}" for at in session} >= {"20:14", "20:30", "21:14", "22:00"}


def test_apple_has_its_known_range_on_the_day_of_its_split(apple: Left, lean: Path) -> None:
    days = recorded.daily(lean / "equity/usa/daily/aapl.zip")
    split = date(2014, 6, 9)
    in_new_shares = {day: tuple(price / (7 if day < split else 1) for price in prices) for day, prices in days.items()}
    (high, high_on), (low, low_on) = recorded.extremes(in_new_shares, split)
    assert (round(high, 4), high_on) == (Decimal("93.88"), split)
    assert (round(low, 4), low_on) == (Decimal("55.5529"), date(2013, 6, 28))

    found = range_of(apple, "AAPL")
    assert [(round(price, 4), day) for price, day in found] == [(Decimal("93.88"), split), (round(low, 4), low_on)]


def test_false_prints_of_apple_before_its_split_do_not_enter(apple: Left, lean: Path) -> None:
    """At 04:00 of the Monday, Friday's last price was reported twice in old shares."""
    friday, monday = (
        list(recorded.expanded(recording(lean, APPLE, day), midnight(day, 4), EQUITY))
        for day in ("20140606", "20140609")
    )
    friday = [tick for tick in friday if tick.at >= midnight("20140606", 23)]
    good = [tick for tick in monday if tick.price != Decimal("645.57")]
    assert len(monday) - len(good) == 2

    assert apple.bars("AAPL") == recorded.bars({"AAPL": friday + good}, "AAPL")
    assert apple.rows("FeedIncident", "AAPL") == [["split", "2"]]


def test_the_day_of_osaka_is_folded_with_its_lunch_break(osaka: Left, lean: Path) -> None:
    path = lean / "index/ose/minute/n225/20210114_trade.zip"
    # In Tokyo the day began nine hours ahead of UTC.
    ticks = list(recorded.expanded(path, datetime(2021, 1, 13, 15, tzinfo=UTC)))

    found = osaka.bars("N225")
    assert found == recorded.bars({"N225": ticks}, "N225")
    assert len(found) == 304
    morning, afternoon = max(itertools.pairwise(sorted(found)), key=lambda pair: pair[1] - pair[0])
    assert (f"{morning:%H:%M}", f"{afternoon:%H:%M}") == ("02:35", "03:30")


def test_nothing_is_folded_while_osaka_is_at_lunch(osaka: Left) -> None:
    lunch, afternoon = (datetime(2021, 1, 14, hour, 30, tzinfo=UTC) for hour in (2, 3))

    assert osaka.folds["osaka"]
    assert [at for at in osaka.folds["osaka"] if lunch <= at < afternoon] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("eve", "day", "volume", "halted"),
    [("20131202", "20131203", 1_686_494, "22:15"), ("20200105", "20200106", 1_397_596, "22:00")],
)
def test_the_e_mini_in_winter_gives_its_session_with_its_halts(
    lean: Path, eve: str, day: str, volume: int, halted: str
) -> None:
    """New York was five hours behind UTC; by 2020 the break of an hour began at 17:00."""
    opens = midnight(eve, 23)
    replay = Replay(
        start=opens - timedelta(minutes=10),
        end=opens + timedelta(hours=23.75),
        speed=7200,
        venues=("globex",),
        files=[recording(lean, ES, one) for one in (eve, day)],
    )

    with prepared(replay) as house:
        left = replayed(house, replay)

    found = between(left.bars("ES"), opens, 24)
    expected = {at: bar for at, bar in recorded.bars(e_mini(lean, eve, day), "ES").items() if at >= opens}
    assert found == between(expected, opens, 24)
    assert sum(bar[4] for bar in found.values()) == volume
    times = {f"{at:%H:%M}" for at in found}
    assert not {time for time in times if "21:15" <= time < "21:30" or halted <= time < "23:00"}
    assert left.failures == 0


def test_no_run_of_these_replays_failed(october: Left, apple: Left, osaka: Left) -> None:
    assert [left.failures for left in (october, apple, osaka)] == [0, 0, 0]
