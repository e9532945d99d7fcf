"""The workbook's way into the stream: one reader at a time, and bars with the deltas of its cumulative volume."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.integration.marketdata.conftest import utc
from tests.integration.marketdata.workbooks import row, write
from thor.env import Env
from thor.leadership.lease import RedisLease
from thor.marketdata import ingress, keys, poll, silence, stream
from thor.marketdata.feeds.excel import open_feeds
from thor.marketdata.feeds.port import FeedRequest
from thor.marketdata.models import Bar, FeedIncident
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.services import closed_bars, excel_poll
from thor.marketdata.workbook import Cells, Place

MINUTE = 60 * 10**9


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name a workbook in the environment, and return its path."""
    path = tmp_path / "RTD_TOS.xlsx"
    settings = Env(_env_file=None, THOR_EXCEL_FILE=str(path), THOR_EXCEL_READ="saved")
    for module in (poll, excel_poll):
        monkeypatch.setattr(module, "env", lambda: settings)
    return path


def polled(at: datetime | None = None) -> dict[str, Any]:
    return excel_poll.poll_workbook(market="globex", at=at or datetime.now(UTC))


def entries(client: redis.Redis) -> list[Any]:
    return client.xrange(keys.push("globex"))  # type: ignore[return-value]


@pytest.mark.django_db
def test_a_read_is_handed_in_and_what_was_bad_is_told(book: Path, redis_client: redis.Redis) -> None:
    write(book, row("/ES", 6000, "many", Bid="#N/A"), row("VX", None, 5, Ask=17.6), [None, 5], row("ZB", "111-16+"))

    told = polled()

    (entry,) = entries(redis_client)
    assert told == {"quotes": 3, "without_last": 1, "bad_cells": 2, "bad_rows": 1, "news": 3}
    batch = ingress.batch_of([part for pair in entry[1].items() for part in pair])
    assert (batch.source, [quote.symbol for quote in batch.quotes]) == ("EXCEL", ["/ES", "VX", "ZB"])
    found = {(one.kind, one.symbol): one.detail for one in FeedIncident.objects.all()}
    assert set(found) == {("bad_cell", "/ES"), ("bad_cell", "")}
    assert found["bad_cell", ""] == "A4: the row has no symbol."
    assert redis_client.get(keys.EXCEL_LOCK) is None


@pytest.mark.django_db
def test_rows_that_stand_still_are_not_handed_in_again(book: Path, redis_client: redis.Redis) -> None:
    write(book, row("/ES", 6000, 1000), row("ZB", "111-16+"))
    first = [polled()["news"] for _ in range(3)]
    write(book, row("/ES", 6000, 1003), row("ZB", "111-16+"))
    volume = [polled()["news"] for _ in range(2)]
    redis_client.set(keys.feed_lease("globex"), "a feed process")
    anew = [polled()["news"] for _ in range(2)]

    assert (first, volume, anew) == ([2, 0, 0], [1, 0], [2, 0])
    found = [
        ingress.batch_of([part for pair in fields.items() for part in pair]) for _, fields in entries(redis_client)
    ]
    assert [[quote.symbol for quote in batch.quotes] for batch in found] == [["/ES", "ZB"], ["/ES"], ["/ES", "ZB"]]
    assert (found[1].quotes[0].last, found[1].quotes[0].volume) == (6000.0, 1003.0)


@pytest.mark.django_db
def test_a_sheet_that_stands_still_is_silent(book: Path, redis_client: redis.Redis) -> None:
    """Given twenty minutes of readings of the same cells, a minute apart, while the market is open."""
    start = int(utc("2026-03-02T16:00").timestamp()) * 1000 * 1_000_000
    (feed,) = open_feeds(FeedRequest(venues=["globex"]))
    publisher = Publisher(feed, redis_client, "here", Begin(feed.identity, at=start - 10**9))
    write(book, row("/ES", 6000, 1000))
    polled()
    happened(redis_client, start)
    for minute in range(1, 21):
        polled()
        publisher.turn(start + minute * MINUTE, quiet=0)

    found = silence.silences(utc("2026-03-02T16:20"), ["globex"])
    assert [(one.venue, one.symbol) for one in found] == [("globex", "")]
    assert sum(len(batch) for _, batch in stream.read(redis_client, "globex", after="0-0", count=100)[0]) == 1


@pytest.mark.django_db
def test_a_reading_may_have_more_rows_than_a_batch(book: Path, redis_client: redis.Redis) -> None:
    settings = Env(_env_file=None, THOR_EXCEL_FILE=str(book), THOR_EXCEL_READ="saved", THOR_EXCEL_RANGE="A1:N1102")
    write(book, *[row(f"S{number}", 6000) for number in range(1101)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(poll, "env", lambda: settings)
        told = polled()

    assert told["news"] == 1101
    found = [
        ingress.batch_of([part for pair in fields.items() for part in pair]) for _, fields in entries(redis_client)
    ]
    assert [quote.symbol for batch in found for quote in batch.quotes] == [f"S{number}" for number in range(1101)]


@pytest.mark.django_db
def test_an_append_whose_answer_was_lost_is_taken_once(
    book: Path, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ingress.append

    def asked_again(*arguments: Any, **named: Any) -> str:
        real(*arguments, **named)
        return real(*arguments, **named)

    monkeypatch.setattr(ingress, "append", asked_again)
    write(book, row("ES", 6000))

    assert polled()["news"] == 1
    assert len(entries(redis_client)) == 1


@pytest.mark.django_db
def test_while_the_workbook_is_away_it_is_said_once_and_tried_again(
    book: Path, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="thor.marketdata"):
        away = [polled() for _ in range(3)]
        write(book, row("ES", 6000))
        back = polled()

    assert {tuple(one) for one in away} == {("waiting",)}
    assert "does not exist; save the workbook there" in away[0]["waiting"]
    assert back["quotes"] == 1
    said = [record.getMessage().split()[0] for record in caplog.records]
    assert (said.count("thor.excel.away"), said.count("thor.excel.back")) == (1, 1)
    incident = FeedIncident.objects.get(kind="disconnected")
    assert incident.ended_at is not None
    assert len(entries(redis_client)) == 1


@pytest.mark.django_db
def test_without_a_workbook_its_quotes_are_expected_from_elsewhere(redis_client: redis.Redis) -> None:
    assert polled() == {"waiting": "THOR_EXCEL_FILE names no workbook, so its quotes are expected to be pushed"}
    assert not FeedIncident.objects.exists()


@pytest.mark.parametrize(
    ("choice", "venues"),
    [
        ("simulated", ()),
        ("excel", ()),
        ("globex=simulated,crypto=push", ()),
        (" globex = Excel , crypto=push,", ("globex",)),
    ],
)
def test_the_job_has_entries_where_the_excel_feed_is_configured(
    choice: str, venues: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excel_poll, "env", lambda: Env(_env_file=None, THOR_FEED=choice))

    assert excel_poll.venues() == venues


@pytest.mark.django_db
def test_what_was_saved_long_ago_is_not_taken_for_the_prices_of_now(book: Path, redis_client: redis.Redis) -> None:
    write(book, row("ES", 6000))
    old = time.time() - 3600
    os.utime(book, (old, old))

    told = polled()

    assert "was last saved at" in told["waiting"]
    assert entries(redis_client) == []


@pytest.mark.django_db
def test_a_second_reader_waits_for_the_first(book: Path, redis_client: redis.Redis) -> None:
    write(book, row("ES", 6000))
    redis_client.set(keys.EXCEL_LOCK, "somebody", ex=10)

    told = polled()

    assert told == {"waiting": "another read of the workbook is under way"}
    assert redis_client.get(keys.EXCEL_LOCK) == b"somebody"
    assert entries(redis_client) == []


@pytest.mark.django_db
def test_the_lock_expires_by_itself(book: Path, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    monkeypatch.setattr(Place, "read", during(lambda: left.append(redis_client.pttl(keys.EXCEL_LOCK))))
    write(book, row("ES", 6000))

    polled()

    assert 0 < left[0] <= 10_000


@pytest.mark.django_db
def test_a_slow_reader_hands_in_nothing_and_leaves_the_lock_of_its_successor(
    book: Path, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def successor() -> None:
        redis_client.delete(keys.EXCEL_LOCK)  # it has expired
        RedisLease(redis_client, keys.EXCEL_LOCK).acquire("successor", timedelta(seconds=10))

    monkeypatch.setattr(Place, "read", during(successor))
    write(book, row("ES", 6000))

    told = polled()

    assert "another one has begun; nothing of it was handed in" in told["waiting"]
    assert entries(redis_client) == []
    assert redis_client.get(keys.EXCEL_LOCK) == b"successor"


@pytest.mark.django_db
def test_the_lock_is_released_whatever_happens(
    book: Path, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Place, "read", during(fail))
    with pytest.raises(ZeroDivisionError):
        polled()

    assert redis_client.get(keys.EXCEL_LOCK) is None


def during(act: Callable[[], object]) -> Callable[[Place], Cells]:
    """Return a read during which something else happens."""
    real = Place.read

    def read(place: Place) -> Cells:
        act()
        return real(place)

    return read


@pytest.mark.django_db
def test_from_the_workbook_to_bars_with_the_deltas_of_its_volume(book: Path, redis_client: redis.Redis) -> None:
    """Given a day's reads a minute apart, each by the service; then they lie in the past, as if time had passed."""
    seconds, _ = redis_client.time()
    start = (seconds // 60 - 8) * MINUTE
    reads = [(6000, 1000), (6001.25, 1000), (5999.5, 1250), ("#N/A", 1300), (6002, 1310), (6003, 40), (6003, 45)]
    for minute, (last, volume) in enumerate(reads):
        write(book, row("/ES", last, volume, Close=5990, **{"52WkHigh": 6200}), row("30YrBond", "111-16+", None))
        assert polled()["quotes"] == 2
        happened(redis_client, start + minute * MINUTE + MINUTE // 2)

    (feed,) = open_feeds(FeedRequest(venues=["globex"]))
    publisher = Publisher(feed, redis_client, "here", Begin(feed.identity, at=start))
    while publisher.turn(start + 7 * MINUTE):
        pass
    publisher.turn(start + 7 * MINUTE, quiet=0)
    closed_bars.flush(market="globex", at=datetime.fromtimestamp((start + 8 * MINUTE) / 1e9, UTC))

    bars = list(Bar.objects.filter(instrument__symbol="ES").order_by("start_at"))
    assert [int(bar.start_at.timestamp() * 1e9 - start) // MINUTE for bar in bars] == [0, 1, 2, 4, 5, 6]
    assert [bar.volume for bar in bars] == [0, 0, 250, 60, 40, 5], "the first is none, and a fall begins a new day"
    assert [float(bar.close) for bar in bars] == [6000, 6001.25, 5999.5, 6002, 6003, 6003]
    assert {bar.source for bar in bars} == {"EXCEL"}
    bonds = Bar.objects.filter(instrument__symbol="ZB")
    assert {(bar.close, bar.volume) for bar in bonds} == {(Decimal("111.515625"), 0)}
    latest = json.loads(redis_client.hget(keys.LATEST_QUOTES, "ES") or "{}")
    assert (latest["last"], latest["previous_close"], latest["high_52w"]) == (6003.0, 5990.0, 6200.0)
    assert {batch.source for _, batch in stream.read(redis_client, "globex", after="0-0", count=100)[0]} == {"EXCEL"}


def happened(client: redis.Redis, at: int) -> None:
    """Let the newest entry have been received at a time (ns) of the past."""
    kept = [(name, fields) for name, fields in entries(client)]
    client.delete(keys.push("globex"))
    for name, fields in kept[:-1]:
        client.xadd(keys.push("globex"), fields, id=name)
    client.xadd(keys.push("globex"), kept[-1][1], id=f"{at // 1_000_000}-0")
