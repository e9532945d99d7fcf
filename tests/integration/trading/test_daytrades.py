"""Day trades are the broker's to count, and the journal's where the broker does not tell."""

from dataclasses import replace

import pytest

from tests.integration.trading.memory_desk import MemoryDesk
from thor.trading.daytrades import day_trades
from thor.trading.models import Purpose

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> MemoryDesk:
    """Return a desk that has bought and sold SPY on one day, and has bought it again."""
    found = MemoryDesk()
    found.buy()
    found.wait(hours=1)
    found.sell()
    found.wait(hours=1)
    found.send(found.plan(found.want(session_date="2026-03-04"), run=3))
    return found


def count(desk: MemoryDesk, told: int | None) -> int:
    return day_trades(replace(desk.broker.account(), day_trades=told), desk.now)


def test_what_the_broker_tells_counts(desk: MemoryDesk) -> None:
    assert [count(desk, told) for told in (0, 2)] == [0, 2]


def test_what_it_does_not_tell_is_counted_in_the_journal_over_five_sessions(desk: MemoryDesk) -> None:
    assert count(desk, None) == 1

    desk.wait(days=1)
    desk.send(desk.plan(desk.want(Purpose.EXIT, exit_type="SWING_EXIT"), run=4))
    assert count(desk, None) == 1  # bought the day before

    desk.wait(days=5)  # the fifth session since
    assert count(desk, None) == 1
    desk.wait(days=1)
    assert count(desk, None) == 0
