"""Which close the net change is measured on: the source's, a day's, a minute's; in the shares of the session."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
import redis

from tests.integration.marketdata.conftest import utc
from thor.marketdata import keys
from thor.marketdata.closes import previous_closes
from thor.marketdata.models import Bar, DailyBar, Instrument, Split

pytestmark = pytest.mark.django_db

#: A Wednesday in the regular hours of New York.
AT = utc("2026-03-04T15:00")


@pytest.fixture
def aapl() -> Instrument:
    return Instrument.objects.get(symbol="AAPL")


def day(instrument: Instrument, on: str, close: str) -> None:
    prices = {"open": close, "high": close, "low": close, "close": close, "volume": 1}
    DailyBar.objects.create(instrument=instrument, date=on, origin=DailyBar.Origin.IMPORTED, **prices)


def minute(instrument: Instrument, start: str, close: str) -> None:
    prices = {"open": close, "high": close, "low": close, "close": close, "volume": 1}
    Bar.objects.create(instrument=instrument, start_at=utc(start), trades=1, ticks=1, source="TEST", **prices)


def snapshot(store: redis.Redis, symbol: str, at: datetime, previous_close: float) -> None:
    said = {"venue": "us_equities", "at": at.isoformat(), "previous_close": previous_close}
    store.hset(keys.LATEST_QUOTES, symbol, json.dumps(said))


def close(instrument: Instrument, at: datetime = AT) -> Decimal | None:
    return previous_closes([instrument], at).get(instrument.symbol)


def test_the_sources_own_close_goes_before_a_day_and_a_day_before_a_minute(store: redis.Redis, aapl: Instrument):
    assert close(aapl) is None

    minute(aapl, "2026-03-03T20:59", "101.5")
    assert close(aapl) == Decimal("101.5")

    day(aapl, "2026-03-03", "102")
    assert close(aapl) == Decimal(102)

    snapshot(store, "AAPL", AT, 102.25)
    assert close(aapl) == Decimal("102.25")


def test_the_sources_close_counts_in_its_own_session_only(store: redis.Redis, aapl: Instrument):
    day(aapl, "2026-03-03", "102")
    snapshot(store, "AAPL", AT - timedelta(days=1), 99.0)

    assert close(aapl) == Decimal(102)


def test_the_day_of_the_session_itself_is_not_the_close_before(store: redis.Redis, aapl: Instrument):
    day(aapl, "2026-03-03", "102")
    day(aapl, "2026-03-04", "110")
    minute(aapl, "2026-03-04T14:59", "109")

    assert close(aapl) == Decimal(102)


def test_between_two_sessions_the_one_that_has_ended_counts(store: redis.Redis, aapl: Instrument):
    day(aapl, "2026-03-03", "102")
    day(aapl, "2026-03-04", "110")

    # Extended hours of the fourth end at 01:00 UTC and those of the fifth begin at 09:00.
    assert close(aapl, utc("2026-03-05T05:00")) == Decimal(102)
    assert close(aapl, utc("2026-03-05T09:00")) == Decimal(110)


@pytest.mark.parametrize(("age", "found"), [(10, Decimal(102)), (11, None)])
def test_a_close_older_than_ten_days_is_none(store: redis.Redis, aapl: Instrument, age: int, found: Decimal | None):
    day(aapl, str(date(2026, 3, 4) - timedelta(days=age)), "102")

    assert close(aapl) == found


@pytest.mark.parametrize(("ratio", "found"), [("7", Decimal(100)), ("0.1", Decimal(7000))])
def test_a_close_before_a_split_is_told_in_new_shares(store: redis.Redis, aapl: Instrument, ratio: str, found: Decimal):
    day(aapl, "2026-03-03", "700")
    Split.objects.create(instrument=aapl, date=date(2026, 3, 4), ratio=ratio)

    assert close(aapl) == found


def test_a_minute_before_a_split_is_told_in_new_shares_and_a_later_split_changes_nothing(
    store: redis.Redis, aapl: Instrument
):
    # Half past midnight in UTC still belongs to the session of the third.
    minute(aapl, "2026-03-04T00:30", "700")
    Split.objects.create(instrument=aapl, date=date(2026, 3, 4), ratio=7)
    Split.objects.create(instrument=aapl, date=date(2026, 3, 5), ratio=2)

    assert close(aapl) == Decimal(100)


def test_an_instrument_of_no_known_venue_goes_by_days_of_utc(store: redis.Redis):
    odd = Instrument.objects.create(symbol="ODD", venue="nowhere", kind="equity")
    day(odd, "2026-03-03", "5")
    day(odd, "2026-03-04", "6")

    assert close(odd) == Decimal(5)
