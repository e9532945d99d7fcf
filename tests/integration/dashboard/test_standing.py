"""What the page shows of markets that go by a broker's clock."""

import html
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests.integration.dashboard.rows import TUESDAY
from thor.markets import broker_clock, registry, standing_readings
from thor.markets.models import ClockReading, Market
from thor.markets.sessions import sessions_of
from thor.timing import ManualClock
from thor.trading.alpaca_clock import AlpacaClock


@pytest.fixture
def usa(db: None) -> Iterator[Market]:
    """Let New York go by a broker's clock that nobody has asked."""
    broker_clock.connect(AlpacaClock("http://127.0.0.1:9", "key", "secret"))
    standing_readings.forget_readings()
    Market.objects.filter(key="usa").update(clock_source="broker")
    registry.forget()
    yield Market.objects.get(key="usa")
    broker_clock.connect(None)
    standing_readings.forget_readings()


def line(client: Client, address: str = "/live/") -> str:
    """Return the words of the line about New York, or nothing."""
    page = client.get(address).content.decode()
    found = re.search(r'<p[^>]*data-market="usa".*?</p>', page, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", found[0])).split()) if found else ""


def answer(row: Market, **changes: Any) -> None:
    """Write down what the broker's clock says: the truth of that Tuesday, changed."""
    session = sessions_of("usa").around(TUESDAY, TUESDAY + timedelta(hours=8))
    now = next(one for one in session if one.open <= TUESDAY < one.close)
    after = next(one for one in session if one.open > TUESDAY)
    values: dict[str, Any] = {
        "asked_at": TUESDAY,
        "answered_at": TUESDAY,
        "is_open": True,
        "opens_at": after.open,
        "closes_at": now.close,
        "day": now.date,
        "day_open": now.open,
        "day_close": now.close,
    }
    ClockReading.objects.create(market=row, **{**values, **changes})


def test_a_market_that_goes_by_its_calendar_has_no_such_line(trader: Client) -> None:
    assert line(trader) == ""


@pytest.mark.parametrize("address", ["/", "/live/"])
def test_a_clock_that_has_not_answered_is_said(trader: Client, usa: Market, address: str) -> None:
    words = line(trader, address)

    assert "unknown, so not open" in words
    assert words.endswith("By the broker: the broker's clock has not answered yet.")


def test_two_witnesses_that_agree_are_open(trader: Client, usa: Market) -> None:
    answer(usa)

    assert line(trader) == "New York, for entries: open. By the broker."


def test_witnesses_that_disagree_are_said_with_both_hours(trader: Client, usa: Market) -> None:
    early: datetime = TUESDAY + timedelta(hours=3)
    answer(usa, day_close=early, closes_at=early)

    words = line(trader)

    assert "closed, since the witnesses disagree" in words
    assert "the broker has 09:30 to 13:00, the calendar 09:30 to 16:00" in words


@pytest.mark.parametrize(("is_told", "doubt"), [(False, "1.0"), (True, "0.0")])
def test_prometheus_is_told_which_markets_are_in_doubt(
    client: Client, usa: Market, monkeypatch: pytest.MonkeyPatch, is_told: bool, doubt: str
) -> None:
    monkeypatch.setattr("thor.dashboard.metrics.process_clock", lambda: ManualClock(TUESDAY))
    if is_told:
        answer(usa)

    figures = client.get("/metrics").content.decode()

    assert re.findall(r"^thor_market_in_doubt.*", figures, re.MULTILINE) == [
        f'thor_market_in_doubt{{market="usa"}} {doubt}'
    ]
