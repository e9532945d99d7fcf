"""The 24-hour session: its bounds on odd days, its rows while it runs, and what freezes them."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.ledger import bar, day, instrument
from tests.integration.marketdata.publishing import Script
from thor.marketdata import rolling
from thor.marketdata.models import Bar, Capture, Instrument, SessionCapture, Split, TwentyFourHour
from thor.marketdata.services import closed_bars, intraday
from thor.marketdata.services.rolling_24h import finalize_24h, update_rolling_24h
from thor.markets import registry
from thor.markets.models import Market, Override

pytestmark = pytest.mark.django_db(transaction=True)

MARKET = "us_equities"
MONDAY = date(2026, 3, 2)


def update(at: str) -> dict:
    return update_rolling_24h(market=MARKET, at=utc(at))


def promise(store: redis.Redis, until: str) -> None:
    """Let the feed say that everything before `until` is out."""
    Script(store).send(ns(until))


def row(symbol: str = "SPY", on: date = MONDAY) -> TwentyFourHour:
    return TwentyFourHour.objects.get(instrument__symbol=symbol, session_date=on)


def told(found: TwentyFourHour) -> tuple:
    return (found.open, found.high, found.low, found.last, found.volume)


@pytest.mark.parametrize(
    ("on", "start", "end"),
    [
        (date(2026, 3, 6), "2026-03-06T00:00", "2026-03-06T21:00"),
        (date(2026, 3, 9), "2026-03-09T00:00", "2026-03-09T20:00"),  # New York has changed its clocks
        (date(2026, 10, 30), "2026-10-30T00:00", "2026-10-30T20:00"),
        (date(2026, 11, 2), "2026-11-02T00:00", "2026-11-02T21:00"),  # and back
        (date(2026, 2, 11), "2026-02-11T00:00", "2026-02-11T21:00"),  # Tokyo has a holiday
        (date(2025, 11, 28), "2025-11-28T00:00", "2025-11-28T18:00"),  # half a day in New York
        (date(2026, 7, 3), "2026-07-03T00:00", "2026-07-03T20:00"),  # New York has a holiday
        (date(2026, 3, 7), "2026-03-07T00:00", "2026-03-07T21:00"),  # a Saturday
    ],
)
def test_it_runs_from_tokyos_open_to_new_yorks_close_on_every_date(on: date, start: str, end: str):
    assert rolling.day_on(on) == rolling.Day(on, utc(start), utc(end))
    assert rolling.day_at(utc(start)) == rolling.day_on(on)
    assert rolling.day_at(utc(end) - timedelta(microseconds=1)) == rolling.day_on(on)
    assert rolling.day_at(utc(end)) is None


def test_an_early_close_of_an_override_ends_it():
    Override.objects.create(
        market=Market.objects.get(key="usa"), date=MONDAY, close="12:00", reason="a storm", closed=False
    )
    registry.forget()

    assert rolling.day_on(MONDAY).end == utc("2026-03-02T17:00")


def test_a_row_holds_what_traded_since_tokyos_open(store: redis.Redis):
    bar("SPY", "2026-03-01T23:59", 1)
    bar("SPY", "2026-03-02T00:00", 100, 101, 99, 100.5, volume=10)
    bar("SPY", "2026-03-02T15:00", 102, 110, 98, 104, volume=5.5)
    day("SPY", "2026-02-27", 80)

    assert update("2026-03-02T15:01:30") == {"rows": 1, "session_date": "2026-03-02"}

    found = row()
    assert told(found) == (100, 110, 98, 104, Decimal("15.5"))
    assert (found.previous_close, found.change, found.change_percent) == (80, 20, 25)
    assert (found.range, found.range_percent) == (12, 12)
    assert not found.finalized
    assert TwentyFourHour.objects.count() == 1


def test_a_pass_that_changes_nothing_writes_nothing(store: redis.Redis):
    bar("SPY", "2026-03-02T15:00", 100)

    assert update("2026-03-02T15:01")["rows"] == 1
    assert update("2026-03-02T15:01:30")["rows"] == 0
    assert row().updated_at == utc("2026-03-02T15:01")


def test_minutes_still_in_the_fold_count(store: redis.Redis):
    script = Script(store)
    script.send(ns("2026-03-02T15:01"), ("SPY", ns("2026-03-02T15:00:10"), 50.0, 3.0))
    intraday.step_once(market=MARKET, at=utc("2026-03-02T15:00:30"))

    update("2026-03-02T15:00:30")

    assert not Bar.objects.exists()
    assert told(row()) == (50, 50, 50, 50, 3)


def test_an_older_slot_that_comes_late_does_not_take_back_what_a_later_one_wrote(store: redis.Redis):
    bar("SPY", "2026-03-02T15:00", 100)
    update("2026-03-02T15:02")
    Bar.objects.update(close=7)  # what a pass that read other figures would write

    assert update("2026-03-02T15:01")["rows"] == 0
    assert row().last == 100


def test_between_new_yorks_close_and_tokyos_open_nothing_runs_and_the_old_session_is_frozen(store: redis.Redis):
    bar("SPY", "2026-03-02T20:59", 100)
    bar("SPY", "2026-03-02T21:00", 999)
    update("2026-03-02T20:59:30")
    promise(store, "2026-03-02T21:00")

    assert update("2026-03-02T21:30") == {"rows": 0, "finalized": 1}
    assert update("2026-03-02T21:30:30") == {"rows": 0}
    assert row().finalized
    assert told(row()) == (100, 100, 100, 100, 1)


def test_a_session_that_no_pass_has_seen_is_made_up_and_frozen(store: redis.Redis):
    bar("SPY", "2026-03-02T15:00", 100)
    bar("IBM", "2026-03-02T15:00", 200)

    assert update("2026-03-03T15:00") == {"rows": 0, "finalized": 2, "session_date": "2026-03-03"}
    assert row("IBM").finalized


def test_a_frozen_row_is_never_touched(store: redis.Redis):
    bar("SPY", "2026-03-02T15:00", 100)
    promise(store, "2026-03-02T21:00")
    finalize_24h(at=utc("2026-03-02T21:00"), session_date=MONDAY)
    bar("SPY", "2026-03-02T15:01", 500)

    assert finalize_24h(at=utc("2026-03-02T21:01"), session_date=MONDAY) == {"finalized": 0}
    update("2026-03-02T20:00")
    assert row().high == 100


def test_a_session_is_frozen_only_when_the_feed_has_passed_its_end(store: redis.Redis):
    script = Script(store)
    script.send(ns("2026-03-02T20:59"), ("SPY", ns("2026-03-02T15:00"), 50.0, 3.0))
    closed_bars.flush(market=MARKET, at=utc("2026-03-02T20:59:30"))
    update("2026-03-02T20:59:30")
    assert finalize_24h(at=utc("2026-03-02T21:00"), session_date=MONDAY) == {"finalized": 0, "waiting": [MARKET]}

    script.send(ns("2026-03-02T21:00"), ("SPY", ns("2026-03-02T20:59:59"), 51.0, 1.0))
    assert update("2026-03-02T21:00:30") == {"rows": 0, "finalized": 1}
    assert told(row()) == (50, 51, 50, 51, 4)


def test_a_session_that_runs_cannot_be_frozen(store: redis.Redis):
    bar("SPY", "2026-03-02T15:00", 100)

    told_ = finalize_24h(at=utc("2026-03-02T20:59:59"), session_date=MONDAY)

    assert told_["finalized"] == 0
    assert "2026-03-02T21:00:00" in told_["waiting"]


def test_the_close_before_is_that_of_the_24_hours_before_in_new_shares(store: redis.Redis):
    day("SPY", "2026-03-02", 1)
    bar("SPY", "2026-03-02T15:00", 700)
    bar("SPY", "2026-03-03T15:00", 105)
    Split.objects.create(instrument=instrument("SPY"), date=date(2026, 3, 3), ratio=7)

    assert update("2026-03-03T15:01") == {"rows": 1, "finalized": 1, "session_date": "2026-03-03"}

    found = row(on=date(2026, 3, 3))
    assert (found.previous_close, found.change_percent) == (100, 5)


def test_a_capture_of_the_session_is_told_its_close(store: redis.Redis):
    bar("SPY", "2026-03-02T15:00", 100)
    captured = SessionCapture.objects.create(
        market="usa",
        session_date=MONDAY,
        opens_at=utc("2026-03-02T14:30"),
        captured_at=utc("2026-03-02T14:30"),
    )
    Capture.objects.create(session=captured, symbol="SPY", instrument=instrument("SPY"), number=1)
    promise(store, "2026-03-02T21:00")

    finalize_24h(at=utc("2026-03-02T21:00"), session_date=MONDAY)

    assert Capture.objects.get().close_24h == 100


def late_capture() -> None:
    opened = utc("2026-03-02T14:30")
    head = SessionCapture.objects.create(market="mexico", session_date=MONDAY, opens_at=opened, captured_at=opened)
    Capture.objects.create(session=head, symbol="SPY", instrument=instrument("SPY"), number=1)


@pytest.mark.parametrize("tell", ["close", "pass"])
def test_a_capture_that_is_written_after_its_24_hours_were_frozen_is_told_too(store: redis.Redis, tell: str):
    bar("SPY", "2026-03-02T15:00", 100)
    promise(store, "2026-03-02T21:00")
    assert finalize_24h(at=utc("2026-03-02T21:00"), session_date=MONDAY)["finalized"] == 1
    late_capture()

    if tell == "close":
        finalize_24h(at=utc("2026-03-02T21:00:05"), session_date=MONDAY)
    else:
        update("2026-03-02T21:00:30")

    assert Capture.objects.get().close_24h == 100


def test_what_is_not_active_any_more_is_frozen_with_the_others(store: redis.Redis):
    for symbol in ("SPY", "IBM", "BAC"):
        bar(symbol, "2026-03-02T15:00", 100)
    update("2026-03-02T15:01")
    Instrument.objects.filter(symbol__in=["IBM", "BAC"]).update(active=False)
    Bar.objects.filter(instrument__symbol="BAC").delete()

    assert update("2026-03-03T15:00")["finalized"] == 3
    assert "finalized" not in update("2026-03-03T15:00:30")
    assert [row(symbol).last for symbol in ("IBM", "BAC") if row(symbol).finalized] == [100, 100]


def test_a_feed_of_which_nothing_is_known_is_waited_for_until_the_next_session(store: redis.Redis):
    bar("SPY", "2026-03-02T15:00", 100)
    update("2026-03-02T15:01")

    assert finalize_24h(at=utc("2026-03-02T21:00"), session_date=MONDAY) == {"finalized": 0, "waiting": [MARKET]}
    assert update("2026-03-02T23:59:30") == {"rows": 0, "finalized": 0, "waiting": [MARKET]}
    assert update("2026-03-03T00:00")["finalized"] == 1


def test_when_new_york_closes_later_after_all_its_rows_run_on_and_are_frozen_again(store: redis.Redis):
    late_capture()
    override = Override.objects.create(market=Market.objects.get(key="usa"), date=MONDAY, close="12:00", reason="storm")
    registry.forget()
    bar("SPY", "2026-03-02T15:00", 100)
    script = Script(store)
    script.send(ns("2026-03-02T17:00"))
    finalize_24h(at=utc("2026-03-02T17:00"), session_date=MONDAY)
    assert (row().last, Capture.objects.get().close_24h) == (100, 100)

    override.delete()
    registry.forget()
    bar("SPY", "2026-03-02T18:00", 110)
    assert update("2026-03-02T18:01")["rows"] == 1
    assert (row().finalized, row().last, Capture.objects.get().close_24h) == (False, 110, None)

    bar("SPY", "2026-03-02T20:00", 120)
    script.send(ns("2026-03-02T21:00"))
    assert finalize_24h(at=utc("2026-03-02T21:00"), session_date=MONDAY) == {"finalized": 1}
    assert (row().finalized, row().last, Capture.objects.get().close_24h) == (True, 120, 120)


def test_rows_that_were_frozen_too_early_are_frozen_again_though_no_pass_ran_in_between(store: redis.Redis):
    bar("SPY", "2026-03-02T15:00", 100)
    update("2026-03-03T15:00")
    TwentyFourHour.objects.update(updated_at=utc("2026-03-02T17:00"))
    bar("SPY", "2026-03-02T20:00", 120)

    assert update("2026-03-03T15:00:30")["finalized"] == 1
    assert (row().finalized, row().last) == (True, 120)


def test_a_new_run_of_the_feed_takes_no_volume_back(store: redis.Redis):
    script = Script(store)
    for second, run in ((10, "one"), (70, "two")):
        script.run = run
        at = ns("2026-03-02T15:00") + second * 10**9
        script.send(at + 1, ("SPY", at, 50.0, 3.0))
        intraday.step_once(market=MARKET, at=utc("2026-03-02T15:00:10"))
        update(f"2026-03-02T15:0{second // 60}:{second % 60:02}")

    assert row().volume == 6


def test_captures_are_told_under_the_lock_of_their_session(store: redis.Redis):
    bar("SPY", "2026-03-02T15:00", 100)
    late_capture()
    promise(store, "2026-03-02T21:00")

    with CaptureQueriesContext(connection) as said:
        finalize_24h(at=utc("2026-03-02T21:00"), session_date=MONDAY)

    texts = [query["sql"] for query in said.captured_queries]
    end = " ASC FOR UPDATE" if connection.features.has_select_for_update else " ASC"
    lock = 'FROM "marketdata_sessioncapture"'
    locked = next(place for place, text in enumerate(texts) if lock in text and text.endswith(end))
    told_ = [place for place, text in enumerate(texts) if text.startswith('UPDATE "marketdata_capture"')]
    assert told_
    assert locked < told_[0]


def test_the_day_of_a_split_is_told_in_new_shares(store: redis.Redis):
    """It begins in the evening of New York, in old shares."""
    Split.objects.create(instrument=instrument("SPY"), date=date(2026, 3, 3), ratio=7)
    day("SPY", "2026-03-02", 700)
    bar("SPY", "2026-03-03T00:30", 700, 707, 693, 700, volume=3)
    bar("SPY", "2026-03-03T15:00", 101, 102, 100, 101, volume=10)

    update("2026-03-03T15:01")

    found = row(on=date(2026, 3, 3))
    assert told(found) == (100, 102, 99, 101, 31)
    assert (found.previous_close, found.change, found.range) == (100, 0, 3)


def test_on_the_day_of_a_split_what_was_traded_before_its_session_is_in_new_shares_already(store: redis.Redis):
    Split.objects.create(instrument=instrument("SPY"), date=date(2026, 3, 3), ratio=7)
    bar("SPY", "2026-03-03T00:30", 700)

    update("2026-03-03T00:31")

    assert told(row(on=date(2026, 3, 3))) == (100, 100, 100, 100, 7)


def test_a_reverse_split_settles(store: redis.Redis):
    Split.objects.create(instrument=instrument("SPY"), date=date(2026, 3, 3), ratio=Decimal("0.33333333"))
    bar("SPY", "2026-03-03T00:30", 10, volume=0.5)

    assert update("2026-03-03T00:31")["rows"] == 1
    assert update("2026-03-03T00:32")["rows"] == 0


def test_a_split_of_another_day_divides_nothing_within_the_session(store: redis.Redis):
    Split.objects.create(instrument=instrument("SPY"), date=date(2026, 3, 4), ratio=7)
    bar("SPY", "2026-03-03T00:30", 700)

    update("2026-03-03T15:01")

    assert row(on=date(2026, 3, 3)).open == 700
