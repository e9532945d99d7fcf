"""What the API says of market data, checked against the document that it serves of itself."""

from datetime import date, timedelta
from typing import Any

import pytest
import redis
from django.test import Client
from openapi_spec_validator import validate

from tests.integration.dashboard.captured import (
    OPEN,
    TODAY,
    capture_day,
    capture_row,
    capture_session,
    day,
    extreme,
    incident,
    quote,
)
from tests.integration.dashboard.promised import V1, ask
from tests.integration.dashboard.rows import TUESDAY, make_bars
from thor.marketdata.models import Capture, Instrument, VwapSample
from thor.marketdata.selectors import FeedStatus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "redis_client")]
QUESTIONS: list[tuple[str, dict[str, str]]] = [
    ("/instruments", {}),
    ("/instruments", {"venue": "globex", "kind": "future", "active": "true", "limit": "3"}),
    ("/quotes/latest", {}),
    ("/quotes/latest", {"symbol": "/es", "venue": "globex"}),
    ("/quotes/snapshot", {"symbols": "YM,ES"}),
    ("/quotes/ribbon", {}),
    ("/market-opens", {}),
    ("/market-opens", {"market": "usa", "outcome": "WORKED", "date": "2024-07-09", "symbol": "YM"}),
    ("/market-opens/today", {}),
    ("/market-opens/latest", {}),
    ("/market-opens/pending", {"market": "usa"}),
    ("/market-opens/stats", {"market": "usa", "symbol": "TOTAL"}),
    ("/captured-sessions", {}),
    ("/captured-sessions", {"market": "usa", "date": "2024-07-09"}),
    ("/bars", {"symbol": "SPY"}),
    ("/bars", {"symbol": "SPY", "from": "2024-07-09T13:00:00Z", "to": "2024-07-09T14:00:00Z", "limit": "7"}),
    ("/vwap", {"symbol": "SPY"}),
    ("/vwap", {"symbol": "SPY", "window": "5"}),
    ("/vwap", {"symbol": "SPY", "from": "2024-07-09T13:00:00Z", "to": "2024-07-09T14:00:00Z"}),
    ("/week52", {}),
    ("/week52", {"symbol": "ES"}),
    ("/rolling-24h", {}),
    ("/rolling-24h", {"symbol": "ES", "date": "2024-07-09"}),
    ("/feeds", {}),
    ("/incidents", {}),
    ("/incidents", {"venue": "globex", "kind": "silent", "open": "true"}),
]
#: The addresses that a document of market data has, with what it answers where nothing has happened yet.
EMPTY: dict[str, Any] = {
    "/quotes/latest": {"rows": [], "total": 0, "next": None},
    "/quotes/ribbon": {"symbols": [], "count": 0, "last_updated": None},
    "/market-opens": {"rows": [], "count": 0, "next": None},
    "/market-opens/today": {"rows": [], "count": 0, "next": None},
    "/market-opens/latest": {"markets": [], "count": 0},
    "/market-opens/pending": {"rows": [], "count": 0, "next": None},
    "/captured-sessions": {"rows": [], "count": 0, "next": None},
    "/week52": {"rows": [], "count": 0, "next": None},
    "/rolling-24h": {"rows": [], "count": 0, "next": None},
    "/incidents": {"rows": [], "count": 0, "next": None},
}


@pytest.fixture
def whole(db: None, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given something of everything."""
    for symbol in ("ES", "YM", "GC"):
        quote(redis_client, symbol)
    quote(redis_client, "SPY", venue="us_equities", source="ALPACA", last=554.5, at="2024-07-09T13:59:58.123456+00:00")
    capture_day()
    make_bars("SPY", 90)
    make_bars("ES", 60, until=OPEN)
    extreme()
    day()
    incident()
    incident("bad_price", symbol="ES", count=7, detail="price -1")
    status = FeedStatus("globex", "SIMULATED", TUESDAY, timedelta(seconds=42), 100, 3)
    monkeypatch.setattr("thor.marketdata.selectors.feed_status", lambda: [status])


@pytest.mark.parametrize(("path", "parameters"), QUESTIONS)
def test_every_answer_is_as_the_document_promises(
    client: Client, whole: None, path: str, parameters: dict[str, str]
) -> None:
    assert ask(client, path, **parameters)


def test_the_document_with_all_of_it_is_valid(client: Client) -> None:
    document = client.get(f"{V1}/openapi.json").json()

    validate(document)
    named = {path for path, _ in QUESTIONS} | {"/market-opens/{id}"}
    assert {f"{V1}{path}" for path in named} <= set(document["paths"])


@pytest.mark.parametrize("path", EMPTY)
def test_without_rows_the_answers_are_empty(client: Client, path: str) -> None:
    assert ask(client, path) == EMPTY[path]


def test_figures_without_rows_are_unknown(client: Client) -> None:
    stats = ask(client, "/market-opens/stats")
    assert stats["all"] == {
        "total": 0, "worked": 0, "didnt_work": 0, "neutral": 0, "pending": 0, "win_rate": None
    }  # fmt: skip
    assert (stats["markets"], stats["since"]) == ([], "2024-07-03")
    assert ask(client, "/bars", symbol="ES")["bars"] == []
    vwap = ask(client, "/vwap", symbol="ES")
    assert (vwap["session"]["vwap"], vwap["rolling"]["vwap"]) == (None, None)
    assert ask(client, "/quotes/snapshot", symbols="ES") == {
        "quotes": [], "count": 0, "source": "redis_snapshot", "missing": ["ES"]
    }  # fmt: skip


def test_feeds_that_never_published_are_absent(client: Client) -> None:
    found = ask(client, "/feeds")

    assert [(one["venue"], one["status"], one["published"]) for one in found["feeds"]] == [
        ("globex", "absent", None),
        ("us_equities", "absent", None),
        ("crypto", "absent", None),
    ]


def test_a_row_of_quotes_has_everything_that_follows_from_it(client: Client, redis_client: redis.Redis) -> None:
    quote(redis_client)
    extreme()
    day()

    found = ask(client, "/quotes/latest", symbol="es")

    (row,) = found["rows"]
    assert (found["total"], row["simulated"], row["timestamp"]) == (1, True, "2024-07-09T14:00:00Z")
    assert row["instrument"]["exchange"] == "globex"
    assert row["instrument"]["tick_size"] == "0.25"
    assert (row["price"], row["last"], row["close_price"], row["previous_close"]) == (
        "5625.25", "5625.25", "5620.5", "5620.5"
    )  # fmt: skip
    # The source says no open, high and low: they are those of the 24-hour session.
    assert (row["open_price"], row["high_price"], row["low_price"]) == ("5622", "5632", "5612")
    assert (row["change"], row["change_percent"], row["spread"]) == ("4.75", "0.0845", "0.5")
    assert row["range"] == {"diff": "20", "pct": "0.3558"}
    assert row["above_low_52w"] == {"diff": "1503.25", "pct": "36.4689"}
    assert row["below_high_52w"] == {"diff": "74.75", "pct": "1.3114"}
    assert row["extended_data"] == {
        "high_52w": "5700", "low_52w": "4122", "signal": "BUY",
        "stat_value": "1", "signal_weight": 1, "contract_weight": "6",
    }  # fmt: skip


def test_a_source_that_knows_its_day_is_believed(client: Client, redis_client: redis.Redis) -> None:
    quote(redis_client, open=5601.0, high=5640.25, low=5600.5, high_52w=9999.0, low_52w=1.0)
    day()

    (row,) = ask(client, "/quotes/latest", symbol="ES")["rows"]

    assert (row["open_price"], row["high_price"], row["low_price"]) == ("5601", "5640.25", "5600.5")
    # Without extremes of our own those of the source stand.
    assert (row["extended_data"]["high_52w"], row["extended_data"]["low_52w"]) == ("9999", "1")


def test_quotes_are_in_the_order_of_lists_and_come_in_pages(client: Client, whole: None) -> None:
    found = ask(client, "/quotes/latest", limit="2")
    assert [row["instrument"]["symbol"] for row in found["rows"]] == ["YM", "ES"]
    assert found["total"] == 4

    behind = client.get(found["next"]).json()

    assert [row["instrument"]["symbol"] for row in behind["rows"]] == ["GC", "SPY"]
    assert behind["next"] is None
    assert [row["simulated"] for row in behind["rows"]] == [True, False]


def test_snapshots_are_what_the_feed_wrote(client: Client, whole: None) -> None:
    found = ask(client, "/quotes/snapshot", symbols="spy, /ES,ES,NQ")

    assert [one["symbol"] for one in found["quotes"]] == ["SPY", "ES"]
    assert (found["count"], found["source"], found["missing"]) == (2, "redis_snapshot", ["NQ"])
    spy = found["quotes"][0]
    assert (spy["last"], spy["at"], spy["simulated"]) == ("554.5", "2024-07-09T13:59:58.123456Z", False)
    assert spy["open"] is None


def test_the_ribbon_is_what_is_marked_for_it(client: Client, whole: None) -> None:
    Instrument.objects.filter(symbol="GC").update(active=False)

    found = ask(client, "/quotes/ribbon")

    assert [one["symbol"] for one in found["symbols"]] == ["YM", "ES"]
    assert (found["count"], found["last_updated"]) == (2, "2024-07-09T14:00:00Z")


def test_captured_rows_are_listed_newest_first_and_filtered(client: Client) -> None:
    capture_day(day=date(2024, 7, 8), opens_at=OPEN - timedelta(days=1))
    capture_day("japan", opens_at=OPEN - timedelta(hours=13))
    capture_day()

    found = ask(client, "/market-opens")
    dates = [(row["session"]["session_date"], row["session"]["market"]) for row in found["rows"]]
    assert list(dict.fromkeys(dates)) == [("2024-07-09", "japan"), ("2024-07-09", "usa"), ("2024-07-08", "usa")]
    assert [row["symbol"] for row in found["rows"][:5]] == ["ES", "YM", "NQ", "GC", "TOTAL"]
    worked = ask(client, "/market-opens", outcome="WORKED", market="usa", date="2024-07-09")
    assert [(row["symbol"], row["touched"], row["touched_at"]) for row in worked["rows"]] == [
        ("YM", "TARGET", "2024-07-09T13:37:00Z")
    ]
    totals = ask(client, "/market-opens", symbol="TOTAL", market="japan")
    assert [(row["weighted_sum"], row["weighted_average"], row["weight"]) for row in totals["rows"]] == [
        ("1234.5", "7.125", 4)
    ]


def test_pages_of_captured_rows_neither_repeat_nor_hide_one(client: Client) -> None:
    for back in range(4):
        capture_day(day=TODAY - timedelta(days=back), opens_at=OPEN - timedelta(days=back))
    address, seen = f"{V1}/market-opens?limit=3", []

    while address:
        page = client.get(address).json()
        seen += [row["id"] for row in page["rows"]]
        address = page["next"]
        # A session that is captured meanwhile stands before what has been read.
        if len(seen) == 3:
            capture_day("canada")

    known = set(Capture.objects.filter(session__market="usa").values_list("pk", flat=True))
    assert len(seen) == len(set(seen))
    assert known <= set(seen)


def test_one_captured_row_is_found_by_its_key(client: Client) -> None:
    row = capture_row(capture_session())
    make_bars("ES", 5, until=OPEN)

    found = client.get(f"{V1}/market-opens/{row.pk}")

    assert found.status_code == 200
    said = found.json()
    assert (said["id"], said["symbol"], said["signal"], said["entry"]) == (row.pk, "ES", "STRONG_BUY", "5627.5")
    assert said["session"]["sources"] == ["simulated"]
    assert said["session"]["simulated"]
    assert said["backtest"] == {"hold": 3, "buy_worked": 2, "buy_worked_percentage": 66.6667}
    for wrong, status in ((row.pk + 1, 404), (10**30, 404), ("moon", 400)):
        answer = client.get(f"{V1}/market-opens/{wrong}")
        assert answer.status_code == status, wrong
        assert answer.json()["error"].endswith(".")


def test_today_is_the_date_of_each_market(client: Client, clock: Any) -> None:
    # At 15:30 UTC it is half past midnight of the next day in Tokyo.
    clock.advance(timedelta(hours=1, minutes=30))
    capture_row(capture_session("usa", TODAY))
    capture_row(capture_session("japan", TODAY))
    capture_row(capture_session("japan", TODAY + timedelta(days=1), OPEN + timedelta(hours=11)))

    found = ask(client, "/market-opens/today")

    assert [(row["session"]["market"], row["session"]["session_date"]) for row in found["rows"]] == [
        ("japan", "2024-07-10"),
        ("usa", "2024-07-09"),
    ]


def test_the_newest_session_of_each_control_market_has_all_its_rows(client: Client) -> None:
    capture_day(day=date(2024, 7, 5), opens_at=OPEN - timedelta(days=4))
    capture_day()
    capture_day("japan", day=date(2024, 7, 8), opens_at=OPEN - timedelta(days=1))
    capture_session("us_equities")  # a venue captures nothing

    found = ask(client, "/market-opens/latest")

    assert [(one["session"]["market"], one["session"]["session_date"]) for one in found["markets"]] == [
        ("japan", "2024-07-08"),
        ("usa", "2024-07-09"),
    ]
    assert found["count"] == 10
    assert [row["symbol"] for row in found["markets"][1]["rows"]] == ["ES", "YM", "NQ", "GC", "TOTAL"]


def test_pending_rows_are_those_that_are_not_decided(client: Client) -> None:
    capture_day()
    capture_day("japan")

    assert [row["symbol"] for row in ask(client, "/market-opens/pending")["rows"]] == ["ES", "TOTAL"] * 2
    assert len(ask(client, "/market-opens/pending", market="usa")["rows"]) == 2


def test_the_win_rate_is_of_what_was_decided(client: Client) -> None:
    capture_day()
    capture_day("japan")
    for back in (6, 7):
        session = capture_session("usa", TODAY - timedelta(days=back))
        capture_row(session, "CL", outcome="WORKED")

    found = ask(client, "/market-opens/stats")

    assert found["all"] == {
        "total": 12, "worked": 4, "didnt_work": 2, "neutral": 2, "pending": 4, "win_rate": "66.67"
    }  # fmt: skip
    assert [(one["market"], one["total"], one["win_rate"]) for one in found["markets"]] == [
        ("japan", 5, "50"),
        ("usa", 7, "75"),
    ]
    assert (found["since"], found["last_7_days"]["total"]) == ("2024-07-03", 11)
    assert ask(client, "/market-opens/stats", symbol="CL")["all"]["total"] == 2


def test_bars_are_half_open_and_come_in_pages(client: Client) -> None:
    make_bars("SPY", 30)
    asked = {"symbol": "spy", "from": "2024-07-09T13:30:00Z", "to": "2024-07-09T13:40:00Z", "limit": "4"}

    address, pages = f"{V1}/bars", []
    page = ask(client, "/bars", **asked)
    pages.append(page)
    while address := page["next"]:
        page = client.get(address).json()
        pages.append(page)

    assert [one["count"] for one in pages] == [4, 4, 2]
    starts = [bar["start_at"] for one in pages for bar in one["bars"]]
    assert starts == [f"2024-07-09T13:{minute}:00Z" for minute in range(30, 40)]
    assert (pages[0]["symbol"], pages[0]["simulated"], pages[0]["from"]) == ("SPY", True, "2024-07-09T13:30:00Z")
    assert pages[0]["bars"][0]["vwap"].count(".") == 1


def test_the_rolling_price_leaves_out_its_base_and_the_session_weighs_every_bar(client: Client) -> None:
    make_bars("SPY", 10)
    spy = Instrument.objects.get(symbol="SPY")
    for back, price, volume in ((3, 500, 100), (2, 501, 200), (1, 503, 400)):
        VwapSample.objects.create(
            instrument=spy, minute_at=TUESDAY - timedelta(minutes=back), last_price=price,
            cumulative_volume=volume, captured_at=TUESDAY,
        )  # fmt: skip

    found = ask(client, "/vwap", symbol="SPY", window="3")

    assert found["rolling"] == {
        "from": "2024-07-09T13:57:00Z", "to": "2024-07-09T14:00:00Z", "vwap": "502.3333", "window": 3
    }  # fmt: skip
    assert (found["session"]["date"], found["session"]["from"]) == ("2024-07-09", "2024-07-09T08:00:00Z")
    stretch = ask(client, "/vwap", symbol="SPY", from_="2024-07-09T08:00:00Z", to="2024-07-09T14:00:00Z")
    assert stretch["range"]["vwap"] == found["session"]["vwap"] is not None
    assert ask(client, "/vwap", symbol="SPY")["rolling"]["window"] == 30


def test_days_and_extremes_are_filtered_and_paged(client: Client) -> None:
    for symbol in ("ES", "YM", "GC"):
        extreme(symbol)
        for back in range(2):
            day(symbol, TODAY - timedelta(days=back))

    first = ask(client, "/rolling-24h", limit="4")
    second = client.get(first["next"]).json()
    dates = [row["session_date"] for row in first["rows"] + second["rows"]]
    assert dates == ["2024-07-09"] * 3 + ["2024-07-08"] * 3
    assert [row["symbol"] for row in ask(client, "/week52")["rows"]] == ["YM", "ES", "GC"]
    assert [row["symbol"] for row in ask(client, "/week52", venue="us_equities")["rows"]] == []
    assert ask(client, "/rolling-24h", date="2024-07-08", symbol="GC")["rows"][0]["range_percent"] == "0.3557"


def test_a_silent_feed_says_so_with_its_open_incidents(client: Client, whole: None) -> None:
    globex = ask(client, "/feeds")["feeds"][0]

    assert (globex["status"], globex["silent_seconds"], globex["open_incidents"]) == ("silent", 42, 2)
    assert globex["silent_since"] == "2024-07-09T13:30:00Z"
    assert {row["kind"] for row in globex["incidents"]} == {"silent", "bad_price"}
    assert globex["published"]["simulated"]
    kinds = [row["kind"] for row in ask(client, "/incidents", symbol="ES")["rows"]]
    assert kinds == ["bad_price"]
    assert ask(client, "/incidents", open="false")["rows"] == []
