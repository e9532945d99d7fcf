"""A close that other hours have moved: the session ends where the calendar says by now, and what was touched stays."""

from datetime import date, timedelta
from typing import Any

import pytest
import redis

from tests.integration.marketdata.closing import NOW, D, captured_open, close, override, trade_the_day
from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.opening import CLOSE, DAY, OPEN, SECOND, T0, T1, around, outcomes, quotes, row
from tests.integration.marketdata.publishing import Script
from thor.marketdata.bars import MINUTE
from thor.marketdata.models import Backtest, SessionCapture
from thor.marketdata.services import closed_bars
from thor.marketdata.services.market_close_capture import capture_close
from thor.marketdata.services.market_metrics import update_market_metrics
from thor.marketdata.services.market_open_grading import grade_open
from thor.marketdata.services.preopen_backtest import store_track_records
from thor.marketdata.services.rolling_24h import update_rolling_24h
from thor.markets import registry
from thor.markets.models import Market, Override, Transition

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def script(store: redis.Redis) -> Script:
    return captured_open(store)


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


@pytest.mark.parametrize("looked", [True, False], ids=["graded meanwhile", "no pass until then"])
def test_a_close_that_moved_back_is_captured_again_by_the_pass_at_that_bell(script: Script, looked: bool) -> None:
    trade_the_day(script)
    close()
    override(close="17:00")
    bell = CLOSE + timedelta(hours=1)
    script.append(quotes(T1 + 30 * MINUTE, around("SPY", T1 + MINUTE, 107.0), around("IBM", T1 + MINUTE, 94.0)))
    if looked:
        halfway = bell - timedelta(minutes=30)
        assert grade_open(market="usa", at=halfway, session_date=DAY)["decided"] == {"SPY": "WORKED"}
    assert row("SPY").session_close == 104
    script.append(quotes(T1 + 60 * MINUTE, around("IBM", T1 + 59 * MINUTE, 94.2)))

    told = grade_open(market="usa", at=bell, session_date=DAY)

    assert told["at"] == bell.isoformat()
    assert SessionCapture.objects.get().closed_at == bell
    assert (row("SPY").session_close, row("IBM").session_close) == (107, D("94.2"))
    assert (row("SPY").outcome, row("IBM").outcome) == ("WORKED", "NEUTRAL")
    assert grade_open(market="usa", at=bell, session_date=DAY) == {"pending": 0}
    assert close(bell) == {"already": bell.isoformat()}


def test_the_pass_at_the_bell_captures_no_close_that_was_not_captured_before(script: Script) -> None:
    trade_the_day(script)

    told = grade_open(market="usa", at=CLOSE, session_date=DAY)

    assert told["pending"] > 0
    assert SessionCapture.objects.get().closed_at is None


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
