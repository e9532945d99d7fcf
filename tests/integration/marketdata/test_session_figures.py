"""The venue's own sessions rule the figures so far: breaks belong to them, and a venue without a bell has days."""

import pytest
import redis

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.publishing import Script
from thor.marketdata import closed, foldstore
from thor.marketdata.bars import MINUTE
from thor.marketdata.services import intraday
from thor.marketdata.ticks import make

pytestmark = pytest.mark.django_db(transaction=True)


def high(store: redis.Redis, venue: str) -> dict[str, float]:
    table = foldstore.session(store, venue)
    assert table is not None
    return {symbol: row["high"] for symbol, row in table.traded()}


@pytest.mark.parametrize(
    ("venue", "at", "opened"),
    [
        ("us_equities", "2026-03-02T14:30", "2026-03-02T09:00"),
        ("us_equities", "2026-03-03T00:59:59", "2026-03-02T09:00"),
        ("us_equities", "2026-03-03T01:00", None),
        # The clocks of New York change on March 8th.
        ("us_equities", "2026-03-09T08:00", "2026-03-09T08:00"),
        ("globex", "2026-03-02T00:30", "2026-03-01T23:00"),
        ("globex", "2026-03-02T22:30", None),
        ("crypto", "2026-03-02T23:59:59", "2026-03-02T00:00"),
        ("crypto", "2026-03-03T00:00", "2026-03-03T00:00"),
        # Tokyo's lunch belongs to its session.
        ("japan", "2026-03-02T02:45", "2026-03-02T00:00"),
        ("nowhere", "2026-03-02T14:30", None),
    ],
)
def test_a_session_is_known_by_its_open(store: redis.Redis, venue: str, at: str, opened: str | None) -> None:
    assert foldstore.session_open(venue, ns(at)) == (ns(opened) if opened else None)
    # The answer comes from memory the second time, and is the same.
    assert foldstore.session_open(venue, ns(at)) == (ns(opened) if opened else None)


def test_what_was_found_last_does_not_answer_for_another_day(store: redis.Redis) -> None:
    days = ("2026-03-02T12:00", "2026-03-03T12:00", "2026-03-02T12:00", "2026-03-01T12:00")

    found = [foldstore.session_open("crypto", ns(day)) for day in days]

    assert found == [ns(day.replace("T12", "T00")) for day in days]


def test_a_venue_that_never_closes_begins_a_session_at_midnight(store: redis.Redis) -> None:
    midnight = ns("2026-03-03T00:00")
    script = Script(store, venue="crypto")
    script.send(midnight, ("BTCUSD", midnight - 1, 70.0, 1.0))
    intraday.step_once(market="crypto", at=utc("2026-03-03T00:00"))
    assert high(store, "crypto") == {"BTCUSD": 70.0}

    script.send(midnight + MINUTE, ("BTCUSD", midnight, 60.0, 1.0), ("BTCUSD", midnight - 2, 99.0, 1.0))
    intraday.step_once(market="crypto", at=utc("2026-03-03T00:01"))

    assert high(store, "crypto") == {"BTCUSD": 60.0}


def test_a_new_run_of_the_feed_has_a_session_of_its_own(store: redis.Redis) -> None:
    start = ns("2026-03-02T14:30")
    script = Script(store)
    script.send(start + MINUTE, ("SPY", start, 600.0, 1.0))
    intraday.step_once(market="us_equities", at=utc("2026-03-02T14:31"))
    script.run = "another"
    script.send(start + MINUTE, ("IBM", start, 250.0, 1.0))
    intraday.step_once(market="us_equities", at=utc("2026-03-02T14:31"))

    assert high(store, "us_equities") == {"IBM": 250.0}


def test_without_a_tick_there_is_no_session(store: redis.Redis) -> None:
    assert foldstore.session(store, "us_equities") is None
    assert foldstore.open_minutes(store, "us_equities") == {}


@pytest.mark.parametrize(
    ("last", "traded"),
    [(999_900.0, 25.0), (300.0, 325.0)],
    ids=["a source that takes a trade back", "a counter that begins again"],
)
def test_the_day_is_not_counted_again_where_a_source_takes_a_trade_back(
    store: redis.Redis, last: float, traded: float
) -> None:
    start = ns("2026-03-02T14:30")
    script = Script(store)

    script.append(
        make(
            ("SPY",), code=[0] * 3, at=[start, start + 1, start + 2], price=[600.0] * 3, size=[float("nan")] * 3,
            cumulative=[999_975.0, 1_000_000.0, last], watermark=start + MINUTE, source="TEST",
        )
    )  # fmt: skip
    intraday.step_once(market="us_equities", at=utc("2026-03-02T14:31"))

    table = foldstore.session(store, "us_equities")
    assert table is not None
    assert {symbol: closed.in_units(row["volume"]) for symbol, row in table.traded()} == {"SPY": traded}
