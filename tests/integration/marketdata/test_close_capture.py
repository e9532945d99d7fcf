"""A close writes the figures of its session once every tick is in, and ends what is pending."""

from datetime import date, timedelta
from typing import Any

import pytest
import redis
from django.forms import model_to_dict

from tests.integration.marketdata.closing import NOW, D, captured_open, close, trade_the_day
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
from thor.marketdata.services.market_close_capture import capture_close, settle_before
from thor.marketdata.services.market_open_capture import capture_open
from thor.marketdata.services.market_open_grading import grade_open
from thor.marketdata.services.preopen_backtest import store_track_records
from thor.markets import registry
from thor.markets.models import Market

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def script(store: redis.Redis) -> Script:
    return captured_open(store)


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
