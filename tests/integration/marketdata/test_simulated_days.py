"""The past that simulated shares are given: that of their own feed, and never mixed up with real days."""

import numpy as np
import pytest
import redis

from tests.integration.marketdata.conftest import utc
from tests.integration.marketdata.ledger import bar, day, instrument
from thor.marketdata.daily_rollup import roll_up
from thor.marketdata.feeds.choice import is_simulated
from thor.marketdata.feeds.port import Traded
from thor.marketdata.feeds.simulated import SimulatedFeed
from thor.marketdata.feeds.simulated_days import store_simulated_days
from thor.marketdata.models import Bar, DailyBar

pytestmark = pytest.mark.django_db(transaction=True)

#: A Friday morning before the open.
MORNING = utc("2026-11-20T14:00")


def test_a_share_without_days_gets_those_that_its_feed_would_have_had(store: redis.Redis):
    assert store_simulated_days("us_equities", before=MORNING, sessions=3) == 3 * 6

    newest = DailyBar.objects.filter(instrument__symbol="SPY").latest("date")
    ticks = SimulatedFeed("us_equities", [Traded("SPY", 0.01, "equity")]).read(
        *(round(utc(at).timestamp()) * 10**9 for at in ("2026-11-19T14:30", "2026-11-19T21:00"))
    )
    assert (str(newest.date), newest.origin) == ("2026-11-19", "simulated")
    assert float(newest.low) >= ticks.price.min()
    assert float(newest.high) <= ticks.price.max()
    assert np.isclose(float(newest.close), ticks.price[-1], rtol=1e-3)
    assert np.isclose(float(newest.volume), ticks.size.sum(), rtol=0.6)


def test_the_same_days_come_every_time_and_others_with_another_seed(store: redis.Redis):
    def stored(seed: int) -> list[tuple]:
        DailyBar.objects.all().delete()
        store_simulated_days("us_equities", before=MORNING, seed=seed, sessions=2)
        return list(DailyBar.objects.order_by("instrument", "date").values_list("date", "close", "volume"))

    assert stored(1) == stored(1) != stored(2)


def test_a_share_that_has_any_day_is_left_alone(store: redis.Redis):
    day("SPY", "2020-01-02", 300)

    store_simulated_days("us_equities", before=MORNING, sessions=2)

    assert [str(row.date) for row in DailyBar.objects.filter(instrument__symbol="SPY")] == ["2020-01-02"]
    assert DailyBar.objects.filter(instrument__symbol="QQQ").count() == 2


def test_a_day_made_of_simulated_minutes_says_so(store: redis.Redis):
    bar("SPY", "2026-11-19T15:00", 600, volume=7)
    bar("QQQ", "2026-11-19T15:00", 500, volume=7)
    Bar.objects.filter(instrument=instrument("SPY")).update(source="SIMULATED")

    roll_up(venue="us_equities", at=utc("2026-11-21T15:00"))

    assert dict(DailyBar.objects.values_list("instrument__symbol", "origin")) == {"SPY": "simulated", "QQQ": "rolled"}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("simulated", True),
        ("us_equities=simulated,globex=replay", True),
        ("alpaca", False),
        ("us_equities=alpaca,globex=simulated", False),
    ],
)
def test_only_the_simulated_feed_is_made_up(choice: str, expected: bool):
    assert is_simulated(choice, "us_equities") is expected
