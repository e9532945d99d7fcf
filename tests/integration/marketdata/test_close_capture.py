"""A close writes the figures of its session once every tick is in, and ends what is pending."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from django.forms import model_to_dict

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.opening import (
    CLOSE,
    DAY,
    OPEN,
    SECOND,
    T0,
    T1,
    around,
    before_the_open,
    outcomes,
    quotes,
    row,
    watch,
)
from tests.integration.marketdata.publishing import Script
from thor.marketdata import keys
from thor.marketdata.bars import MINUTE
from thor.marketdata.models import Backtest, Capture, SessionCapture, TwentyFourHour
from thor.marketdata.services import closed_bars
from thor.marketdata.services.market_close_capture import capture_close, settle_before
from thor.marketdata.services.market_metrics import update_market_metrics
from thor.marketdata.services.market_open_capture import capture_open
from thor.marketdata.services.market_open_grading import grade_open
from thor.marketdata.services.preopen_backtest import store_track_records
from thor.marketdata.services.rolling_24h import update_rolling_24h
from thor.markets import registry
from thor.markets.models import Market, Override, Transition

pytestmark = pytest.mark.django_db(transaction=True)

D = Decimal
NOW = timedelta(0)


@pytest.fixture
def script(store: redis.Redis) -> Script:
    """Return a script in which SPY is bought at 103.1 (105.1, 101.1) and IBM sold at 93.9 (91.9, 95.9)."""
    watch("SPY", "IBM", "YM")
    found = Script(store)
    before_the_open(found, SPY=103.0, IBM=94.0, YM=100.0)
    capture_open(market="usa", at=OPEN, patience=NOW)
    return found


def close(at: Any = CLOSE, day: date | None = DAY) -> dict[str, Any]:
    told = capture_close(market="usa", at=at, session_date=day, patience=NOW)
    told.pop("rolling_24h", None)
    return told


def override(**fields: Any) -> None:
    Override.objects.create(market=Market.objects.get(key="usa"), date=DAY, reason="test", **fields)
    registry.forget()


def trade_the_day(script: Script) -> None:
    """Let SPY go 104, 103.5, 104.4 and 104; the last a minute before the close."""
    for minute, price in ((1, 104.0), (60, 103.5), (200, 104.4), (389, 104.0)):
        at = T0 + minute * MINUTE + SECOND
        script.append(quotes(at + SECOND, around("SPY", at, price)))
    script.append(quotes(T1))


def test_the_figures_of_the_session_are_written(script: Script) -> None:
    trade_the_day(script)

    assert close() == {"at": CLOSE.isoformat(), "rows": 3, "decided": {"SPY": "NEUTRAL", "IBM": "NEUTRAL"}}

    spy = row("SPY")
    assert (spy.session_open, spy.session_high, spy.session_low, spy.session_close) == (
        103,
        D("104.4"),
        D("103.5"),
        104,
    )
    assert (spy.session_range, spy.session_volume, spy.range_pct) == (D("0.9"), D(40), D("0.8738"))
    assert (spy.high_pct_open, spy.low_pct_open) == (D("1.3592"), D("0.4831"))
    assert (spy.high_pct_close, spy.low_pct_close, spy.close_vs_open_pct) == (D("0.3831"), D("0.4831"), D("0.9709"))
    ibm = row("IBM")
    assert (ibm.session_close, ibm.session_high, ibm.session_volume, ibm.close_vs_open_pct) == (94, None, 0, 0)
    assert row("TOTAL").session_close is None
    head = SessionCapture.objects.get()
    assert (head.closed_at, head.incomplete, head.graded_until) == (CLOSE, False, CLOSE)


def test_a_touch_in_the_last_second_counts_though_no_pass_has_seen_it(script: Script) -> None:
    script.append(quotes(T1 + SECOND, around("SPY", T1 - 1000, 106.0), around("IBM", T1, 90.0)))

    assert close()["decided"] == {"SPY": "WORKED", "IBM": "NEUTRAL"}
    assert row("SPY").touched_at == CLOSE - timedelta(microseconds=1)


def test_what_is_decided_is_not_touched(script: Script) -> None:
    script.append(quotes(T0 + MINUTE, around("IBM", T0 + SECOND, 97.0)))
    grade_open(market="usa", at=OPEN + timedelta(seconds=60))
    script.append(quotes(T1))

    close()

    assert outcomes() == {"SPY": "NEUTRAL", "IBM": "DIDNT_WORK", "YM": "NEUTRAL", "TOTAL": "NEUTRAL"}


def test_a_second_run_changes_nothing(script: Script) -> None:
    trade_the_day(script)
    close()
    before = everything()

    assert close() == {"already": CLOSE.isoformat()}
    SessionCapture.objects.update(incomplete=True)
    close(CLOSE + timedelta(hours=1))
    assert everything() == before


def everything() -> list[dict[str, Any]]:
    found = [model_to_dict(one) for one in Capture.objects.order_by("pk")]
    return [*found, *(model_to_dict(one) for one in SessionCapture.objects.all())]


def test_a_feed_that_has_not_reached_the_close_leaves_it_incomplete(script: Script) -> None:
    script.append(quotes(T1 - MINUTE, around("SPY", T1 - 2 * MINUTE, 104.0)))

    told = close()

    assert (told["waiting"], told["incomplete"]) == (["us_equities"], True)
    assert (row("SPY").session_close, row("SPY").outcome) == (104, "PENDING")
    assert SessionCapture.objects.get().incomplete

    script.append(quotes(T1, around("SPY", T1 - SECOND, 106.0)))
    assert close(CLOSE + timedelta(minutes=5))["decided"] == {"SPY": "WORKED", "IBM": "NEUTRAL"}
    assert (row("SPY").session_close, SessionCapture.objects.get().incomplete) == (106, False)


def test_what_was_left_incomplete_is_completed_before_the_next_open(script: Script) -> None:
    close()
    assert outcomes()["SPY"] == "PENDING"
    script.append(quotes(T1, around("SPY", T1 - SECOND, 106.0)))

    told = store_track_records(market="usa", at=utc("2026-03-03T14:29"), session_date=date(2026, 3, 3))

    assert told["settled"]["2026-03-02"]["decided"] == {"SPY": "WORKED", "IBM": "NEUTRAL"}
    assert Backtest.objects.get(symbol="SPY").figures["buy_worked"] == 1
    assert not SessionCapture.objects.get().incomplete


def test_a_session_whose_close_nobody_ran_is_closed_by_the_next(script: Script) -> None:
    trade_the_day(script)

    told = close(utc("2026-03-03T21:00"), date(2026, 3, 3))

    assert told["waiting"] == "capture"
    assert told["settled"]["2026-03-02"]["rows"] == 3
    assert row("SPY").session_close == 104


def test_what_nobody_captured_is_not_made_up(store: redis.Redis) -> None:
    watch("SPY")
    script = Script(store)
    before_the_open(script, SPY=103.0)
    script.append(quotes(T1))

    assert close() == {"waiting": "capture"}
    assert not Capture.objects.exists()


def test_before_its_close_a_session_is_not_closed(script: Script) -> None:
    assert close(CLOSE - timedelta(seconds=1)) == {"waiting": "close"}
    assert SessionCapture.objects.get().closed_at is None


def test_a_close_that_was_moved_forward_ends_the_session_there(script: Script) -> None:
    override(close="13:00")
    script.append(quotes(T0 + 4 * 60 * MINUTE, around("SPY", ns("2026-03-02T18:00"), 106.0)))

    assert close(utc("2026-03-02T18:00"))["at"] == "2026-03-02T18:00:00+00:00"
    assert (row("SPY").outcome, row("SPY").session_high) == ("NEUTRAL", None)


def test_a_touch_before_an_earlier_close_was_entered_stands(script: Script) -> None:
    script.append(quotes(ns("2026-03-02T19:00"), around("SPY", ns("2026-03-02T18:30"), 106.0)))
    grade_open(market="usa", at=utc("2026-03-02T19:00"))
    override(close="13:00")

    close(utc("2026-03-02T19:01"))

    assert (row("SPY").outcome, row("SPY").session_high) == ("WORKED", None)
    assert SessionCapture.objects.get().closed_at == utc("2026-03-02T18:00")


def test_a_close_that_was_moved_back_after_it_was_captured_is_captured_again(script: Script) -> None:
    trade_the_day(script)
    close()
    override(close="17:00")
    script.append(quotes(T1 + 60 * MINUTE, around("SPY", T1 + MINUTE, 107.0)))

    told = store_track_records(market="usa", at=utc("2026-03-03T14:29"), session_date=date(2026, 3, 3))

    assert told["settled"]["2026-03-02"]["at"] == "2026-03-02T22:00:00+00:00"
    assert (row("SPY").session_close, row("SPY").outcome, row("IBM").outcome) == (107, "WORKED", "NEUTRAL")
    assert close(CLOSE + timedelta(hours=1)) == {"already": "2026-03-02T22:00:00+00:00"}


@pytest.mark.parametrize("graded", [True, False])
def test_a_close_that_an_override_brought_forward_for_a_while_is_captured_again_before_the_next_open(
    script: Script, graded: bool
) -> None:
    noon = utc("2026-03-02T17:00")
    override(close="12:00")
    early = quotes(ns("2026-03-02T18:00"), around("SPY", T0 + MINUTE, 104.0), around("IBM", ns("2026-03-02T17:30"), 90))
    script.append(early)
    capture_close(market="usa", at=noon, session_date=DAY, patience=NOW)
    assert (outcomes()["SPY"], outcomes()["IBM"], row("SPY").close_24h) == ("NEUTRAL", "NEUTRAL", 104)
    Override.objects.all().delete()
    registry.forget()

    script.append(quotes(ns("2026-03-02T19:00"), around("SPY", ns("2026-03-02T18:30"), 106.0)))
    afternoon: dict[str, Any] = {"market": "usa", "at": utc("2026-03-02T19:00"), "session_date": DAY}
    if graded:
        assert grade_open(**afternoon)["decided"] == {"SPY": "WORKED", "IBM": "WORKED"}
        closed_bars.flush(market="us_equities", at=afternoon["at"])
        assert update_market_metrics(**afternoon)["rows"] == 2
        assert (row("SPY").session_high, row("IBM").session_low) == (106, 90)
    script.append(quotes(T1, around("SPY", T1 - SECOND, 105.0)))
    following = {"at": utc("2026-03-03T14:29"), "session_date": date(2026, 3, 3)}
    told = store_track_records(market="usa", **following)
    update_rolling_24h(market="us_equities", at=following["at"])

    assert told["settled"]["2026-03-02"]["at"] == CLOSE.isoformat()
    assert SessionCapture.objects.get().closed_at == CLOSE
    assert (outcomes()["SPY"], outcomes()["IBM"]) == ("WORKED", "WORKED")
    assert row("SPY").touched_at == utc("2026-03-02T18:30")
    assert (row("SPY").session_close, row("SPY").session_high, row("SPY").close_24h) == (105, 106, 105)
    assert Backtest.objects.get(symbol="SPY").figures["buy_worked"] == 1
    assert "settled" not in store_track_records(market="usa", **following)


def test_a_session_that_is_called_off_ends_with_that_bell(script: Script) -> None:
    trade_the_day(script)
    override(closed=True)
    off = utc("2026-03-02T15:00")
    market = Market.objects.get(key="usa")
    Transition.objects.create(market=market, session_date=DAY, kind="called_off", phase="closed", at=off)

    assert close(utc("2026-03-02T15:05"))["at"] == off.isoformat()
    assert (row("SPY").session_close, row("SPY").session_high) == (104, 104)


def test_a_session_that_vanished_without_a_bell_ends_where_it_was_judged(script: Script) -> None:
    script.append(quotes(T0 + MINUTE, around("SPY", T0 + SECOND, 104.0)))
    grade_open(market="usa", at=OPEN + timedelta(seconds=60))
    override(closed=True)

    assert close(utc("2026-03-02T15:05"))["at"] == (OPEN + timedelta(minutes=1)).isoformat()
    assert outcomes()["SPY"] == "NEUTRAL"


def test_a_market_without_close_capture_ends_its_grades_only(script: Script) -> None:
    trade_the_day(script)
    Market.objects.filter(key="usa").update(capture_close=False)
    registry.forget()

    assert close() == {"at": CLOSE.isoformat(), "decided": {"SPY": "NEUTRAL", "IBM": "NEUTRAL"}}
    assert (row("SPY").session_close, SessionCapture.objects.get().closed_at) == (None, None)
    assert settle_before(market="usa", session_date=DAY + timedelta(days=1)) == {}


def test_a_half_day_closes_at_its_own_bell(store: redis.Redis) -> None:
    watch("SPY", previous="103")
    opened, closed = utc("2026-11-27T14:30"), utc("2026-11-27T18:00")
    first = round(opened.timestamp()) * SECOND
    script = Script(store)
    script.append(quotes(first, around("SPY", first - SECOND, 103.0)))
    capture_open(market="usa", at=opened, patience=NOW)
    script.append(quotes(first + 4 * 60 * MINUTE, around("SPY", first + MINUTE, 104.0)))

    assert close(closed, date(2026, 11, 27))["at"] == closed.isoformat()
    assert (row("SPY").session_close, row("SPY").outcome) == (104, "NEUTRAL")


def test_new_york_freezes_the_24_hours_and_tells_its_captures(script: Script) -> None:
    trade_the_day(script)

    told = capture_close(market="usa", at=CLOSE, session_date=DAY, patience=NOW)

    assert told["rolling_24h"]["finalized"] == 3
    rolling = TwentyFourHour.objects.get(instrument__symbol="SPY")
    assert (rolling.finalized, rolling.last, row("SPY").close_24h) == (True, 104, 104)


def test_the_track_record_is_stored_for_every_symbol_and_the_total(script: Script) -> None:
    script.append(quotes(T1, around("SPY", T0 + SECOND, 106.0)))
    close()
    at = utc("2026-03-03T14:29")

    told = store_track_records(market="usa", at=at, session_date=date(2026, 3, 3))

    assert told == {"session": "2026-03-03", "as_of": "2026-03-03T14:30:00+00:00", "symbols": 4}
    assert store_track_records(market="usa", at=at) == told
    found = {one.symbol: one for one in Backtest.objects.all()}
    assert set(found) == {"SPY", "IBM", "YM", "TOTAL"}
    assert {len(one.figures) for one in found.values()} == {17}
    assert found["SPY"].figures["buy_worked_percentage"] == 100.0
    assert found["SPY"].as_of == utc("2026-03-03T14:30")


def test_the_capture_keeps_the_record_that_was_stored_before_it(script: Script) -> None:
    script.append(quotes(T1, around("SPY", T0 + SECOND, 106.0)))
    close()
    following = date(2026, 3, 3)
    store_track_records(market="usa", at=utc("2026-03-03T14:29"), session_date=following)
    Backtest.objects.filter(symbol="IBM").delete()
    at = ns("2026-03-03T14:30")
    script.append(quotes(at, around("SPY", at - SECOND, 103.0)))

    capture_open(market="usa", at=utc("2026-03-03T14:30"), session_date=following, patience=NOW)

    assert row("SPY").backtest == Backtest.objects.get(symbol="SPY").figures
    assert (row("SPY").number, row("SPY").backtest["buy_worked"]) == (2, 1)
    assert len(row("IBM").backtest) == 17
    assert row("TOTAL").backtest["hold"] == 1


@pytest.mark.parametrize("is_stored_before", [True, False])
def test_the_record_of_a_capture_does_not_depend_on_the_job_before_it(script: Script, is_stored_before: bool) -> None:
    following, at = date(2026, 3, 3), ns("2026-03-03T14:30")
    if is_stored_before:
        store_track_records(market="usa", at=utc("2026-03-03T14:29"), session_date=following)
    script.append(quotes(T1, around("SPY", T0 + SECOND, 106.0)))
    script.append(quotes(at, around("SPY", at - SECOND, 103.0)))

    capture_open(market="usa", at=utc("2026-03-03T14:30"), session_date=following, patience=NOW)

    assert (row("SPY").number, row("SPY").backtest["buy_worked"]) == (2, 1)


@pytest.mark.parametrize("seen_before", [True, False])
def test_a_session_of_which_ticks_are_missing_is_incomplete_whoever_met_the_gap(
    script: Script, store: redis.Redis, seen_before: bool
) -> None:
    script.append(quotes(T0 + MINUTE, around("SPY", T0 + SECOND, 104.0)))
    if seen_before:
        grade_open(market="usa", at=OPEN)
    store.xdel(keys.stream("us_equities"), trade_unseen(script))
    script.append(quotes(T1, around("SPY", T1 - MINUTE, 104.0)))
    if seen_before:
        assert grade_open(market="usa", at=CLOSE - timedelta(seconds=1))["gaps"] == {"us_equities": 1}

    assert close()["incomplete"] is True
    assert close()["incomplete"] is True
    assert SessionCapture.objects.get().incomplete


def trade_unseen(script: Script) -> str:
    """Trade SPY and return the entry of the stream that says so."""
    script.append(quotes(T0 + 3 * MINUTE, around("SPY", T0 + 2 * MINUTE, 106.0)))
    ((entry, _),) = script.client.xrevrange(keys.stream("us_equities"), count=1)
    return entry
