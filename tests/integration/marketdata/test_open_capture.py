"""An open is captured once, by the prices before its bell, whenever that is done."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from django.db import OperationalError
from django.forms import model_to_dict

from tests.integration.marketdata.conftest import utc
from tests.integration.marketdata.opening import (
    CLOSE,
    DAY,
    OPEN,
    SECOND,
    T0,
    around,
    before_the_open,
    outcomes,
    quotes,
    row,
    watch,
)
from tests.integration.marketdata.publishing import Script, batch_of
from thor.marketdata import folding, keys, waiting
from thor.marketdata.bars import MINUTE
from thor.marketdata.models import AwaitedCapture, Capture, Instrument, SessionCapture, Target, VwapSample
from thor.marketdata.services.market_open_capture import capture_open
from thor.marketdata.services.market_open_grading import grade_open
from thor.markets import registry
from thor.markets.models import Market

pytestmark = pytest.mark.django_db(transaction=True)

D = Decimal
NOW = timedelta(0)


def capture(at: Any = OPEN, **kwargs: Any) -> dict[str, Any]:
    return capture_open(market="usa", at=at, patience=NOW, **kwargs)


def test_a_row_an_instrument_and_the_total(store: redis.Redis) -> None:
    watch("SPY", "IBM", "BAC", "YM")
    before_the_open(Script(store), SPY=103.0, IBM=94.0, BAC=100.5, YM=101.5)

    told = capture()

    assert told == {"session": "2026-03-02", "at": OPEN.isoformat(), "rows": 5, "signal": "HOLD"}
    spy = row("SPY")
    assert (spy.signal, spy.weight, spy.number, spy.outcome) == ("BUY", 1, 1, "PENDING")
    assert (spy.last_price, spy.previous_close, spy.net_change) == (D(103), D(100), D(3))
    assert (spy.bid, spy.ask, spy.bid_size, spy.ask_size, spy.spread) == (D("102.9"), D("103.1"), D(3), D(4), D("0.2"))
    assert (spy.entry, spy.target_high, spy.target_low, spy.judged_on) == (D("103.1"), D("105.1"), D("101.1"), "quotes")
    assert (spy.priced_at, spy.volume, spy.session_open) == (OPEN, D(20), D(103))
    ibm = row("IBM")
    assert (ibm.signal, ibm.entry, ibm.target_high, ibm.target_low) == ("STRONG_SELL", D("93.9"), D("95.9"), D("91.9"))
    assert (row("BAC").signal, row("BAC").entry, row("BAC").outcome) == ("HOLD", None, "NEUTRAL")
    total = row("TOTAL")
    assert (total.weight, total.weighted_sum, total.weighted_average) == (0, D("-3.00"), D("-0.750"))
    assert (total.instrument_count, total.instrument, total.number, total.last_price) == (4, None, 1, None)
    head = SessionCapture.objects.get()
    assert (head.session_date, head.opens_at, head.captured_at, head.late) == (DAY, OPEN, OPEN, False)


def test_the_total_is_entered_by_the_quote_of_the_dow(store: redis.Redis) -> None:
    watch("YM", "SPY", "IBM")
    Target.objects.filter(instrument__symbol="YM").update(high=D(200), low=D(150))
    before_the_open(Script(store), YM=43500.0, SPY=107.0, IBM=108.0)

    assert capture()["signal"] == "BUY"

    total = row("TOTAL")
    assert (total.weight, total.entry, total.judged_on, total.outcome) == (6, D("43500.1"), "quotes", "PENDING")
    assert (total.target_high, total.target_low) == (D(43700), D(43350))


def test_without_the_dow_the_total_has_no_entry(store: redis.Redis) -> None:
    watch("SPY", "IBM")
    before_the_open(Script(store), SPY=107.0, IBM=108.0)

    assert capture()["signal"] == "BUY"

    assert (row("TOTAL").entry, row("TOTAL").outcome) == (None, "NEUTRAL")


def test_where_the_feed_gives_no_quotes_trades_are_entered_and_judged(store: redis.Redis) -> None:
    watch("SPY")
    script = Script(store)
    script.append(batch_of([("SPY", T0 - SECOND, 103.0, 5.0)], T0))

    capture()

    assert (row("SPY").entry, row("SPY").judged_on, row("SPY").bid) == (D(103), "trades", None)


def test_what_comes_with_the_bell_or_after_it_does_not_count(store: redis.Redis) -> None:
    watch("SPY")
    script = Script(store)
    before_the_open(script, SPY=103.0)
    script.append(quotes(T0 + 5 * MINUTE, around("SPY", T0, 120.0), around("SPY", T0 + MINUTE, 130.0)))

    capture(OPEN + timedelta(minutes=5))

    assert row("SPY").last_price == D(103)
    assert not SessionCapture.objects.get().late


def test_an_hour_later_the_rows_are_the_same(store: redis.Redis) -> None:
    watch("SPY", "IBM", "YM")
    script = Script(store)
    before_the_open(script, SPY=103.0, IBM=94.0, YM=120.0)
    capture()
    expected = kept()
    SessionCapture.objects.all().delete()
    for minute in range(1, 60):
        script.append(quotes(T0 + minute * MINUTE, around("SPY", T0 + minute * MINUTE - 1, 103.0 + minute)))

    assert capture(OPEN + timedelta(hours=1))["rows"] == 4
    assert kept() == expected


def kept() -> list[dict[str, Any]]:
    """Return everything that was captured, but for the keys."""
    found = [model_to_dict(one, exclude=["id", "session"]) for one in Capture.objects.order_by("pk")]
    return [*found, model_to_dict(SessionCapture.objects.get(), exclude=["id"])]


def test_a_second_run_changes_nothing(store: redis.Redis) -> None:
    watch("SPY")
    script = Script(store)
    before_the_open(script, SPY=103.0)
    capture()
    expected = kept()
    watch("SPY", "IBM", previous="50")

    assert capture() == {"already": OPEN.isoformat()}
    assert capture(CLOSE, session_date=DAY) == {"already": OPEN.isoformat()}
    assert kept() == expected


def test_a_feed_that_is_behind_is_waited_for_by_the_passes_of_grading(store: redis.Redis) -> None:
    watch("SPY")
    script = Script(store)
    assert capture() == {"waiting": "feed", "venues": ["us_equities"]}
    script.append(quotes(T0 - MINUTE, around("SPY", T0 - 2 * MINUTE, 103.0)))
    assert capture() == {"waiting": "feed", "venues": ["us_equities"]}
    assert grade_open(market="usa", at=OPEN + timedelta(seconds=1))["waiting"] == "feed"

    script.append(quotes(T0 + SECOND, around("SPY", T0 - MINUTE, 104.0), around("SPY", T0 + 1, 90.0)))

    assert grade_open(market="usa", at=OPEN + timedelta(seconds=2))["rows"] == 2
    assert (row("SPY").last_price, row("SPY").priced_at) == (D(104), OPEN)
    assert not SessionCapture.objects.get().late


def test_grading_captures_nothing_that_no_run_has_asked_for(store: redis.Redis) -> None:
    watch("SPY")
    before_the_open(Script(store), SPY=103.0)

    assert grade_open(market="usa", at=OPEN) == {"waiting": "capture"}
    assert not SessionCapture.objects.exists()


def test_a_feed_that_began_after_the_open_makes_it_late(store: redis.Redis) -> None:
    watch("SPY", "IBM")
    script = Script(store)
    script.append(quotes(T0 + 10 * MINUTE + SECOND, around("SPY", T0 + 10 * MINUTE, 103.0)))
    assert capture(OPEN + timedelta(minutes=10)) == {"waiting": "feed", "venues": ["us_equities"]}

    script.append(quotes(T0 + 12 * MINUTE, around("SPY", T0 + 11 * MINUTE, 104.0)))
    told = capture(OPEN + timedelta(minutes=12))

    late_by = OPEN + timedelta(minutes=11)
    assert told == {
        "session": "2026-03-02",
        "at": late_by.isoformat(),
        "rows": 3,
        "signal": "HOLD",
        "late": True,
        "unpriced": ["IBM"],
    }
    assert (row("SPY").last_price, row("SPY").priced_at) == (D(103), late_by)
    assert (row("IBM").signal, row("IBM").outcome, row("IBM").last_price) == ("", "NEUTRAL", None)
    assert SessionCapture.objects.get().late


def test_an_instrument_that_did_not_trade_has_its_newest_older_price(store: redis.Redis) -> None:
    watch("SPY", "IBM")
    ibm = Instrument.objects.get(symbol="IBM")
    older = OPEN - timedelta(days=1)
    sample = {"instrument": ibm, "minute_at": older, "captured_at": older}
    VwapSample.objects.create(last_price=D(97), cumulative_volume=D(5000), **sample)
    before_the_open(Script(store), SPY=103.0)

    capture()

    assert (row("IBM").last_price, row("IBM").priced_at, row("IBM").volume) == (D(97), older, D(0))
    assert (row("IBM").signal, row("IBM").entry, row("IBM").judged_on) == ("SELL", D(97), "trades")


def test_one_feed_of_two_that_does_not_come_costs_its_own_rows_a_price(store: redis.Redis) -> None:
    watch("SPY", "BTCUSD")
    Instrument.objects.filter(symbol="BTCUSD").update(venue="crypto")
    script = Script(store)
    before_the_open(script, SPY=103.0)
    assert capture() == {"waiting": "feed", "venues": ["crypto"]}

    script.append(quotes(T0 + 2 * MINUTE))
    told = capture(OPEN + timedelta(minutes=2))

    assert (told["silent"], told["unpriced"], told["at"]) == (["crypto"], ["BTCUSD"], OPEN.isoformat())
    assert (row("SPY").signal, row("BTCUSD").signal) == ("BUY", "")


def test_a_venue_that_is_shut_at_the_open_is_not_waited_for(store: redis.Redis) -> None:
    watch("SPY", "BTCUSD")
    Instrument.objects.filter(symbol="BTCUSD").update(venue="crypto")
    tokyo = utc("2026-03-03T00:00") + timedelta(days=1)
    at = round(tokyo.timestamp()) * SECOND
    friday = tokyo - timedelta(days=1)
    sample = {"instrument": Instrument.objects.get(symbol="SPY"), "minute_at": friday, "captured_at": friday}
    VwapSample.objects.create(last_price=D(97), cumulative_volume=D(5000), **sample)
    script = Script(store, "crypto")
    script.append(quotes(at, around("BTCUSD", at - SECOND, 104.0)))
    Market.objects.filter(key="us_equities").update(calendar="XNYS")
    registry.forget()

    told = capture_open(market="japan", at=tokyo, patience=NOW)

    assert told["rows"] == 3
    assert "silent" not in told
    assert (row("SPY", "japan").last_price, row("BTCUSD", "japan").last_price) == (D(97), D(104))


def test_one_bad_instrument_costs_its_own_row(store: redis.Redis) -> None:
    watch("SPY", "IBM", "YM")
    Instrument.objects.filter(symbol="IBM").update(decimals=30)  # no price has so many
    before_the_open(Script(store), SPY=103.0, IBM=103.0, YM=107.0)

    told = capture()

    assert list(told["failed"]) == ["IBM"]
    assert told["rows"] == 3
    assert outcomes() == {"SPY": "PENDING", "YM": "PENDING", "TOTAL": "NEUTRAL"}
    assert row("TOTAL").instrument_count == 2


def test_rows_are_numbered_by_their_sessions_in_whatever_order_they_are_captured(store: redis.Redis) -> None:
    watch("SPY", "IBM")
    days = [date(2026, 3, day) for day in (2, 3, 4)]
    script = Script(store)
    for day in days:
        at = round(utc(f"{day}T14:30").timestamp()) * SECOND
        script.append(quotes(at, around("SPY", at - SECOND, 103.0), around("IBM", at - SECOND, 103.0)))
    for day in (days[1], days[2], days[0]):
        if day == days[2]:
            Instrument.objects.filter(symbol="IBM").update(captured=False)
        capture(utc("2026-03-04T14:30"), session_date=day)

    numbers = Capture.objects.order_by("session__session_date").values_list("symbol", "number")
    found = [[number for symbol, number in numbers if symbol == wanted] for wanted in ("SPY", "IBM", "TOTAL")]
    assert found == [[1, 2, 3], [1], [1, 2, 3]]


@pytest.mark.parametrize("switch", ["capture_futures", "capture_open"])
def test_a_market_that_is_switched_off_is_not_captured(store: redis.Redis, switch: str) -> None:
    watch("SPY")
    before_the_open(Script(store), SPY=103.0)
    Market.objects.filter(key="usa").update(**{switch: False})
    registry.forget()

    assert capture() == {"off": [switch]}
    assert grade_open(market="usa", at=OPEN) == {"off": [switch]}
    assert not SessionCapture.objects.exists()


def test_what_cannot_be_captured_is_said(store: redis.Redis) -> None:
    watch()
    assert capture(OPEN - timedelta(seconds=1), session_date=DAY) == {"waiting": "open"}
    assert capture(session_date=date(2026, 3, 1)) == {"waiting": "open"}
    assert capture() == {"nothing": "no instrument is captured; set captured on an instrument"}


def test_every_open_market_has_rows_of_its_own(store: redis.Redis) -> None:
    watch("SPY")
    Instrument.objects.filter(symbol="SPY").update(venue="crypto")
    script = Script(store, "crypto")
    before_the_open(script, SPY=103.0)

    for market in ("usa", "canada"):
        Market.objects.filter(key=market).update(capture_futures=True)
        registry.forget()
        capture_open(market=market, at=OPEN, patience=NOW)

    assert sorted(Capture.objects.values_list("session__market", "symbol", "number")) == [
        ("canada", "SPY", 1),
        ("canada", "TOTAL", 1),
        ("usa", "SPY", 1),
        ("usa", "TOTAL", 1),
    ]


@pytest.mark.parametrize("error", [folding.Contended, redis.ConnectionError, OperationalError])
def test_an_error_at_the_bell_leaves_the_capture_to_the_passes_of_grading(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    watch("SPY")
    before_the_open(Script(store), SPY=103.0)

    def fail(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(waiting, "flush_until", fail)
        with pytest.raises(error):
            capture(session_date=DAY)
    store.delete(keys.capture_waiting("usa"))

    early = grade_open(market="usa", at=OPEN + timedelta(seconds=59), session_date=DAY)
    told = grade_open(market="usa", at=OPEN + timedelta(seconds=60), session_date=DAY)

    assert early == {"waiting": "capture"}
    assert (told["at"], told["rows"], row("SPY").last_price) == (OPEN.isoformat(), 2, D(103))
    assert not AwaitedCapture.objects.exists()


def test_a_capture_that_waits_for_its_feed_survives_the_loss_of_redis(store: redis.Redis) -> None:
    watch("SPY")
    assert capture(session_date=DAY)["waiting"] == "feed"
    store.flushall()

    before_the_open(Script(store), SPY=103.0)

    assert grade_open(market="usa", at=OPEN + timedelta(seconds=5), session_date=DAY)["rows"] == 2


def test_without_the_database_the_note_in_redis_stands_for_the_wish(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch("SPY")
    before_the_open(Script(store), SPY=103.0)

    def away(**_: Any) -> None:
        raise OperationalError

    with monkeypatch.context() as patched:
        patched.setattr(AwaitedCapture.objects, "update_or_create", away)
        with pytest.raises(OperationalError):
            capture(session_date=DAY)

    assert grade_open(market="usa", at=OPEN + timedelta(seconds=5), session_date=DAY)["rows"] == 2
    assert store.get(keys.capture_waiting("usa")) is None
