"""What instruments did in a stretch: the same from the fold, from the bars at rest, and from both."""

from decimal import Decimal

import pytest
import redis

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.publishing import Script
from thor.marketdata import spans
from thor.marketdata.bars import MINUTE
from thor.marketdata.models import Bar, Instrument
from thor.marketdata.services import closed_bars, intraday

pytestmark = pytest.mark.django_db(transaction=True)

T0 = ns("2026-03-02T15:00")


def at(minute: int) -> int:
    return T0 + minute * MINUTE


def trade(store: redis.Redis) -> Script:
    script = Script(store)
    for minute, price in enumerate([10.0, 14.0, 8.0, 11.0]):
        script.send(at(minute + 1), ("SPY", at(minute), price, 5.0), ("SPY", at(minute) + MINUTE // 2, price + 1, 2.5))
    return script


def figures() -> spans.Figures:
    spy = Instrument.objects.get(symbol="SPY")
    return spans.figures([spy], utc("2026-03-02T15:00"), utc("2026-03-02T15:04"))["SPY"]


EXPECTED = spans.Figures(
    open=Decimal(10),
    high=Decimal(15),
    low=Decimal(8),
    close=Decimal(12),
    volume=Decimal(30),
    first_at=utc("2026-03-02T15:00"),
    last_at=utc("2026-03-02T15:03"),
)


def test_minutes_that_are_not_flushed_yet_count(store: redis.Redis) -> None:
    trade(store)
    intraday.step_once(market="us_equities", at=utc("2026-03-02T15:04"))

    assert not Bar.objects.exists()
    assert figures() == EXPECTED


def test_minutes_at_rest_and_in_the_fold_count_once(store: redis.Redis) -> None:
    trade(store)
    closed_bars.flush(market="us_equities", at=utc("2026-03-02T15:04"))

    assert Bar.objects.count() == 4
    assert figures() == EXPECTED


def test_bars_alone_give_the_same(store: redis.Redis) -> None:
    trade(store)
    closed_bars.flush(market="us_equities", at=utc("2026-03-02T15:04"))
    store.flushall()

    assert figures() == EXPECTED


def test_the_fuller_version_of_a_minute_counts(store: redis.Redis) -> None:
    trade(store)
    closed_bars.flush(market="us_equities", at=utc("2026-03-02T15:04"))
    store.flushall()
    Script(store, run="another").send(at(4), ("SPY", at(3), 99.0, 1.0))
    intraday.step_once(market="us_equities", at=utc("2026-03-02T15:04"))

    assert figures() == EXPECTED


def test_what_lies_outside_the_stretch_does_not_count(store: redis.Redis) -> None:
    trade(store).send(at(6), ("SPY", at(5), 99.0, 7.0))
    closed_bars.flush(market="us_equities", at=utc("2026-03-02T15:06"))

    assert figures() == EXPECTED
    assert spans.figures([], utc("2026-03-02T15:00"), utc("2026-03-02T15:04")) == {}
