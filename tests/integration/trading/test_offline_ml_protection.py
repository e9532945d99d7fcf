"""When auto-protection is turned on after a close, and how it is turned off again."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.trading.finished import intent, trade
from thor.trading.desk import desk
from thor.trading.models import Event, Happening
from thor.trading.protection import watch_degradation
from thor.trading.services.offline_ml import learn_from_trades
from thor.trading.switch import clear_protection

pytestmark = pytest.mark.django_db(transaction=True)

START = datetime(2026, 1, 5, 20, 40, tzinfo=UTC)
CLOSE = datetime(2026, 3, 3, 21, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def watch(day: float = 0, run: UUID | None = None) -> dict[str, Any]:
    return watch_degradation(run=run or uuid4(), at=CLOSE + day * DAY)


def losing_trades(since: datetime = START, count: int = 10) -> None:
    for place in range(count):
        trade(f"S{place}", since + timedelta(hours=place), "-0.5", {"a": 1.0})


def test_a_desk_that_does_well_is_left_alone_and_nothing_is_written() -> None:
    for place in range(10):
        trade(f"S{place}", START + timedelta(hours=place), "1", {"a": 1.0})

    assert [watch(day) for day in range(4)] == [{"alerts": [], "in_a_row": 0, "protected_because": ""}] * 4

    assert not Event.objects.exists()


def test_the_third_alert_in_a_row_blocks_entries() -> None:
    losing_trades()
    said = "win rate: 0% of 10 trades at confidence 3 won"

    found = [watch(day) for day in range(4)]

    assert [(one["alerts"], one["in_a_row"]) for one in found] == [([said], count) for count in (1, 2, 3, 4)]
    because = f"3 sessions in a row: {said}"
    assert [one["protected_because"] for one in found] == ["", "", because, because]
    assert desk().protected_because == because
    assert desk().protected_at == CLOSE + 2 * DAY
    kinds = [Happening.ALERT, Happening.ALERT, Happening.ALERT, Happening.PROTECTION, Happening.ALERT]
    assert list(Event.objects.values_list("kind", flat=True)) == kinds


def test_a_session_without_an_alert_begins_the_count_anew() -> None:
    losing_trades()
    watch(0), watch(1)
    for place in range(20):
        trade(f"W{place}", START + timedelta(days=10, hours=place), "1", {"a": 1.0})

    assert watch(2)["in_a_row"] == 0
    losing_trades(START + timedelta(days=30), count=25)

    assert [watch(day)["in_a_row"] for day in (3, 6)] == [1, 2]
    assert desk().protected_because == ""


def test_a_second_attempt_of_a_run_counts_nothing_twice() -> None:
    losing_trades()
    run = uuid4()

    assert [watch(0, run)["in_a_row"] for _ in range(4)] == [1] * 4

    assert Event.objects.count() == 1
    assert desk().protected_because == ""


def test_runs_of_one_session_count_as_one() -> None:
    losing_trades()

    assert [watch(0)["in_a_row"] for _ in range(4)] == [1] * 4
    assert watch(0.5)["in_a_row"] == 1

    assert desk().protected_because == ""
    assert watch(1)["in_a_row"] == 2


def test_what_a_person_has_cleared_is_not_held_against_the_desk_again() -> None:
    losing_trades()
    for day in range(3):
        watch(day)

    clear_protection(reason="seen", by="ada", at=CLOSE + 3 * DAY)

    assert desk().protected_because == ""
    assert [watch(day)["alerts"] for day in range(4, 8)] == [[]] * 4
    losing_trades(CLOSE + 4 * DAY)
    assert [watch(day)["in_a_row"] for day in (10, 13, 14)] == [1, 2, 3]
    assert desk().protected_because


def test_intents_to_enter_are_the_signals_except_of_who_is_always_sure() -> None:
    for place in range(20):
        intent(f"S{place}", START + timedelta(hours=place), {}, confidence=5, strategy="trend_pullback_v1")
    assert watch()["alerts"] == []

    for place in range(20):
        at = START + timedelta(days=1, hours=place)
        intent(f"S{place}", at, {}, confidence=5 if place < 7 else 3, strategy="momentum_breakout_v1")
    assert watch()["alerts"] == ["confidence inflation: 7 of 20 signals are at confidence 4 or more"]


def test_sure_signals_are_told_of_and_block_nothing() -> None:
    for place in range(20):
        intent(f"S{place}", START + timedelta(hours=place), {}, confidence=5, strategy="momentum_breakout_v1")

    told = [watch(day) for day in range(4)]

    assert all(one["alerts"] for one in told)
    assert [one["in_a_row"] for one in told] == [0] * 4
    assert desk().protected_because == ""


def test_features_of_entries_that_drift_are_noticed() -> None:
    for place in range(310):
        seen = 9.0 if place >= 250 else float(place % 2)
        intent(f"S{place}", START + timedelta(hours=place), {"rsi_14": seen}, strategy="trend_pullback_v1")

    assert watch()["alerts"] == ["feature drift: rsi_14 is +17.0 deviations from its baseline"]
    assert watch_degradation(run=uuid4(), at=START + timedelta(hours=308))["alerts"] == []


def test_the_cycle_after_the_close_watches_too() -> None:
    losing_trades()

    told = [learn_from_trades(run=uuid4(), at=CLOSE + day * DAY)["protection"]["in_a_row"] for day in range(3)]

    assert told == [1, 2, 3]
    assert desk().protected_because.startswith("3 sessions in a row: win rate")
