"""The 24 hours and the year that a capture falls into, as they were at its instant."""

from datetime import date
from decimal import Decimal

import pytest
import redis

from tests.integration.marketdata.conftest import utc
from tests.integration.marketdata.ledger import bar, day, instrument
from thor.marketdata.context import day_and_year_context
from thor.marketdata.models import Capture, DailyBar, Split
from thor.marketdata.services.rolling_24h import update_rolling_24h

pytestmark = pytest.mark.django_db(transaction=True)

#: The open of New York on a Monday.
OPEN = utc("2026-03-02T14:30")


def context(symbol: str = "SPY", *, price: object = None) -> dict:
    last = {} if price is None else {symbol: Decimal(str(price))}
    return day_and_year_context([instrument(symbol)], OPEN, last)[symbol]


def test_it_says_what_was_before_the_instant_and_nothing_of_what_came_after(store: redis.Redis):
    day("SPY", "2025-06-02", 150, 160, 140, 150)
    day("SPY", "2026-02-27", 160)
    bar("SPY", "2026-03-02T10:00", 170, 176, 168, 172)
    bar("SPY", "2026-03-02T14:29", 175, 180, 172, 175)
    bar("SPY", "2026-03-02T14:30", 1, 999, 1, 2)

    found = context(price=175)

    assert found == {
        "previous_close_24h": 160,
        "open_24h": 170,
        "high_24h": 180,
        "low_24h": 168,
        "close_24h": None,
        "change_24h": 10,
        "change_pct_24h": Decimal("6.25"),
        "range_24h": 12,
        "range_pct_24h": Decimal("7.0588"),
        "high_52w": 180,
        "high_pct_52w": Decimal("2.8571"),
        "low_52w": 140,
        "low_pct_52w": 20,
        "range_52w": 40,
        "range_pct_52w": Decimal("22.8571"),
    }
    assert set(found) <= {field.name for field in Capture._meta.concrete_fields}


def test_the_year_is_measured_on_the_price_at_the_capture_and_on_nothing_without_one(store: redis.Redis):
    day("SPY", "2026-02-27", 100, 110, 90, 100)

    assert context(price=100)["high_pct_52w"] == 10
    assert context()["high_pct_52w"] is None


def test_an_instrument_of_which_nothing_is_known_has_every_column_and_no_figure(store: redis.Redis):
    found = context("IBM")

    assert set(found.values()) == {None}
    assert len(found) == 15


def test_at_the_open_of_tokyo_the_24_hours_have_a_close_before_and_nothing_else(store: redis.Redis):
    day("SPY", "2026-02-27", 160)

    found = day_and_year_context([instrument("SPY")], utc("2026-03-02T00:00"), {})["SPY"]

    assert found["open_24h"] is None
    assert found["previous_close_24h"] == 160
    assert found["high_52w"] == 160


def test_splits_and_bad_prints_are_seen(store: redis.Redis):
    day("AAPL", "2026-02-27", 700)
    Split.objects.create(instrument=instrument("AAPL"), date=date(2026, 3, 2), ratio=7)
    bar("AAPL", "2026-03-02T09:00", 645.57, 645.57, 99, 101)
    bar("AAPL", "2026-03-02T09:01", 101)

    found = context("AAPL")

    assert (found["high_52w"], found["low_52w"]) == (101, 99)
    assert found["previous_close_24h"] == 100


def test_the_session_before_counts_although_nobody_has_rolled_it_up(store: redis.Redis):
    bar("SPY", "2026-02-27T15:00", 120, 130, 110, 120)

    assert (context()["high_52w"], context()["low_52w"]) == (130, 110)
    assert DailyBar.objects.get().origin == "rolled"


def test_the_close_before_does_not_depend_on_whether_it_was_frozen(store: redis.Redis):
    bar("SPY", "2026-02-26T15:00", 50)
    update_rolling_24h(market="us_equities", at=utc("2026-02-27T00:00"))
    bar("SPY", "2026-02-27T15:00", 100)
    bar("SPY", "2026-02-27T22:30", 120)  # after New York's close: in no 24-hour session

    before = context()["previous_close_24h"]
    update_rolling_24h(market="us_equities", at=utc("2026-02-28T00:00"))

    assert before == context()["previous_close_24h"] == 100


def test_a_frozen_close_stands_although_its_bars_say_something_else(store: redis.Redis):
    bar("SPY", "2026-02-27T15:00", 100)
    update_rolling_24h(market="us_equities", at=utc("2026-02-28T00:00"))
    bar("SPY", "2026-02-27T15:01", 200)

    assert context()["previous_close_24h"] == 100


def test_a_close_that_is_not_frozen_is_in_the_shares_of_today(store: redis.Redis):
    bar("SPY", "2026-02-27T15:00", 700)
    Split.objects.create(instrument=instrument("SPY"), date=date(2026, 3, 2), ratio=7)

    assert context()["previous_close_24h"] == 100
