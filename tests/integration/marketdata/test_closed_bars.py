"""The queue of closed bars reaches the database, whatever lies in it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from django.db import DatabaseError

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.publishing import Script
from thor.marketdata import barqueue, keys, selectors
from thor.marketdata.bars import MINUTE
from thor.marketdata.closed import ClosedBar
from thor.marketdata.models import Bar, FeedIncident, Instrument
from thor.marketdata.services import closed_bars

pytestmark = pytest.mark.django_db(transaction=True)

VENUE = "us_equities"
AT = utc("2026-03-02T14:40")
START = int(utc("2026-03-02T14:30").timestamp())


def bar(
    symbol: str = "SPY", *, start: int = START, ticks: int = 5, close: str = "600.5", source: str = "TEST"
) -> ClosedBar:
    price = Decimal(close)
    return ClosedBar(
        symbol=symbol,
        start=start,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=Decimal("1234.00000001"),
        trades=ticks,
        vwap=None,
        bid=None,
        ask=price,
        spread=None,
        ticks=ticks,
        source=source,
    )


def push(store: redis.Redis, *items: ClosedBar | bytes) -> None:
    store.rpush(keys.closed_bars(VENUE), *(item if isinstance(item, bytes) else item.encode() for item in items))


def flush() -> dict[str, Any]:
    return closed_bars.flush(market=VENUE, at=AT)


def stored() -> list[tuple[str, Decimal, int]]:
    rows = Bar.objects.order_by("instrument__symbol", "start_at")
    return list(rows.values_list("instrument__symbol", "close", "ticks"))


def test_a_bar_is_stored_whole(store: redis.Redis) -> None:
    push(store, bar())

    assert flush() == {"bars": 1, "read": 1}
    (found,) = selectors.bars("SPY", AT - timedelta(hours=1), AT)
    assert found.start_at == utc("2026-03-02T14:30")
    assert (found.open, found.close, found.volume) == (Decimal("600.5"), Decimal("600.5"), Decimal("1234.00000001"))
    assert (found.vwap, found.bid, found.ask, found.source) == (None, None, Decimal("600.5"), "TEST")


def test_the_last_bar_of_a_session_closes_without_a_later_tick(store: redis.Redis) -> None:
    close = ns("2026-03-02T21:00")
    script = Script(store)
    script.send(close - 1, ("SPY", close - 5, 600.0, 100.0))
    script.send(close)

    assert closed_bars.flush(market=VENUE, at=utc("2026-03-02T21:00")) == {"bars": 1, "read": 1}


def test_a_silent_feed_does_not_keep_the_last_bar_of_a_session(store: redis.Redis) -> None:
    close = ns("2026-03-02T21:00")
    Script(store).send(close - 1, ("SPY", close - 5, 600.0, 100.0))

    closed_bars.flush(market=VENUE, at=utc("2026-03-02T21:00"))
    assert closed_bars.flush(market=VENUE, at=utc("2026-03-02T21:01"))["bars"] == 1


@pytest.mark.parametrize("together", [True, False])
def test_an_older_version_never_replaces_a_newer_one(store: redis.Redis, together: bool) -> None:
    for version in (bar(ticks=5, close="1"), bar(ticks=9, close="2"), bar(ticks=7, close="3")):
        push(store, version)
        if not together:
            flush()
    flush()

    assert stored() == [("SPY", Decimal(2), 9)]


def test_the_same_bar_twice_changes_nothing(store: redis.Redis) -> None:
    push(store, bar())
    flush()
    push(store, bar(), bar())

    assert flush() == {"bars": 0, "read": 2}


def test_a_bar_of_another_source_replaces_it(store: redis.Redis) -> None:
    push(store, bar(ticks=50, close="1", source="SIMULATED"), bar(ticks=5, close="2", source="REPLAY"))
    flush()
    assert stored() == [("SPY", Decimal(2), 5)]

    push(store, bar(ticks=2, close="3", source="SIMULATED"))
    flush()
    assert stored() == [("SPY", Decimal(3), 2)]


@pytest.mark.parametrize(
    "item",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        bar().encode().replace(b'"600.5"', b'"NaN"'),
        bar().encode().replace(b'"600.5"', b'"dear"'),
        bar().encode().replace(b'"SPY"', b'""'),
        bar().encode().replace(b'"ticks": 5', b'"ticks": "five"'),
        bar().encode().replace(b'"open": "600.5"', b'"open": null'),
    ],
)
def test_what_is_no_bar_is_set_aside_and_said(
    store: redis.Redis, caplog: pytest.LogCaptureFixture, item: bytes
) -> None:
    push(store, bar(), item, bar("IBM"))

    assert flush() == {"bars": 2, "read": 3, "unreadable": 1}
    assert store.lrange(keys.dead(VENUE), 0, -1) == [item]
    assert store.llen(keys.processing(VENUE)) == 0
    assert "thor.bars.unreadable" in caplog.text


def test_an_instrument_that_nobody_knows_is_added_inactive_and_said(
    store: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    push(store, bar("GOOG"), bar("GOOG", start=START + 60))

    assert flush() == {"bars": 2, "read": 2, "new_instruments": 1}
    added = Instrument.objects.get(symbol="GOOG")
    assert (added.venue, added.kind, added.active) == (VENUE, "equity", False)
    assert "GOOG" in selectors.symbols()
    assert "thor.instrument.unknown" in caplog.text
    (incident,) = FeedIncident.objects.all()
    assert (incident.kind, incident.symbol, incident.first_at) == ("unknown", "GOOG", utc("2026-03-02T14:30"))


def test_a_figure_that_the_table_cannot_hold_costs_that_bar_alone(
    store: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    push(store, bar(), bar("AIG", ticks=2**70), bar("IBM"), bar("BAC", start=2**60))

    assert flush() == {"bars": 2, "read": 4, "unreadable": 2}
    assert [symbol for symbol, _, _ in stored()] == ["IBM", "SPY"]
    assert store.llen(keys.dead(VENUE)) == 2
    assert "cannot hold" in caplog.text


def test_dead_items_that_give_way_are_said(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(barqueue, "DEAD_KEPT", 2)
    push(store, b"1", b"2")
    flush()
    assert "thor.bars.dead_dropped" not in caplog.text
    push(store, b"3")
    flush()

    assert store.lrange(keys.dead(VENUE), 0, -1) == [b"2", b"3"]
    assert "thor.bars.dead_dropped venue=us_equities items=1 kept=2" in caplog.text


def test_two_passes_at_once_store_a_batch_twice_and_settle_it_once(store: redis.Redis) -> None:
    push(store, bar(), b"no bar")
    first, second = barqueue.take(store, VENUE), barqueue.take(store, VENUE)

    assert first is not None
    assert second is not None
    assert (first.items, first.number, first.left, second.left) == (second.items, second.number, False, True)
    assert barqueue.settle(store, VENUE, first, [b"no bar"])
    push(store, bar("IBM"))
    third = barqueue.take(store, VENUE)
    # The second pass comes late: what is being worked on now is not its batch.
    assert not barqueue.settle(store, VENUE, second, [b"no bar"])
    assert third is not None
    assert store.lrange(keys.processing(VENUE), 0, -1) == third.items == [bar("IBM").encode()]
    assert store.lrange(keys.dead(VENUE), 0, -1) == [b"no bar"]


def test_what_an_older_version_left_in_the_processing_list_is_stored(store: redis.Redis) -> None:
    items = [bar(start=START + 60 * number).encode() for number in range(barqueue.BATCH + 1)]
    store.rpush(keys.processing(VENUE), *items)

    assert flush() == {"bars": 501, "read": 501, "recovered": 501}
    assert store.llen(keys.processing(VENUE)) == 0


def test_a_failing_database_loses_nothing(store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    push(store, *(bar(start=START + 60 * number) for number in range(3)))

    def fail(*_: Any, **__: Any) -> int:
        raise DatabaseError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(closed_bars, "upsert", fail)
        with pytest.raises(DatabaseError):
            flush()
    assert store.llen(keys.processing(VENUE)) == 3

    assert flush() == {"bars": 3, "read": 3, "recovered": 3}
    assert store.llen(keys.processing(VENUE)) == 0


def test_more_than_a_batch_is_stored_in_one_pass(store: redis.Redis) -> None:
    push(store, *(bar(start=START + 60 * number) for number in range(1203)))

    assert flush() == {"bars": 1203, "read": 1203}
    assert Bar.objects.count() == 1203


def test_bars_of_several_minutes_and_quotes(store: redis.Redis) -> None:
    script, start = Script(store), START * 10**9
    for minute in range(3):
        script.send(start + (minute + 1) * MINUTE, ("SPY", start + minute * MINUTE, 600.0 + minute, 10.0))
    flush()

    assert [close for _, close, _ in stored()] == [600, 601, 602]
