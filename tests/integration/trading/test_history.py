"""Features get the days of the last year, in the shares of the session, or the reason why there are none."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.integration.trading.daily_days import sessions_before, split, write_days
from thor.env import env
from thor.marketdata.models import DailyBar, Instrument
from thor.trading.history import History, features_by_symbol, history_of

pytestmark = pytest.mark.django_db


DAY = date(2026, 3, 3)
AT = datetime(2026, 3, 3, 20, 35, tzinfo=UTC)
YEAR = [session.date for session in sessions_before(DAY, 260)]


def test_the_last_252_days_before_the_session_come_oldest_first() -> None:
    write_days("SPY", [*YEAR, DAY])

    bars = history_of(["SPY"], at=AT, session_date=DAY)["SPY"]

    assert list(bars.dates) == YEAR[-252:]
    assert (bars.close[0], bars.close[-1]) == (100.08, 102.59)
    assert (bars.high[-1], bars.low[-1], bars.volume[-1]) == (103.59, 101.59, 1000.0)


def test_days_of_before_a_split_are_in_the_shares_of_the_session() -> None:
    write_days("AAPL", YEAR[:-2], close=700.0)
    write_days("AAPL", YEAR[-2:], close=100.0)
    split("AAPL", YEAR[-2], "7")
    split("AAPL", date(2026, 3, 4), "2")  # not yet

    bars = history_of(["AAPL"], at=AT, session_date=DAY)["AAPL"]

    assert bars.close[-3] == round(702.57 / 7, 8)
    assert bars.close[-2] == 100.0
    assert bars.high[-3] == round(703.57 / 7, 8)
    assert (bars.volume[-3], bars.volume[-2]) == (7000.0, 1000.0)


def test_a_split_that_is_effective_on_the_session_itself_counts() -> None:
    write_days("AAPL", YEAR, close=700.0)
    split("AAPL", DAY, "7")

    bars = history_of(["AAPL"], at=AT, session_date=DAY)["AAPL"]

    assert bars.close[-1] == round(702.59 / 7, 8)


def test_a_symbol_whose_newest_day_is_old_is_left_out_with_that_day() -> None:
    write_days("SPY", YEAR)
    write_days("IBM", YEAR[:-1])

    found = history_of(["IBM", "SPY"], at=AT, session_date=DAY)

    assert set(found) == {"SPY"}
    assert found.left_out == {"IBM": "its last day is 2026-02-27, and that of its market 2026-03-02"}


def test_days_that_were_made_up_do_not_count_once_the_prices_are_real(monkeypatch: pytest.MonkeyPatch) -> None:
    write_days("SPY", YEAR)
    DailyBar.objects.update(origin="simulated")

    def found(feed: str) -> History:
        settings = env().model_copy(update={"feed": feed})
        monkeypatch.setattr("thor.trading.real_venues.env", lambda: settings)
        return history_of(["SPY"], at=AT, session_date=DAY)

    assert "SPY" in found("simulated")
    assert "import its days" in found("us_equities=alpaca").left_out["SPY"]


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let prices be real, so that days can be fetched."""
    settings = env().model_copy(update={"feed": "us_equities=alpaca"})
    monkeypatch.setattr("thor.trading.real_venues.env", lambda: settings)


@pytest.mark.usefixtures("real")
def test_who_asks_for_a_whole_history_gets_none_with_a_hole_in_it_and_others_do() -> None:
    write_days("SPY", [*YEAR[:-16], YEAR[-1]])  # away for fifteen sessions, and back for one
    write_days("IBM", YEAR[:100] + YEAR[105:])
    write_days("BAC", YEAR[:100] + YEAR[106:])

    found = history_of(["SPY", "IBM", "BAC"], at=AT, session_date=DAY, most_missing=5)

    assert set(found) == {"IBM"}
    assert found.left_out == {
        "SPY": "15 of its last 252 sessions are missing; fetch or import them",
        "BAC": "6 of its last 252 sessions are missing; fetch or import them",
    }
    assert set(history_of(["SPY", "IBM", "BAC"], at=AT, session_date=DAY)) == {"SPY", "IBM", "BAC"}


@pytest.mark.usefixtures("real")
def test_what_a_young_symbol_lacks_is_counted_from_its_first_day() -> None:
    write_days("SPY", YEAR[-215:])
    write_days("IBM", YEAR[-220:-20] + YEAR[-10:])

    found = history_of(["SPY", "IBM"], at=AT, session_date=DAY, most_missing=5)

    assert set(found) == {"SPY"}
    assert found.left_out == {"IBM": "10 of its last 220 sessions are missing; fetch or import them"}


@pytest.mark.usefixtures("real")
def test_holes_of_longer_ago_than_a_year_are_nothing_to_figures() -> None:
    write_days("SPY", YEAR[:1] + YEAR[-252:])

    assert "SPY" in history_of(["SPY"], at=AT, session_date=DAY, bars=300, most_missing=5)


def test_made_up_days_that_nobody_could_fetch_may_be_missing() -> None:
    write_days("SPY", [*YEAR[:-16], YEAR[-1]])

    assert "SPY" in history_of(["SPY"], at=AT, session_date=DAY, most_missing=5)


def test_an_instrument_of_another_venue_is_no_share_though_it_is_called_so() -> None:
    write_days("CL", YEAR)
    write_days("SPY", YEAR)

    found = history_of(["CL", "SPY"], at=AT, session_date=DAY)

    assert set(found) == {"SPY"}
    assert found.left_out == {
        "CL": "what is called so here trades on globex, and the desk trades shares of us_equities"
    }


def test_as_many_bars_are_needed_as_are_asked_for() -> None:
    write_days("SPY", YEAR[-230:])

    features, left_out = features_by_symbol(["SPY"], at=AT, session_date=DAY, least=231)

    assert not features
    assert left_out == {"SPY": "230 daily bars are too few; MIN_HISTORY_DAYS asks for 231."}
    assert "SPY" in features_by_symbol(["SPY"], at=AT, session_date=DAY, least=230).features


def test_the_session_before_is_found_over_a_weekend_and_a_holiday() -> None:
    tuesday = date(2026, 2, 17)  # the Monday was Presidents' Day
    write_days("SPY", [session.date for session in sessions_before(tuesday, 210)])

    bars = history_of(["SPY"], at=AT, session_date=tuesday)["SPY"]

    assert bars.dates[-1] == date(2026, 2, 13)


def test_what_has_no_days_or_is_not_active_or_unknown_is_left_out() -> None:
    write_days("SPY", YEAR)
    write_days("IBM", YEAR)
    Instrument.objects.filter(symbol="IBM").update(active=False)

    found = history_of(["SPY", "IBM", "BAC", "NONE"], at=AT, session_date=DAY)

    assert set(found) == {"SPY"}
    assert set(found.left_out) == {"IBM", "BAC", "NONE"}


def test_all_symbols_are_read_in_two_statements() -> None:
    symbols = ["SPY", "QQQ", "AAPL", "IBM", "BAC", "AIG"]
    for symbol in symbols:
        write_days(symbol, YEAR)

    with CaptureQueriesContext(connection) as asked:
        found = history_of(symbols, at=AT, session_date=DAY)

    assert list(found) == symbols
    # Days, and splits; the market's hours are asked for by whoever comes first.
    assert sum("marketdata_" in one["sql"] for one in asked) == 2


def test_too_few_and_unusable_days_are_reasons_and_the_others_have_features() -> None:
    write_days("SPY", YEAR)
    write_days("IBM", YEAR[-209:])
    write_days("BAC", YEAR, close=0.5)  # its low is below nothing

    features, left_out = features_by_symbol(["BAC", "IBM", "SPY", "NONE"], at=AT, session_date=DAY)

    assert list(features) == ["SPY"]
    assert features["SPY"].close == 102.59
    assert list(left_out) == ["BAC", "IBM", "NONE"]
    assert left_out["IBM"].startswith("209 daily bars are too few")
    assert "no bar can have" in left_out["BAC"]


def test_the_figures_are_float_arrays_of_one_length() -> None:
    write_days("SPY", YEAR)

    bars = history_of(["SPY"], at=AT, session_date=DAY, bars=30)["SPY"]

    assert {column.dtype for column in (bars.high, bars.low, bars.close, bars.volume)} == {np.dtype(np.float64)}
    assert {len(column) for column in (bars.dates, bars.high, bars.low, bars.close, bars.volume)} == {30}


def test_the_default_is_read_without_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    write_days("SPY", YEAR)
    monkeypatch.setattr("thor.marketdata.selectors.quotes.redis_client", _refused)

    assert "SPY" in history_of(["SPY"], at=AT, session_date=DAY)


def _refused() -> redis.Redis:
    raise AssertionError("completed days need no quotes")
