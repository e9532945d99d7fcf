"""The extremes of 52 weeks, pass by pass: recorded years, and days made up to be nasty."""

import logging
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import redis
from django.db.models import Max, Min

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.ledger import bar, day, instrument
from tests.integration.marketdata.publishing import Script, feed_through
from thor.marketdata import daily_store, daily_version
from thor.marketdata.feeds.port import FeedRequest
from thor.marketdata.feeds.registry import open_feeds
from thor.marketdata.models import DailyBar, Extreme, Instrument, NewExtreme, Split
from thor.marketdata.services import intraday, week52

pytestmark = pytest.mark.django_db(transaction=True)

MARKET = "us_equities"
#: A Monday; extended hours run from 09:00 to 01:00 UTC, those of Friday ended on Saturday at 01:00.
MONDAY = date(2026, 3, 2)


@pytest.fixture(autouse=True)
def _a_new_process() -> Iterator[None]:
    week52.forget()
    yield
    week52.forget()


@pytest.fixture
def script(store: redis.Redis) -> Script:
    return Script(store)


def trade(script: Script, at: str, price: float, symbol: str = "SPY") -> None:
    """Publish and fold one trade."""
    script.send(ns(at), (symbol, ns(at), price, 100.0))
    intraday.step_once(market=MARKET, at=utc(at))


def update(at: str) -> dict:
    return week52.update_week52(market=MARKET, at=utc(at))


def high(symbol: str = "SPY") -> tuple[Decimal, date]:
    row = Extreme.objects.get(instrument__symbol=symbol)
    return row.high_52w, row.high_52w_date


def low(symbol: str = "SPY") -> tuple[Decimal, date]:
    row = Extreme.objects.get(instrument__symbol=symbol)
    return row.low_52w, row.low_52w_date


def news(symbol: str = "SPY") -> dict[str, tuple[Decimal, Decimal, date]]:
    rows = NewExtreme.objects.filter(instrument__symbol=symbol)
    return {row.kind: (row.before, row.price, row.date) for row in rows}


def test_spy_has_the_known_range_of_2013_10_11(script: Script, lean: Path):
    daily_store.import_days([lean / "equity/usa/daily/spy.zip"])
    trade(script, "2013-10-11T14:00", 169.2)

    update("2013-10-11T14:00:02")

    assert high() == (Decimal("173.60"), date(2013, 9, 19))
    assert low() == (Decimal("134.70"), date(2012, 11, 16))
    assert Extreme.objects.get().last_price == Decimal("169.2")
    assert not NewExtreme.objects.exists()


def test_apple_on_the_day_of_its_split_has_the_known_range_and_not_its_bad_print(store: redis.Redis, lean: Path):
    daily_store.import_days([lean / "equity/usa/daily/aapl.zip"])
    daily_store.import_splits([lean / "equity/usa/factor_files/aapl.csv"])
    path = lean / "equity/usa/minute/aapl/20140609_trade.zip"
    (feed,) = open_feeds("replay", FeedRequest(files=[str(path)]), venues=[MARKET])

    for start, end in (("07:00", "08:00:30"), ("08:00:30", "14:00"), ("14:00", "23:59")):
        feed_through(feed, store, ns(f"2014-06-09T{start}"), ns(f"2014-06-09T{end}"))
        while intraday.step_once(market=MARKET, at=utc(f"2014-06-09T{end}"))["ticks"]:
            pass
        update(f"2014-06-09T{end}")
        assert high("AAPL")[0] < 95

    assert high("AAPL") == (Decimal("93.88"), date(2014, 6, 9))
    assert low("AAPL") == (Decimal("55.55285714"), date(2013, 6, 28))
    assert news("AAPL")["high_52w"][1] == Decimal("93.88")
    assert "low_52w" not in news("AAPL")


def test_apple_is_not_compared_in_old_and_new_shares_together(store: redis.Redis, lean: Path):
    """Its days as they are stored reach from 651.25 in old shares down to 91.75 in new ones."""
    daily_store.import_days([lean / "equity/usa/daily/aapl.zip"])
    daily_store.import_splits([lean / "equity/usa/factor_files/aapl.csv"])
    year = DailyBar.objects.filter(
        instrument__symbol="AAPL", date__gt=date(2013, 6, 9), date__lte=date(2014, 6, 9)
    ).aggregate(high=Max("high"), low=Min("low"))
    assert year == {"high": Decimal("651.25"), "low": Decimal("91.75")}

    update("2014-06-10T08:00:02")

    assert high("AAPL") == (Decimal("93.88"), date(2014, 6, 9))
    assert low("AAPL") == (Decimal("55.55285714"), date(2013, 6, 28))


def test_the_rolled_up_day_of_the_split_is_without_the_bad_print(store: redis.Redis, lean: Path):
    daily_store.import_days([lean / "equity/usa/daily/aapl.zip"])
    DailyBar.objects.filter(date__gte=date(2014, 6, 9)).delete()
    daily_store.import_splits([lean / "equity/usa/factor_files/aapl.csv"])
    path = lean / "equity/usa/minute/aapl/20140609_trade.zip"
    (feed,) = open_feeds("replay", FeedRequest(files=[str(path)]), venues=[MARKET])
    feed_through(feed, store, ns("2014-06-09T07:00"), ns("2014-06-10T08:00"))

    told = update("2014-06-10T08:00:02")

    rolled = DailyBar.objects.get(instrument__symbol="AAPL", date=date(2014, 6, 9))
    assert (told["days"], rolled.origin) == (1, "rolled")
    assert rolled.low < rolled.open < rolled.high == Decimal("93.88")
    assert high("AAPL") == (Decimal("93.88"), date(2014, 6, 9))
    assert Extreme.objects.get(instrument__symbol="AAPL").as_of == date(2014, 6, 10)


def test_a_new_extreme_is_noted_and_told_once_and_follows_the_price(script: Script, caplog: pytest.LogCaptureFixture):
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    caplog.set_level(logging.INFO, "thor.marketdata")

    for second, price in (("02", 105.0), ("04", 111.0), ("06", 112.0), ("08", 108.0)):
        trade(script, f"2026-03-02T15:00:{second}", price)
        update(f"2026-03-02T15:00:{second}")

    told = [record.fields for record in caplog.records if record.event == "thor.extreme.new"]
    assert high() == (112, MONDAY)
    assert low() == (90, date(2026, 2, 20))
    assert news() == {"high_52w": (110, 112, MONDAY), "all_time_high": (110, 112, MONDAY)}
    assert {(one["kind"], one["price"]) for one in told} == {("high_52w", 111), ("all_time_high", 111)}
    assert len(told) == 2


def test_a_pass_that_changes_nothing_writes_nothing(script: Script):
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    trade(script, "2026-03-02T15:00:02", 105.0)

    assert update("2026-03-02T15:00:02")["rows"] == 1
    assert update("2026-03-02T15:00:04")["rows"] == 0
    trade(script, "2026-03-02T15:00:05", 106.0)
    assert update("2026-03-02T15:00:06")["rows"] == 0
    assert Extreme.objects.get().updated_at == utc("2026-03-02T15:00:02")


def test_a_high_leaves_the_window_on_the_day_after_its_365_days(script: Script):
    day("SPY", "2025-03-03", 100, 140, 95, 100)
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    trade(script, "2026-03-02T15:00:02", 105.0)
    update("2026-03-02T15:00:02")
    assert high() == (140, date(2025, 3, 3))

    trade(script, "2026-03-03T15:00:02", 105.0)
    update("2026-03-03T15:00:02")

    row = Extreme.objects.get()
    assert high() == (110, date(2026, 2, 20))
    assert (row.all_time_high, row.all_time_high_date) == (140, date(2025, 3, 3))
    assert row.as_of == date(2026, 3, 3)


def test_the_window_moves_without_a_trade(script: Script):
    day("SPY", "2025-03-03", 100, 140, 95, 100)
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    update("2026-03-02T15:00")
    update("2026-03-03T15:00")

    assert high() == (110, date(2026, 2, 20))


def test_an_instrument_without_history_is_seeded_by_its_first_session(script: Script):
    trade(script, "2026-03-02T15:00:02", 50.0)
    trade(script, "2026-03-02T15:00:03", 48.0)
    update("2026-03-02T15:00:04")
    trade(script, "2026-03-02T15:00:05", 51.0)
    update("2026-03-02T15:00:06")

    assert (high(), low()) == ((51, MONDAY), (48, MONDAY))
    assert not NewExtreme.objects.exists()

    trade(script, "2026-03-03T15:00:02", 52.0)
    update("2026-03-03T15:00:04")
    assert news()["high_52w"] == (51, 52, date(2026, 3, 3))


@pytest.mark.parametrize(("ratio", "expected"), [("2", 55), ("0.5", 220)])
def test_a_split_entered_in_the_middle_of_a_day_counts_at_the_next_pass(script: Script, ratio: str, expected: int):
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    price = 100 / float(ratio)
    for second in ("02", "04"):
        trade(script, f"2026-03-02T15:00:{second}", price)
    trade(script, "2026-03-02T15:01:00", price)
    update("2026-03-02T15:01:02")
    assert set(news()) == ({"low_52w", "all_time_low"} if ratio == "2" else {"high_52w", "all_time_high"})

    Split.objects.create(instrument=instrument("SPY"), date=MONDAY, ratio=ratio)
    update("2026-03-02T15:01:04")

    assert high() == (expected, date(2026, 2, 20))
    assert news() == {}


def test_a_split_that_is_taken_back_counts_at_the_next_pass(script: Script):
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    split = Split.objects.create(instrument=instrument("SPY"), date=MONDAY, ratio=2)
    update("2026-03-02T15:00")
    assert high()[0] == 55

    split.delete()
    update("2026-03-02T15:00:02")
    assert high()[0] == 110


def test_days_that_are_imported_meanwhile_count_at_the_next_pass(script: Script):
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    update("2026-03-02T15:00")

    day("SPY", "2026-02-19", 100, 130, 90, 100)
    update("2026-03-02T15:00:02")
    assert (high(), low()) == ((130, date(2026, 2, 19)), (90, date(2026, 2, 19)))

    DailyBar.objects.filter(date="2026-02-19").update(high=120)
    daily_version.change()
    update("2026-03-02T15:00:04")
    assert high()[0] == 120


def test_a_bad_print_of_today_is_held_back_and_a_jump_believed_a_minute_later(script: Script):
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    trade(script, "2026-03-02T15:00:01", 100.0)
    trade(script, "2026-03-02T15:00:02", 645.57)
    update("2026-03-02T15:00:02")
    assert high() == (110, date(2026, 2, 20))

    trade(script, "2026-03-02T15:01:00", 112.0)
    update("2026-03-02T15:01:02")
    assert high() == (112, MONDAY)

    trade(script, "2026-03-02T15:02:00", 170.0)
    update("2026-03-02T15:02:02")
    assert high() == (112, MONDAY)
    trade(script, "2026-03-02T15:03:00", 171.0)
    update("2026-03-02T15:03:02")
    assert high()[0] == 171

    trade(script, "2026-03-02T15:04:00", 172.0)
    update("2026-03-02T15:04:02")
    assert high() == (172, MONDAY)
    assert news()["high_52w"] == (110, 172, MONDAY)


def test_nothing_of_today_is_missing_after_the_feed_and_the_process_have_started_again(
    script: Script, store: redis.Redis
):
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    trade(script, "2026-03-02T15:00:01", 120.0)
    update("2026-03-02T15:00:02")
    trade(script, "2026-03-02T15:00:03", 80.0)
    script.run = "another"
    trade(script, "2026-03-02T15:05:00", 100.0)

    update("2026-03-02T15:05:02")
    assert (high(), low()) == ((120, MONDAY), (80, MONDAY))

    week52.forget()
    Extreme.objects.all().delete()
    update("2026-03-02T15:05:04")
    assert (high(), low()) == ((120, MONDAY), (80, MONDAY))


def test_the_last_prices_of_a_session_count_at_its_end(script: Script):
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    trade(script, "2026-03-02T15:00:01", 100.0)
    update("2026-03-02T15:00:02")
    trade(script, "2026-03-03T00:59:59", 111.0)
    script.send(ns("2026-03-03T01:00"))

    update("2026-03-03T01:00")

    assert high() == (111, MONDAY)
    assert Extreme.objects.get().last_price == 111


def test_a_session_whose_end_nobody_has_seen_is_finished_by_the_next(script: Script):
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    trade(script, "2026-03-02T15:00:01", 100.0)
    update("2026-03-02T15:00:02")
    trade(script, "2026-03-02T16:00", 111.0)
    trade(script, "2026-03-03T15:00", 109.0)

    week52.forget()
    told = update("2026-03-03T15:00:02")

    assert (told["finished"], told["days"]) == (1, 1)
    assert high() == (111, MONDAY)
    assert news() == {"high_52w": (110, 111, MONDAY), "all_time_high": (110, 111, MONDAY)}
    assert Extreme.objects.get().as_of == date(2026, 3, 3)


def test_sessions_that_no_pass_has_seen_leave_the_same_rows(script: Script):
    def rows() -> list[tuple]:
        news_ = NewExtreme.objects.order_by("date", "kind").values_list("kind", "date", "before", "price")
        return [*Extreme.objects.values_list("as_of", "high_52w", "high_52w_date", "last_price"), *news_]

    day("SPY", "2026-02-20", 100, 110, 90, 100)
    update("2026-02-27T15:00")
    prices = {"2026-03-02": 111.0, "2026-03-03": 109.0, "2026-03-04": 113.0, "2026-03-05": 113.0}
    for on, price in prices.items():
        trade(script, f"{on}T15:00:01", price)
        update(f"{on}T15:00:02")
    seen = rows()

    NewExtreme.objects.all().delete()
    DailyBar.objects.filter(origin="rolled").delete()
    Extreme.objects.update(as_of=date(2026, 2, 27), high_52w=110, high_52w_date=date(2026, 2, 20), last_price=100)
    week52.forget()
    update("2026-03-05T15:00:02")

    assert rows() == seen
    assert [row[1] for row in seen[1:]] == [MONDAY, MONDAY, date(2026, 3, 4), date(2026, 3, 4)]


def test_a_pass_that_comes_late_does_not_take_back_a_later_session(script: Script):
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    update("2026-03-03T15:00")

    assert update("2026-03-02T15:00")["rows"] == 0
    assert Extreme.objects.get().as_of == date(2026, 3, 3)


def test_two_processes_do_not_undo_each_other(script: Script):
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    trade(script, "2026-03-02T15:00:01", 111.0)
    update("2026-03-02T15:00:02")
    one = dict(week52._known)
    week52.forget()
    trade(script, "2026-03-02T15:00:03", 112.0)
    update("2026-03-02T15:00:04")
    week52._known.update(one)

    assert update("2026-03-02T15:00:06")["rows"] == 0
    assert high() == (112, MONDAY)


def test_days_are_rolled_up_once_over_what_is_missing_and_never_over_an_import(script: Script):
    for on, price in (("2026-02-25", 10.0), ("2026-02-26", 11.0), ("2026-02-27", 12.0)):
        bar("SPY", f"{on}T15:00", price, price + 1, price - 1, price, volume=7)
        bar("SPY", f"{on}T16:00", price + 0.5, volume=3)
    day("SPY", "2026-02-26", 99)

    assert update("2026-03-02T15:00")["days"] == 2
    week52.forget()
    assert "days" not in update("2026-03-02T15:00:02")

    found = DailyBar.objects.order_by("date").values_list("date", "open", "high", "low", "close", "volume", "origin")
    assert [(str(row[0]), *map(float, row[1:6]), row[6]) for row in found] == [
        ("2026-02-25", 10, 11, 9, 10.5, 10, "rolled"),
        ("2026-02-26", 99, 99, 99, 99, 1, "imported"),
        ("2026-02-27", 12, 13, 11, 12.5, 10, "rolled"),
    ]


def test_a_day_that_the_feed_has_not_passed_is_waited_for(script: Script):
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    trade(script, "2026-03-02T15:00", 105.0)
    update("2026-03-02T15:00:02")

    told = update("2026-03-03T15:00")
    assert (told["rows"], told["waiting"]) == (0, "2026-03-03T01:00:00+00:00")
    assert Extreme.objects.get().as_of == MONDAY

    trade(script, "2026-03-02T16:00", 112.0)
    trade(script, "2026-03-03T15:00", 111.0)
    assert update("2026-03-03T15:00:02")["days"] == 1
    assert high() == (112, MONDAY)
    assert set(NewExtreme.objects.values_list("date", flat=True)) == {MONDAY}


def test_a_day_whose_feed_has_gone_for_good_is_rolled_up_from_what_there_is(script: Script):
    trade(script, "2026-03-02T15:00", 10.0)

    assert update("2026-03-04T15:00")["days"] == 1


def test_an_instrument_that_becomes_active_is_watched_from_the_next_pass(script: Script):
    Instrument.objects.filter(symbol="SPY").update(active=False)
    day("SPY", "2026-02-20", 100, 110, 90, 100)
    update("2026-03-02T15:00")
    assert not Extreme.objects.exists()

    Instrument.objects.filter(symbol="SPY").update(active=True)
    assert update("2026-03-02T15:00:02")["rows"] == 1


def test_a_venue_without_a_calendar_waits(store: redis.Redis):
    assert week52.update_week52(market="nowhere", at=utc("2026-03-02T15:00")) == {"rows": 0, "waiting": "calendar"}


def test_the_bars_of_a_finished_session_are_flushed_before_they_are_rolled_up(script: Script):
    trade(script, "2026-03-02T15:00", 10.0)
    script.send(ns("2026-03-03T09:00"))

    update("2026-03-03T09:00:02")

    found = DailyBar.objects.get()
    assert (found.date, found.close) == (MONDAY, 10)
