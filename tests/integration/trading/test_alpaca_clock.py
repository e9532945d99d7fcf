"""What Alpaca's answers become, and what becomes of answers that are none."""

import json
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.integration.trading.alpaca_server import KEYS, Alpaca, cut, says, silent, status, trickling
from tests.integration.trading.given_up import PATIENT
from thor.markets.broker_clock import ClockUnavailable
from thor.trading.alpaca_clock import AlpacaClock


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def half_day(alpaca: Alpaca) -> Alpaca:
    """Let it be the morning of the half day of 2026-11-27."""
    alpaca.calendar = {"2026-11-25": ("09:30", "16:00"), "2026-11-27": ("09:30", "13:00")}
    alpaca.tells(
        "2026-11-27T10:15:00.123456789-05:00",
        is_open=True,
        next_open="2026-11-30T09:30:00-05:00",
        next_close="2026-11-27T13:00:00-05:00",
    )
    return alpaca


def test_a_half_day_is_told_by_the_clock_and_by_the_calendar(half_day: Alpaca, clock: AlpacaClock) -> None:
    found = clock.ask()

    assert (found.is_open, found.timestamp) == (True, utc("2026-11-27T15:15:00.123456"))
    assert (found.opens_at, found.closes_at) == (utc("2026-11-30T14:30:00"), utc("2026-11-27T18:00:00"))
    assert (found.day, found.day_open, found.day_close) == (
        date(2026, 11, 27),
        utc("2026-11-27T14:30:00"),
        utc("2026-11-27T18:00:00"),
    )
    assert half_day.asked[1] == ("/v2/calendar", {"start": "2026-11-27", "end": "2026-11-27"})


def test_the_day_is_new_yorks_although_london_has_another(alpaca: Alpaca, clock: AlpacaClock) -> None:
    alpaca.calendar = {"2026-11-24": ("09:30", "16:00"), "2026-11-25": ("09:30", "16:00")}
    alpaca.tells(
        "2026-11-25T02:30:00Z",
        is_open=False,
        next_open="2026-11-25T14:30:00Z",
        next_close="2026-11-25T21:00:00Z",
    )

    found = clock.ask()

    assert (found.day, found.day_close) == (date(2026, 11, 24), utc("2026-11-24T21:00:00"))


def test_a_session_that_goes_on_past_midnight_closes_tomorrow(alpaca: Alpaca, clock: AlpacaClock) -> None:
    alpaca.tells(
        "2026-11-24T23:59:59-05:00",
        is_open=True,
        next_open="2026-11-25T20:00:00-05:00",
        next_close="2026-11-25T04:00:00-05:00",
    )

    found = clock.ask()

    assert (found.is_open, found.closes_at) == (True, utc("2026-11-25T09:00:00"))
    assert (found.day, found.day_open) == (date(2026, 11, 24), None)


def test_a_time_without_an_offset_is_utc(alpaca: Alpaca, clock: AlpacaClock) -> None:
    alpaca.tells(
        "2026-11-24T12:00:00", is_open=False, next_open="2026-11-24T14:30:00", next_close="2026-11-24T21:00:00"
    )

    assert clock.ask().opens_at == utc("2026-11-24T14:30:00")


@pytest.mark.parametrize("number", [429, 500, 504, 401, 302])
@pytest.mark.parametrize("answered", [0, 1], ids=["clock", "calendar"])
def test_a_status_that_is_not_200_is_no_answer(
    half_day: Alpaca, clock: AlpacaClock, number: int, answered: int
) -> None:
    half_day.faults = [says('{"timestamp": "2026-11-27T15:15:00Z"}')] * answered + [status(number)]

    with pytest.raises(ClockUnavailable, match=f"Alpaca answered {number} "):
        clock.ask()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("<html>maintenance</html>", "no JSON"),
        ("", "no JSON"),
        ('"open"', "timestamp=None"),
        ('{"timestamp": 5}', "timestamp=5"),
        ("[" * 100_000, "no JSON"),
        ('{"timestamp": "0001-01-01T00:00:00+14:00"}', "timestamp='0001-01-01T00:00:00.14:00'"),
        ('{"timestamp": "9999-12-31T23:59:59-14:00"}', "timestamp='9999-12-31T23:59:59-14:00'"),
        ('{"timestamp": "2026-11-27T15:15:00Z", "is_open": "yes"}', "is_open='yes'"),
        ('{"timestamp": "2026-11-27T15:15:00Z", "is_open": true, "next_open": "soon"}', "next_open='soon'"),
    ],
)
def test_nonsense_is_no_answer(half_day: Alpaca, clock: AlpacaClock, text: str, sentence: str) -> None:
    half_day.faults = [says(text)]

    with pytest.raises(ClockUnavailable, match=sentence):
        clock.ask()


@pytest.mark.parametrize(
    "changes",
    [
        {"is_open": False},
        {"next_close": "2026-11-27T10:00:00-05:00"},
        {"next_open": "2026-11-27T09:30:00-05:00"},
    ],
    ids=["closed before the next close", "close in the past", "open in the past"],
)
def test_a_clock_that_contradicts_itself_is_no_answer(
    half_day: Alpaca, clock: AlpacaClock, changes: dict[str, Any]
) -> None:
    half_day.clock |= changes

    with pytest.raises(ClockUnavailable, match="contradicts itself"):
        clock.ask()


@pytest.mark.parametrize(
    "text", ["{}", '["2026-11-27"]', '[{"date": "2026-11-27"}]', '[{"date": "2026-11-27", "open": "9", "close": null}]']
)
def test_a_calendar_that_cannot_be_read_is_no_answer(half_day: Alpaca, clock: AlpacaClock, text: str) -> None:
    half_day.faults = [says(json.dumps(half_day.clock)), says(text)]

    with pytest.raises(ClockUnavailable, match="Alpaca's calendar"):
        clock.ask()


@pytest.mark.parametrize("fault", [silent(30.0), trickling(30.0)], ids=["silent", "a byte at a time"])
def test_a_slow_answer_is_given_up_in_time(half_day: Alpaca, fault: Any) -> None:
    half_day.faults = [fault]
    began = time.monotonic()

    with pytest.raises(ClockUnavailable, match=r"within 0\.5 s"):
        AlpacaClock(half_day.url, *KEYS, timeout=0.5).ask()

    assert time.monotonic() - began < 10


def test_an_answer_that_breaks_off_is_no_answer(half_day: Alpaca, clock: AlpacaClock) -> None:
    half_day.faults = [cut]

    with pytest.raises(ClockUnavailable, match="cannot be reached"):
        clock.ask()


def test_a_server_that_is_not_there_is_no_answer() -> None:
    with pytest.raises(ClockUnavailable, match="cannot be reached"):
        AlpacaClock("http://127.0.0.1:9", "key", "secret", timeout=PATIENT).ask()


def test_wrong_keys_are_said_without_showing_them(half_day: Alpaca) -> None:
    with pytest.raises(ClockUnavailable, match="403") as raised:
        AlpacaClock(half_day.url, "PKTEST", "a wrong secret", timeout=PATIENT).ask()

    assert "secret" not in str(raised.value)


def test_a_process_that_asks_nothing_does_not_load_the_http_client() -> None:
    script = (
        "import django, os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'thor.settings';"
        "os.environ.update(APCA_API_KEY_ID='k', APCA_API_SECRET_KEY='s'); django.setup();"
        "from thor.markets.broker_clock import connected;"
        "assert connected() is not None; assert 'httpx' not in sys.modules"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
