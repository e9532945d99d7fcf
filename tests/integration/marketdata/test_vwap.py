"""Minute samples are the same whenever the job runs."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.publishing import Script
from thor.marketdata import foldstore, keys, selectors
from thor.marketdata.bars import MINUTE
from thor.marketdata.models import Instrument, VwapSample
from thor.marketdata.services import intraday, vwap

pytestmark = pytest.mark.django_db(transaction=True)

VENUE = "us_equities"
OPEN = utc("2026-03-02T14:30")
T0 = ns("2026-03-02T14:30")


def minute(number: int) -> datetime:
    return OPEN + timedelta(minutes=number)


def script_of_five_minutes(store: redis.Redis) -> Script:
    """Publish one trade of 100 in each of five minutes, at 600, 601, …; nothing in the fourth."""
    script = Script(store)
    for number in (0, 1, 2, 4):
        at = T0 + number * MINUTE + 7
        script.send(T0 + (number + 1) * MINUTE, ("SPY", at, 600.0 + number, 100.0))
    return script


def stored() -> list[tuple[datetime, Decimal, Decimal]]:
    return list(VwapSample.objects.values_list("minute_at", "last_price", "cumulative_volume"))


EXPECTED = [
    (minute(1), Decimal(600), Decimal(100)),
    (minute(2), Decimal(601), Decimal(200)),
    (minute(3), Decimal(602), Decimal(300)),
    (minute(4), Decimal(602), Decimal(300)),
    (minute(5), Decimal(604), Decimal(400)),
]


def test_a_minute_that_nobody_looked_at_is_sampled_as_it_was(store: redis.Redis) -> None:
    script_of_five_minutes(store)

    told = vwap.sample_minute(market=VENUE, at=minute(5), first_at=minute(2))

    assert told == {"minutes": 5, "samples": 5, "through": minute(5).isoformat(), "waiting": 0}
    assert stored() == EXPECTED


def test_running_each_minute_gives_the_same_samples(store: redis.Redis) -> None:
    script_of_five_minutes(store)

    told = [vwap.sample_minute(market=VENUE, at=minute(number)) for number in range(6)]

    assert [row["samples"] for row in told] == [0, 1, 1, 1, 1, 1]
    assert stored() == EXPECTED


def test_a_minute_that_the_feed_has_not_passed_waits(store: redis.Redis) -> None:
    script = Script(store)
    script.send(T0 + 59 * 10**9, ("SPY", T0, 600.0, 100.0))

    assert vwap.sample_minute(market=VENUE, at=minute(1)) == {"minutes": 0, "samples": 0, "waiting": 1}
    assert vwap.sample_minute(market=VENUE, at=minute(3), first_at=minute(1))["waiting"] == 3
    script.send(T0 + 3 * MINUTE)
    assert vwap.sample_minute(market=VENUE, at=minute(3), first_at=minute(2))["samples"] == 3


def test_only_watched_instruments_are_sampled(store: redis.Redis) -> None:
    Instrument.objects.filter(symbol="IBM").update(sampled=False)
    script = Script(store)
    trades: list[Any] = [(symbol, T0, 10.0, 1.0) for symbol in ("SPY", "IBM", "GOOG", "ES")]
    script.send(T0 + MINUTE, *trades)

    vwap.sample_minute(market=VENUE, at=minute(1))

    assert list(VwapSample.objects.values_list("instrument__symbol", flat=True)) == ["SPY"]
    assert store.zcard(keys.marks(VENUE)) == 0


def test_rolling_and_session_prices_are_read_from_the_samples(store: redis.Redis) -> None:
    script_of_five_minutes(store)
    vwap.sample_minute(market=VENUE, at=minute(5))

    # The base, the sample of 14:32, is excluded: 602 and 604 with 100 each.
    assert selectors.rolling_vwap("SPY", minute(5), timedelta(minutes=3)) == Decimal("603.0000")
    assert selectors.sampled_vwap("SPY", minute(1), minute(5)) == Decimal("602.3333")
    assert selectors.rolling_vwap("SPY", minute(4), timedelta(minutes=1)) is None
    assert selectors.rolling_vwap("SPY", minute(5), timedelta(0)) is None
    assert selectors.rolling_vwap("IBM", minute(5)) is None


@pytest.mark.parametrize("prices", [(99.0, 100.5), (100.5, 99.0)])
@pytest.mark.parametrize("at_once", [True, False])
def test_of_two_marks_of_a_minute_the_later_run_stands(
    store: redis.Redis, prices: tuple[float, float], at_once: bool
) -> None:
    script = Script(store)
    for run, price in zip(("one", "two"), prices, strict=True):
        script.run = run
        script.send(T0 + MINUTE, ("SPY", T0, price, 10.0))
        if not at_once:
            intraday.step_once(market=VENUE, at=minute(0))
    vwap.sample_minute(market=VENUE, at=minute(1))

    assert stored() == [(minute(1), Decimal(str(prices[1])), Decimal(10))]


def test_marks_that_give_way_are_said(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(foldstore, "MARKS_KEPT", 3)
    script = Script(store)
    script.send(T0 + 3 * MINUTE, ("SPY", T0, 600.0, 1.0))
    intraday.step_once(market=VENUE, at=minute(0))
    assert "thor.marks.dropped" not in caplog.text
    script.send(T0 + 5 * MINUTE)
    intraday.step_once(market=VENUE, at=minute(0))

    assert "thor.marks.dropped venue=us_equities marks=2 kept=3" in caplog.text
    assert store.zcard(keys.marks(VENUE)) == 3
