"""Feed incidents: one row for each trouble, whoever reports it, and nothing that stops the reporter."""

import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, DataError, connection, connections
from django.test.utils import CaptureQueriesContext

from tests.integration.marketdata.conftest import utc
from thor.marketdata import incident_rows, incidents
from thor.marketdata.models import FeedIncident

T0 = utc("2013-10-07T13:30")
VENUE = "us_equities"
Kind = FeedIncident.Kind


def rows() -> list[tuple[str, str, int, bool]]:
    found = FeedIncident.objects.order_by("first_at", "symbol", "kind")
    return [(row.symbol, row.kind, row.count, row.ended_at is None) for row in found]


@pytest.mark.django_db
def test_what_happens_again_is_added_to_the_open_incident() -> None:
    incidents.report(VENUE, Kind.BAD_PRICE, "SPY", source="REPLAY", at=T0, count=2, detail="price -1")
    incidents.report(VENUE, Kind.BAD_PRICE, "SPY", at=T0 + timedelta(seconds=5), count=3, detail="price 0")
    incidents.report(VENUE, Kind.BAD_PRICE, "IBM", at=T0)

    assert rows() == [("IBM", "bad_price", 1, True), ("SPY", "bad_price", 5, True)]
    row = FeedIncident.objects.get(symbol="SPY")
    assert (row.first_at, row.last_at) == (T0, T0 + timedelta(seconds=5))
    assert (row.source, row.detail) == ("REPLAY", "price 0")


@pytest.mark.django_db
def test_after_its_end_the_same_trouble_begins_a_new_incident() -> None:
    incidents.end(VENUE, Kind.DISCONNECTED, at=T0)
    incidents.report(VENUE, Kind.DISCONNECTED, at=T0)
    incidents.end(VENUE, Kind.DISCONNECTED, at=T0 + timedelta(seconds=9))
    incidents.report(VENUE, Kind.DISCONNECTED, at=T0 + timedelta(seconds=20))

    assert rows() == [("", "disconnected", 1, False), ("", "disconnected", 1, True)]
    assert FeedIncident.objects.earliest("first_at").ended_at == T0 + timedelta(seconds=9)


@pytest.mark.django_db
def test_a_silence_is_one_however_often_it_is_seen() -> None:
    for second in range(3):
        incidents.report(VENUE, Kind.SILENT, at=T0 + timedelta(seconds=second))

    assert rows() == [("", "silent", 1, True)]


@pytest.mark.django_db
def test_a_flood_costs_a_few_statements_and_counts_every_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    # All within a second, however slow the machine: another one would allow another statement.
    monkeypatch.setattr(incidents, "time", SimpleNamespace(monotonic=lambda: 0.0))
    incidents.forget()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        for number in range(5_000):
            incidents.report(VENUE, Kind.BAD_PRICE, f"S{number % 700}", at=T0)
        incidents.flush()

    statements = [query for query in queries if "INSERT INTO" in query["sql"]]
    assert len(statements) <= incidents.BURST + 6
    assert sum(count for _, _, count, _ in rows()) == 5_000


@pytest.mark.django_db
def test_quiet_incidents_end_by_themselves_but_states_do_not() -> None:
    incidents.report(VENUE, Kind.JUMP, "SPY", at=T0)
    incidents.report(VENUE, Kind.JUMP, "IBM", at=T0 + timedelta(minutes=10))
    incidents.report(VENUE, Kind.JUMP, "AIG", at=T0 + timedelta(days=400))
    incidents.report("globex", Kind.JUMP, "ES", at=T0)
    incidents.report(VENUE, Kind.SILENT, at=T0)

    ended = incidents.sweep(VENUE, T0 + incident_rows.QUIET)

    assert ended == 2
    assert FeedIncident.objects.get(symbol="SPY").ended_at == T0
    still_open = set(FeedIncident.objects.filter(ended_at=None).values_list("symbol", "kind"))
    assert still_open == {("IBM", "jump"), ("ES", "jump"), ("", "silent")}


@pytest.mark.django_db
def test_without_a_database_nothing_is_raised_and_nothing_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise DatabaseError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(incident_rows, "write", refuse)
        for _ in range(4):
            incidents.report(VENUE, Kind.LATE, at=T0)
        incidents.end(VENUE, Kind.SILENT, at=T0)
        assert incidents.flush() is False

    assert incidents.flush() is True
    assert rows() == [("", "late", 4, True)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
def test_two_reporters_at_once_count_in_one_row() -> None:
    barrier = threading.Barrier(4)

    def count() -> None:
        barrier.wait()
        for _ in range(10):
            incident_rows.write([incident_rows.Episode(VENUE, "SPY", "jump", "", T0, T0, 1, "")])
        connections.close_all()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert rows() == [("SPY", "jump", 40, True)]


@pytest.mark.django_db(transaction=True)
def test_a_thread_writes_for_a_feed_and_writes_the_rest_at_the_end() -> None:
    with incidents.written_behind(), CaptureQueriesContext(connection) as queries:
        for _ in range(100):
            incidents.report(VENUE, Kind.BAD_PRICE, "SPY", at=T0)
        assert len(queries) == 0

    assert rows() == [("SPY", "bad_price", 100, True)]


@pytest.mark.django_db
@pytest.mark.database
def test_a_text_that_no_database_holds_is_cleaned_and_keeps_nothing_from_its_row() -> None:
    incidents.report(VENUE, Kind.BAD_PRICE, "A\0B", source="\ud800", at=T0, detail="a \0 \ud800" + "x" * 400)
    incidents.report(VENUE, Kind.BAD_PRICE, "SPY" * 40, at=T0, count=2**40)
    incidents.report(VENUE, Kind.JUMP, "IBM", at=T0)

    assert incidents.flush() is True
    assert [(kind, symbol) for symbol, kind, _, _ in rows()] == [
        ("bad_price", "A\ufffdB"),
        ("jump", "IBM"),
        ("bad_price", ("SPY" * 40)[:32]),
    ]
    assert FeedIncident.objects.get(symbol="A\ufffdB").detail.startswith("a \ufffd ?xxx")


@pytest.mark.django_db
def test_what_the_database_refuses_is_dropped_and_said_and_the_rest_is_written(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = incident_rows.write

    def refuse_spy(episodes: list[incident_rows.Episode]) -> None:
        if any(episode.symbol == "SPY" for episode in episodes):
            raise DataError("invalid")
        real(episodes)

    monkeypatch.setattr(incident_rows, "write", refuse_spy)
    monkeypatch.setattr(incidents, "PAUSE", 600.0)  # so that the thread, which is not of this transaction, writes none
    with incidents.written_behind():
        for symbol in ("AIG", "SPY", "IBM"):
            incidents.report(VENUE, Kind.JUMP, symbol, at=T0)
        with caplog.at_level("WARNING", logger="thor.marketdata"):
            assert incidents.flush() is True

    assert [symbol for symbol, *_ in rows()] == ["AIG", "IBM"]
    assert "thor.feed.incident_dropped incident=jump us_equities SPY" in caplog.text


@pytest.mark.django_db
def test_reporting_raises_nothing_and_its_thread_lives_on_whatever_a_write_raises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = threading.Event()

    def fail(*_: object) -> None:
        failed.set()
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(incident_rows, "write", fail)
    monkeypatch.setattr(incidents, "PAUSE", 0.01)
    incidents.report(VENUE, Kind.JUMP, "SPY", at=T0)
    with incidents.written_behind():
        failed.clear()
        incidents.report(VENUE, Kind.JUMP, "IBM", at=T0)
        assert failed.wait(20)
        failed.clear()
        incidents.report(VENUE, Kind.JUMP, "AIG", at=T0)
        assert failed.wait(20), "the thread is alive"
