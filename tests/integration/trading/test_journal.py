"""The journal: once, in order, without gaps, by one writer at a time."""

import threading
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction

from thor.trading import journal
from thor.trading.desk import hold
from thor.trading.models import Desk, Event, Happening
from thor.trading.models.journal import AppendOnly

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 3, 3, 15, tzinfo=UTC)
THREADS, EACH = 4, 10


def write(key: str) -> Event:
    with hold():
        return journal.record(Happening.SIGNAL, at=AT, key=key, symbol="SPY")


def test_the_same_said_twice_is_written_once() -> None:
    first, second, other = write("a"), write("a"), write("b")

    assert (first.number, second.number, other.number) == (1, 1, 2)


def test_figures_are_kept_as_they_are_written() -> None:
    with hold():
        journal.record(
            Happening.FILLED,
            at=AT,
            key="a",
            run=UUID(int=1),
            price=Decimal("100.5000"),
            when=AT,
            quantity=Decimal(1000),
        )

    event = Event.objects.get()
    assert event.fields == {"price": "100.5", "when": "2026-03-03T15:00:00+00:00", "quantity": "1000"}
    assert event.run == UUID(int=1)


def test_what_is_rolled_back_leaves_no_gap() -> None:
    write("a")
    with suppress(IntegrityError), hold():
        journal.record(Happening.SIGNAL, at=AT, key="lost")
        Desk.objects.create(pk=1)
    write("b")

    assert list(Event.objects.values_list("number", "key")) == [(1, "a"), (2, "b")]


def test_many_writers_number_their_events_one_after_the_other() -> None:
    def work(name: int) -> None:
        for number in range(EACH):
            write(f"{name}:{number}")
        connection.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert list(Event.objects.values_list("number", flat=True)) == list(range(1, THREADS * EACH + 1))


def test_the_desk_is_not_held_inside_of_what_may_be_taken_back() -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic(), hold():
        pass


def test_what_is_written_is_neither_changed_nor_taken_out() -> None:
    event = Event.objects.create(number=1, key="k", at=AT, kind=Happening.ALERT)
    event.symbol = "SPY"

    for forbidden in (
        event.save,
        event.delete,
        Event.objects.filter(number=1).delete,
        lambda: Event.objects.update(symbol="SPY"),
    ):
        with pytest.raises(AppendOnly):
            forbidden()

    assert Event.objects.get().symbol == ""
