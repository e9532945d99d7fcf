"""Today's bar is made of the session's minutes and the last quote, and its volume is that of a whole session."""

from datetime import UTC, date, datetime, timedelta

import pytest
import redis

from tests.integration.trading.daily_days import sessions_before, split, write_days, write_minutes, write_quote
from thor.env import env
from thor.marketdata.models import Bar, DailyBar
from thor.markets.sessions import sessions_of_calendar
from thor.trading.features import DailyBars
from thor.trading.history import History, features_by_symbol, history_of
from thor.trading.lastprices import prices_of
from thor.trading.today import passed_share

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 3)
OPEN = datetime(2026, 3, 3, 14, 30, tzinfo=UTC)
CLOSE = datetime(2026, 3, 3, 21, 0, tzinfo=UTC)
ENTRY = CLOSE - timedelta(minutes=25)
YEAR = [session.date for session in sessions_before(DAY, 252)]


@pytest.fixture(autouse=True)
def _spy(redis_client: redis.Redis) -> None:
    write_days("SPY", YEAR)


def today(at: datetime) -> History:
    return history_of(["SPY"], at=at, session_date=DAY, with_today=True)


def last(bars: DailyBars) -> tuple[float, ...]:
    return tuple(float(column[-1]) for column in (bars.high, bars.low, bars.close, bars.volume))


def test_the_last_quote_is_the_close_and_volume_is_scaled_to_the_whole_session(redis_client: redis.Redis) -> None:
    write_minutes("SPY", OPEN, [100.0 + place / 100 for place in range(365)])
    write_quote(redis_client, "SPY", 103.3, ENTRY - timedelta(seconds=20))

    bars = today(ENTRY)["SPY"]

    assert (bars.dates[-1], len(bars.dates)) == (DAY, 253)
    # 365 of 390 minutes have traded 3,650 shares.
    assert last(bars) == (104.14, 99.5, 103.3, pytest.approx(3650 * 390 / 365))


@pytest.mark.parametrize(("price", "high", "low"), [(110.0, 110.0, 99.5), (90.0, 100.5, 90.0)])
def test_a_quote_beyond_the_minutes_is_the_high_or_the_low(
    redis_client: redis.Redis, price: float, high: float, low: float
) -> None:
    write_minutes("SPY", OPEN, [100.0] * 60)
    write_quote(redis_client, "SPY", price, OPEN + timedelta(minutes=60))

    assert last(today(OPEN + timedelta(minutes=60))["SPY"])[:3] == (high, low, price)


def test_the_running_minute_and_the_time_before_the_open_are_no_part_of_the_volume(redis_client: redis.Redis) -> None:
    write_minutes("SPY", OPEN - timedelta(minutes=30), [500.0] * 30)
    write_minutes("SPY", OPEN, [100.0] * 10 + [400.0])
    at = OPEN + timedelta(minutes=10, seconds=59)
    write_quote(redis_client, "SPY", 100.0, at)

    assert last(today(at)["SPY"]) == (100.5, 99.5, 100.0, pytest.approx(100 * 39))


def test_a_bad_print_is_no_high(redis_client: redis.Redis) -> None:
    write_minutes("SPY", OPEN, [100.0, 100.0, 650.0, 100.0])
    write_quote(redis_client, "SPY", 100.0, OPEN + timedelta(minutes=4))

    assert last(today(OPEN + timedelta(minutes=4))["SPY"])[0] == 100.5


def test_the_minutes_of_a_session_in_new_shares_are_judged_by_the_close_before_in_new_shares(
    redis_client: redis.Redis,
) -> None:
    split("SPY", DAY, "4")
    write_minutes("SPY", OPEN, [25.6] * 5)
    write_quote(redis_client, "SPY", 25.7, OPEN + timedelta(minutes=5))

    bars = today(OPEN + timedelta(minutes=5))["SPY"]

    assert (float(bars.close[-2]), float(bars.close[-1])) == (round(102.51 / 4, 8), 25.7)


@pytest.mark.parametrize(
    ("minutes", "quote", "reason"),
    [
        (0, 0, "it has no minutes of the session"),
        (360, None, "it has no quote of the last 15 minutes"),
        (365, 15 * 60 + 1, "it has no quote of the last 15 minutes"),
        (349, 0, "its last minute is that of 15:18:00 EST"),
    ],
)
def test_what_is_not_known_of_today_is_a_reason(
    redis_client: redis.Redis, minutes: int, quote: int | None, reason: str
) -> None:
    write_minutes("SPY", OPEN, [100.0] * minutes)
    if quote is not None:
        write_quote(redis_client, "SPY", 100.0, ENTRY - timedelta(seconds=quote))

    found = today(ENTRY)

    assert not found
    assert found.left_out == {"SPY": reason}


def test_a_session_of_which_too_little_was_seen_says_nothing(redis_client: redis.Redis) -> None:
    late = OPEN + timedelta(minutes=37)
    write_minutes("SPY", late, [100.0] * 328)
    write_quote(redis_client, "SPY", 100.0, ENTRY)

    assert today(ENTRY).left_out == {"SPY": "its feed has seen 328 of the 365 minutes of the session"}

    write_minutes("SPY", late - timedelta(minutes=1), [100.0])
    assert last(today(ENTRY)["SPY"])[3] == pytest.approx(3900)


def test_minutes_in_which_a_symbol_did_not_trade_were_seen_where_its_venue_traded(redis_client: redis.Redis) -> None:
    write_minutes("IBM", OPEN, [200.0] * 365)
    write_minutes("SPY", OPEN - timedelta(days=1), [100.0])
    write_minutes("SPY", OPEN + timedelta(minutes=300), [100.0] * 65)
    write_quote(redis_client, "SPY", 100.0, ENTRY)

    assert last(today(ENTRY)["SPY"])[3] == pytest.approx(650 * 390 / 365)


@pytest.mark.parametrize(("minute", "reason"), [(36, None), (37, "it is watched since 10:07:00 EST only")])
def test_a_symbol_that_was_added_while_others_were_watched_has_no_bar_without_its_morning(
    redis_client: redis.Redis, minute: int, reason: str | None
) -> None:
    write_minutes("IBM", OPEN, [200.0] * 365)
    write_minutes("SPY", OPEN + timedelta(minutes=minute), [100.0] * (365 - minute))
    write_quote(redis_client, "SPY", 100.0, ENTRY)

    assert today(ENTRY).left_out.get("SPY") == reason


def test_a_quote_of_fifteen_minutes_ago_still_counts(redis_client: redis.Redis) -> None:
    write_minutes("SPY", OPEN, [100.0] * 365)
    write_quote(redis_client, "SPY", 101.0, ENTRY - timedelta(minutes=15))

    assert last(today(ENTRY)["SPY"])[2] == 101.0


def test_a_quote_of_before_the_open_is_none_of_the_session(redis_client: redis.Redis) -> None:
    write_minutes("SPY", OPEN, [100.0])
    write_quote(redis_client, "SPY", 101.0, OPEN - timedelta(minutes=1))

    assert today(OPEN + timedelta(minutes=1)).left_out == {"SPY": "it has no quote of the last 15 minutes"}


@pytest.mark.parametrize("at", [OPEN - timedelta(hours=1), OPEN])
def test_before_anything_has_traded_there_is_no_bar_of_today(at: datetime) -> None:
    assert today(at).left_out == {"SPY": "the session has not begun"}


def test_a_date_without_a_session_has_no_bar() -> None:
    write_days("SPY", [DAY, *(date(2026, 3, day) for day in (4, 5, 6))])

    found = history_of(["SPY"], at=ENTRY, session_date=date(2026, 3, 7), with_today=True)

    assert found.left_out == {"SPY": "2026-03-07 is no session of its market"}


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let prices be real by now, and a high of 150 and the first half hour have been made up."""
    settings = env().model_copy(update={"feed": "us_equities=alpaca"})
    monkeypatch.setattr("thor.trading.real_venues.env", lambda: settings)
    write_minutes("SPY", OPEN, [100.0] * 20 + [149.5] + [100.0] * 9)
    Bar.objects.update(source="SIMULATED")
    assert Bar.objects.count() == 30


@pytest.mark.usefixtures("real")
def test_minutes_that_were_made_up_are_none_of_a_session_whose_prices_are_real(redis_client: redis.Redis) -> None:
    write_minutes("SPY", OPEN + timedelta(minutes=30), [102.0] * 335)
    write_quote(redis_client, "SPY", 102.2, ENTRY)

    assert last(today(ENTRY)["SPY"]) == (102.5, 101.5, 102.2, pytest.approx(3900))


@pytest.mark.usefixtures("real")
def test_without_any_real_minute_there_is_no_bar(redis_client: redis.Redis) -> None:
    at = OPEN + timedelta(minutes=30)
    write_quote(redis_client, "SPY", 102.2, at)

    assert today(at).left_out == {"SPY": "it has no minutes of the session"}


@pytest.mark.usefixtures("real")
def test_after_the_close_a_day_that_was_made_up_does_not_stand() -> None:
    write_minutes("SPY", OPEN + timedelta(minutes=30), [102.0] * 360)
    write_days("SPY", [DAY], close=200.0, volume=77.0)
    DailyBar.objects.filter(date=DAY).update(origin="simulated")

    assert last(today(CLOSE)["SPY"]) == (102.5, 101.5, 102.0, 3900.0)


def test_made_up_minutes_count_while_prices_are_made_up(redis_client: redis.Redis) -> None:
    write_minutes("SPY", OPEN, [100.0] * 30)
    Bar.objects.update(source="SIMULATED")
    at = OPEN + timedelta(minutes=30)
    write_quote(redis_client, "SPY", 100.0, at)

    assert last(today(at)["SPY"])[0] == 100.5


def test_after_the_close_the_minutes_are_the_day_and_quotes_say_nothing_of_it(redis_client: redis.Redis) -> None:
    write_minutes("SPY", OPEN, [100.0] * 389 + [101.0])
    write_minutes("SPY", CLOSE, [300.0] * 5)
    write_quote(redis_client, "SPY", 300.0, CLOSE + timedelta(minutes=5))

    assert last(today(CLOSE + timedelta(minutes=10))["SPY"]) == (101.5, 99.5, 101.0, 3900.0)


def test_after_the_close_a_day_that_is_there_stands(redis_client: redis.Redis) -> None:
    write_minutes("SPY", OPEN, [100.0] * 390)
    write_days("SPY", [DAY], close=200.0, volume=77.0)

    assert last(today(CLOSE)["SPY"]) == (201.0, 199.0, 200.0, 77.0)


def test_while_the_session_runs_a_day_that_claims_to_be_whole_is_not_believed(redis_client: redis.Redis) -> None:
    write_minutes("SPY", OPEN, [100.0] * 365)
    write_days("SPY", [DAY], close=200.0)
    write_quote(redis_client, "SPY", 100.0, ENTRY)

    assert last(today(ENTRY)["SPY"])[2] == 100.0
    assert DailyBar.objects.filter(date=DAY).exists()


def test_features_at_the_entry_have_the_ratio_of_a_whole_day(redis_client: redis.Redis) -> None:
    write_minutes("SPY", OPEN, [102.6] * 365, volume=1000 / 390)  # a day like every other
    write_quote(redis_client, "SPY", 102.6, ENTRY)

    features, left_out = features_by_symbol(["SPY"], at=ENTRY, session_date=DAY, with_today=True)

    assert not left_out
    assert features["SPY"].session_date == DAY
    assert features["SPY"].close == 102.6
    assert features["SPY"].vol_ratio == pytest.approx(1.0, rel=1e-6)


def test_half_days_and_lunch_breaks_have_shares_of_their_own() -> None:
    half = sessions_of_calendar("XNYS").on(date(2026, 11, 27))
    tokyo = sessions_of_calendar("XTKS").on(date(2026, 3, 3))
    assert half is not None
    assert tokyo is not None

    assert passed_share(half, half.close - timedelta(minutes=25)) == pytest.approx(185 / 210)
    assert passed_share(half, half.close) == 1.0
    # Two and a half hours, then an hour of lunch.
    assert passed_share(tokyo, tokyo.open + timedelta(minutes=180)) == pytest.approx(150 / 330)


def test_prices_are_those_of_quotes_of_the_last_fifteen_minutes(redis_client: redis.Redis) -> None:
    write_quote(redis_client, "SPY", 600.25, ENTRY - timedelta(minutes=14))
    write_quote(redis_client, "QQQ", 500.0, ENTRY - timedelta(minutes=16))
    write_quote(redis_client, "IBM", 250.0, ENTRY + timedelta(seconds=3))

    found = prices_of(["SPY", "QQQ", "IBM", "BAC"], ENTRY)

    assert {symbol: (str(one.price), one.age) for symbol, one in found.items()} == {
        "SPY": ("600.25", timedelta(minutes=14)),
        "IBM": ("250.0", timedelta(0)),
    }
