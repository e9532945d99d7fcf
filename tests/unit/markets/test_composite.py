"""The global composite over a day, with the markets of the box and their real calendars."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from thor.markets import composite
from thor.markets.box import BOX
from thor.markets.composite import SessionPhase, global_composite, session_phase
from thor.markets.models import Market
from thor.markets.sessions import sessions_of_calendar

MOMENT = timedelta(microseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.fixture(autouse=True)
def _without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [boxed.row(place) for place, boxed in enumerate(BOX)]

    def trading(at: datetime, role: str | None = None) -> list[Market]:
        return [row for row in rows if row.role == role and sessions_of_calendar(row.calendar).is_open(at)]

    monkeypatch.setattr(composite, "active_markets", trading)


@pytest.mark.parametrize(
    ("at", "value", "counted"),
    [
        ("2026-11-20 00:00:00", "25.00", ["japan"]),
        ("2026-11-20 02:00:00", "35.00", ["japan", "china"]),
        ("2026-11-20 02:45:00", "10.00", ["china"]),  # lunch in Tokyo
        ("2026-11-20 04:00:00", "30.00", ["japan", "india"]),  # lunch in Shanghai, India from 03:45
        ("2026-11-20 14:00:00", "30.00", ["germany", "united_kingdom", "pre_usa"]),
        ("2026-11-20 14:30:00", "55.00", ["germany", "united_kingdom", "usa", "canada", "mexico"]),
        ("2026-11-26 17:00:00", "5.00", ["canada", "mexico"]),  # Thanksgiving
        ("2026-11-27 18:00:00", "5.00", ["canada", "mexico"]),  # half day
        ("2026-11-21 15:00:00", "0.00", []),  # Saturday, though crypto trades
    ],
)
def test_it_sums_the_weights_of_the_control_markets_that_trade(at: str, value: str, counted: list[str]) -> None:
    found = global_composite(utc(at))

    assert str(found.value) == value
    assert [row.key for row in found.markets] == counted
    assert found.at == utc(at)


def test_it_is_exact_however_many_small_weights_are_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [Market(key=str(number), weight=Decimal("0.0001")) for number in range(10_000)]
    monkeypatch.setattr(composite, "active_markets", lambda at, role: many)

    assert global_composite(utc("2026-11-20 15:00:00")).value == Decimal("100.00")


@pytest.mark.parametrize(
    ("hour", "before", "phase"),
    [
        (0, SessionPhase.overlap, SessionPhase.asian),
        (8, SessionPhase.asian, SessionPhase.european),
        (14, SessionPhase.european, SessionPhase.american),
        (21, SessionPhase.american, SessionPhase.overlap),
    ],
)
def test_the_session_phase_changes_with_the_hour_in_utc(hour: int, before: str, phase: str) -> None:
    at = datetime(2026, 3, 8, hour, tzinfo=UTC)

    assert (session_phase(at - MOMENT), session_phase(at)) == (before, phase)


def test_the_session_phase_is_that_of_utc_wherever_the_question_comes_from() -> None:
    new_york = datetime(2026, 3, 8, 16, 59, tzinfo=timezone(timedelta(hours=-4)))

    assert session_phase(new_york) == SessionPhase.american
    assert session_phase(new_york + timedelta(minutes=1)) == SessionPhase.overlap
