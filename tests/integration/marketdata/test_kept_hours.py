"""What hours add up to is kept while nobody writes into them, and never says anything else than the bars do."""

import random
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
import redis

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.ledger import bar, instrument
from tests.integration.marketdata.publishing import Script
from thor.marketdata import barhours, keys, spans
from thor.marketdata.bars import MINUTE
from thor.marketdata.closed import ClosedBar
from thor.marketdata.models import Bar, TwentyFourHour
from thor.marketdata.services import closed_bars
from thor.marketdata.services.rolling_24h import update_rolling_24h

pytestmark = pytest.mark.django_db(transaction=True)

START, END = utc("2026-03-02T00:00"), utc("2026-03-02T21:00")


def note(store: redis.Redis, *starts: str) -> None:
    """Say that bars were written, as who stores them does."""
    barhours.written(store, (round(utc(start).timestamp()) for start in starts))


def asked(
    memory: spans.Memory, *symbols: str, start: datetime = START, end: datetime = END
) -> dict[str, spans.Figures]:
    """Return the figures with what is kept, after a look that they are those of the bars."""
    rows = [instrument(symbol) for symbol in symbols or ("SPY", "IBM")]
    found = spans.figures(rows, start, end, memory)
    assert found == spans.figures(rows, start, end)
    return found


def test_an_hour_is_read_again_once_somebody_has_written_into_it(store: redis.Redis) -> None:
    memory: spans.Memory = {}
    for start in ("2026-03-02T14:00", "2026-03-02T14:59", "2026-03-02T15:00"):
        bar("SPY", start, 10)
        note(store, start)
    asked(memory)

    Bar.objects.filter(start_at=utc("2026-03-02T14:59")).update(high=99)
    kept = spans.figures([instrument("SPY"), instrument("IBM")], START, END, memory)["SPY"]
    note(store, "2026-03-02T14:59")

    assert kept.high == 10, "nobody said that it was written into"
    assert asked(memory)["SPY"].high == 99
    hour = {"start": utc("2026-03-02T14:00"), "end": utc("2026-03-02T15:00")}
    assert asked(memory, **hour) == asked(memory, **hour), "also where nothing is left to be read"


def test_whatever_is_written_and_asked_the_figures_are_those_of_the_bars(store: redis.Redis) -> None:
    chance, memory = random.Random(7), dict[str, spans.Memory]()
    minutes = [START + timedelta(minutes=number) for number in range(-120, 21 * 60 + 120)]

    for _ in range(60):
        for start in chance.sample(minutes, 3):
            text, symbol = start.strftime("%Y-%m-%dT%H:%M"), chance.choice(["SPY", "IBM", "AAPL"])
            Bar.objects.filter(instrument__symbol=symbol, start_at=start).delete()
            bar(symbol, text, *(low := chance.randint(1, 50), low + 9, low, low + 4), volume=chance.randint(1, 9))
            note(store, text)
        if chance.random() < 0.05:
            store.flushall()
        until = START + timedelta(minutes=chance.choice([1260, 1260, 1200, 1199, 61]))
        asked(memory.setdefault("one", {}), end=until)
        asked(memory["one"], *chance.choice([("SPY", "IBM"), ("SPY", "IBM"), ("SPY", "AAPL")]))
        asked(memory.setdefault("another", {}), "SPY", start=START + timedelta(minutes=30))


def test_an_hour_of_which_nobody_says_when_it_was_written_is_not_kept(store: redis.Redis) -> None:
    memory: spans.Memory = {}
    bar("SPY", "2026-03-02T14:00", 10)
    note(store, "2026-03-02T14:00")
    asked(memory)
    store.flushall()
    asked(memory)

    Bar.objects.update(high=99)

    assert asked(memory)["SPY"].high == 99


def test_a_minute_that_may_still_change_keeps_its_hour_from_being_kept(store: redis.Redis) -> None:
    memory: spans.Memory = {}
    script, last = Script(store), ns("2026-03-02T15:59")
    script.send(last + MINUTE, ("SPY", last, 10.0, 1.0))
    closed_bars.flush(market="us_equities", at=utc("2026-03-02T16:00"))
    asked(memory)

    script.send(last + MINUTE + 1, ("SPY", last + 1, 12.0, 1.0))
    closed_bars.flush(market="us_equities", at=utc("2026-03-02T16:00"))

    assert asked(memory)["SPY"].high == 12


def test_a_pass_that_dies_after_the_commit_leaves_its_hours_to_the_next(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an hour that is kept, and a writer that is killed before it says that the hour has changed."""
    memory: spans.Memory = {}
    store.rpush(keys.closed_bars("us_equities"), closed_bar(high=10, ticks=1).encode())
    closed_bars.flush(market="us_equities", at=utc("2026-03-02T17:00"))
    assert asked(memory)["SPY"].high == 10
    store.rpush(keys.closed_bars("us_equities"), closed_bar(high=55, ticks=2).encode())

    with monkeypatch.context() as patched:
        patched.setattr(barhours, "written", killed)
        with pytest.raises(KeyboardInterrupt):
            closed_bars.flush(market="us_equities", at=utc("2026-03-02T17:00:30"))
    closed_bars.flush(market="us_equities", at=utc("2026-03-02T17:01"))

    assert asked(memory)["SPY"].high == 55


def test_the_row_of_the_24_hours_follows_a_bar_that_was_amended_hours_later(store: redis.Redis) -> None:
    for number, high in enumerate((10, 10, 55, 20), start=1):
        store.rpush(keys.closed_bars("us_equities"), closed_bar(high=high, ticks=number).encode())
        at = utc("2026-03-02T17:00") + timedelta(minutes=number)
        closed_bars.flush(market="us_equities", at=at)

        update_rolling_24h(market="us_equities", at=at)

        assert TwentyFourHour.objects.get(instrument=instrument("SPY")).high == high


def closed_bar(*, high: int, ticks: int) -> ClosedBar:
    """Return a version of the bar of half past two."""
    low, start = Decimal(10), round(utc("2026-03-02T14:30").timestamp())
    prices = {"open": low, "high": Decimal(high), "low": low, "close": low}
    none = dict.fromkeys(("vwap", "bid", "ask", "spread"))
    return ClosedBar("SPY", start, **prices, volume=low, trades=1, **none, ticks=ticks, source="TEST")


def killed(*_: object) -> None:
    raise KeyboardInterrupt
