"""The track record of signals, in seventeen figures."""

from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from thor.marketdata.backtests import track_records
from thor.marketdata.models import Capture, SessionCapture

pytestmark = pytest.mark.django_db

OPEN = datetime.fromisoformat("2026-03-02T14:30+00:00")
NAMES = {
    f"{signal}_{what}"
    for signal in ("strong_buy", "buy", "sell", "strong_sell")
    for what in ("worked", "worked_percentage", "didnt_work", "didnt_work_percentage")
} | {"hold"}


def captured(days_ago: int, *rows: tuple[str, str, str], market: str = "usa", at: timedelta = timedelta(0)) -> None:
    session = SessionCapture.objects.create(
        market=market,
        session_date=date(2026, 3, 2) - timedelta(days=days_ago),
        opens_at=OPEN - timedelta(days=days_ago),
        captured_at=OPEN - timedelta(days=days_ago) + at,
    )
    for symbol, signal, outcome in rows:
        Capture.objects.create(session=session, symbol=symbol, number=1, signal=signal, outcome=outcome)


def test_two_of_three_worked() -> None:
    captured(3, ("YM", "BUY", "WORKED"), ("ES", "BUY", "DIDNT_WORK"))
    captured(2, ("YM", "BUY", "WORKED"), ("ES", "HOLD", "NEUTRAL"))
    captured(1, ("YM", "BUY", "DIDNT_WORK"), ("ES", "HOLD", "NEUTRAL"))

    found = track_records("usa", OPEN, ["YM", "ES"])

    assert set(found["YM"]) == NAMES
    assert len(NAMES) == 17
    assert {name: value for name, value in found["YM"].items() if value} == {
        "buy_worked": 2,
        "buy_worked_percentage": 66.6667,
        "buy_didnt_work": 1,
        "buy_didnt_work_percentage": 33.3333,
    }
    assert {name: value for name, value in found["ES"].items() if value} == {
        "buy_didnt_work": 1,
        "buy_didnt_work_percentage": 100.0,
        "hold": 2,
    }


def test_neutral_and_pending_count_neither_way() -> None:
    captured(2, ("YM", "STRONG_SELL", "NEUTRAL"), ("ES", "SELL", "PENDING"))
    captured(1, ("YM", "STRONG_SELL", "WORKED"))

    found = track_records("usa", OPEN, ["YM", "ES"])

    assert (found["YM"]["strong_sell_worked"], found["YM"]["strong_sell_worked_percentage"]) == (1, 100.0)
    assert not any(found["ES"].values())


def test_only_what_was_captured_strictly_before_counts() -> None:
    captured(0, ("YM", "BUY", "WORKED"))
    captured(1, ("YM", "BUY", "WORKED"), at=timedelta(hours=23, minutes=59))

    assert track_records("usa", OPEN, ["YM"])["YM"]["buy_worked"] == 1
    assert track_records("usa", OPEN + timedelta(microseconds=1), ["YM"])["YM"]["buy_worked"] == 2


def test_markets_have_records_of_their_own() -> None:
    captured(1, ("YM", "BUY", "WORKED"), market="japan")

    assert not any(track_records("usa", OPEN, ["YM"])["YM"].values())


def test_without_a_history_every_figure_is_zero() -> None:
    assert track_records("usa", OPEN, ["YM"]) == {"YM": dict.fromkeys(NAMES, 0)}


def test_all_symbols_take_one_query() -> None:
    captured(1, *((f"S{number}", "BUY", "WORKED") for number in range(50)))

    with CaptureQueriesContext(connection) as queries:
        found = track_records("usa", OPEN, [f"S{number}" for number in range(60)])

    assert len(queries) == 1
    assert sum(row["buy_worked"] for row in found.values()) == 50
