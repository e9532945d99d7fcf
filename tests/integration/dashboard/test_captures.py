"""The page of captures, and what the live page shows of market data."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
import redis
from django.test import Client

from tests.integration.dashboard.captured import (
    OPEN,
    TODAY,
    capture_day,
    capture_row,
    capture_session,
    incident,
    quote,
)
from tests.integration.dashboard.rows import TUESDAY, make_bars
from thor.dashboard.now import Now
from thor.dashboard.opens import opened
from thor.marketdata.models import Instrument, SessionCapture
from thor.marketdata.selectors import FeedStatus
from thor.marketdata.silence import FeedSilent
from thor.markets.models import Market

pytestmark = pytest.mark.django_db


def page(trader: Client, query: str = "", status: int = 200) -> str:
    answer = trader.get(f"/captures/{query}")
    assert answer.status_code == status
    return answer.content.decode()


def test_a_log_in_is_needed_and_nothing_can_be_written(trader: Client) -> None:
    assert Client().get("/captures/").status_code == 302
    assert trader.post("/captures/").status_code == 405


def test_without_captures_it_says_so(trader: Client) -> None:
    found = page(trader)

    assert "Nothing captured yet: Tokyo, Shanghai" in found
    assert "none yet" in found


def test_trades_show_signal_entry_targets_and_how_they_ended(trader: Client) -> None:
    capture_day()
    make_bars("ES", 5, until=OPEN)

    found = page(trader)

    assert "strong buy" in found
    assert "5,627.50" in found
    assert "5,652.50" in found
    assert "SIMULATED" in found
    assert "1 worked · 1 didn't · 1 neutral · 2 pending" in found
    # The time of the touch is that of the market, with UTC in its title.
    assert 'target 40,200 at <time datetime="2024-07-09T13:37:00+00:00" title="2024-07-09 13:37:00 UTC">09:37' in found
    assert "not of today" not in found
    assert "sum 4, average 7.125" in found


def test_a_short_trade_has_its_target_below(trader: Client) -> None:
    session = capture_session()
    capture_row(session, "ES", signal="SELL", target_high=Decimal(5652), target_low=Decimal(5602))

    (one,) = opened(Now(TUESDAY, TUESDAY))

    assert (one.trades[0].target, one.trades[0].stop) == (Decimal(5602), Decimal(5652))


def test_what_is_late_incomplete_or_not_of_today_says_so(trader: Client) -> None:
    capture_session("usa", TODAY - timedelta(days=1), late=True, incomplete=True, closed_at=OPEN)

    found = page(trader)

    for said in (">late<", ">incomplete<", ">not of today<", "Closed: figures as of"):
        assert said in found


def test_another_date_can_be_asked_for(trader: Client) -> None:
    capture_day(day=TODAY - timedelta(days=1), opens_at=OPEN - timedelta(days=1))
    capture_day()

    found = page(trader, "?date=2024-07-08")

    assert '<time datetime="2024-07-08">2024-07-08</time>' in found
    assert "/captures/?date=2024-07-07" in found
    assert found.count('class="panel captured"') == 1
    assert "Nothing captured on this date" in page(trader, "?date=2024-07-01")
    assert "The date cannot be used: &#x27;tomorrow&#x27; is no date" in page(trader, "?date=tomorrow", 400)


def test_the_live_page_shows_quotes_captures_and_incidents(
    trader: Client, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    quote(redis_client)
    capture_day()
    incident("bad_price", symbol="ES", count=7, detail="price -1 at 13:59")
    incident()
    status = FeedStatus("globex", "SIMULATED", TUESDAY, timedelta(seconds=1), 100, 3)
    monkeypatch.setattr("thor.marketdata.selectors.feed_status", lambda: [status])

    found = trader.get("/live/").content.decode()

    assert "5,625.25" in found
    assert "+4.75 (0.08 %)" in found
    assert 'href="/captures/#usa"' in found
    assert "price not above zero, or no number: dropped" in found
    assert "×7" in found
    assert "price -1 at 13:59" in found
    # An incident says that the venue is silent, although the feed still publishes watermarks.
    assert 'silent since <time datetime="2024-07-09T13:30:00+00:00"' in found
    assert "has never published" in found


def test_more_incidents_than_there_is_room_for_are_counted(trader: Client) -> None:
    for number in range(11):
        incident("jump", symbol=f"S{number}")

    assert "And 3 more" in trader.get("/live/").content.decode()


def test_the_page_asks_a_bounded_number_of_questions(
    trader: Client, django_assert_max_num_queries: "Iterator[None]"
) -> None:
    for market in Market.objects.filter(role="control"):
        capture_day(market.key)
    assert SessionCapture.objects.count() == 9
    assert Instrument.objects.filter(captured=True).count() == 11
    trader.get("/captures/")

    with django_assert_max_num_queries(12):  # type: ignore[operator]
        page(trader)


def test_a_feed_whose_position_stands_still_is_silent_before_anybody_noted_it(
    trader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = FeedStatus("globex", "SIMULATED", OPEN, timedelta(seconds=1), 100, 3)
    monkeypatch.setattr("thor.marketdata.selectors.feed_status", lambda: [status])
    monkeypatch.setattr("thor.dashboard.feeds.silences", lambda at: [FeedSilent("globex", OPEN)])

    assert 'silent since <time datetime="2024-07-09T13:30:00+00:00"' in trader.get("/live/").content.decode()
    assert trader.get("/api/v1/feeds").json()["feeds"][0]["silent_since"] == "2024-07-09T13:30:00Z"
