"""What the command says of captured sessions."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command

from tests.integration.marketdata.opening import (
    CLOSE,
    DAY,
    OPEN,
    SECOND,
    T0,
    T1,
    around,
    before_the_open,
    quotes,
    watch,
)
from tests.integration.marketdata.publishing import Script
from thor.marketdata.models import Capture, SessionCapture
from thor.marketdata.services.market_close_capture import capture_close
from thor.marketdata.services.market_open_capture import capture_open

pytestmark = pytest.mark.django_db(transaction=True)


def said(*args: Any) -> str:
    out = io.StringIO()
    call_command("captures", *args, stdout=out)
    return out.getvalue()


@pytest.fixture
def script(store: redis.Redis) -> Script:
    watch("SPY", "IBM")
    found = Script(store)
    before_the_open(found, SPY=103.0, IBM=94.0)
    capture_open(market="usa", at=OPEN, patience=timedelta(0))
    return found


def test_a_session_is_printed_for_people(script: Script) -> None:
    script.append(quotes(T1, around("SPY", T0 + 90 * SECOND, 105.2)))
    capture_close(market="usa", at=CLOSE, session_date=DAY, patience=timedelta(0))

    text = said()

    spy = next(line for line in text.splitlines() if "SPY" in line)
    for cell in ("buy +1", "103.00", "+3.00", "103.10", "105.10", "101.10", "worked", "09:31:30 at 105.10", "105.20"):
        assert cell in spy
    assert "strong sell -2" in text
    assert "usa, Mon 2026-03-02, open 09:30:00 America/New_York" in text
    assert "closed at 16:00:00" in text
    assert "no close before" not in text


def test_it_says_why_there_is_no_signal_and_prints_the_newest_session_alone(script: Script) -> None:
    Capture.objects.filter(symbol="IBM").update(previous_close=None, signal="")
    SessionCapture.objects.create(market="usa", session_date="2026-02-27", opens_at=OPEN, captured_at=OPEN)

    text = said()

    assert "no close before is known of IBM: manage.py import_daily" in " ".join(text.split())
    assert "2026-02-27" not in text


def test_a_session_that_is_not_closed_says_so(script: Script) -> None:
    assert "not closed yet" in said("--market", "usa", "--date", "2026-03-02")


def test_a_session_is_printed_as_json(script: Script) -> None:
    (found,) = json.loads(said("--market", "usa", "--json"))

    assert (found["market"], found["session_date"], found["captured_at"]) == ("usa", "2026-03-02", OPEN.isoformat())
    spy = found["rows"][0]
    assert (spy["symbol"], spy["entry"], spy["target_high"], spy["outcome"]) == ("SPY", "103.1", "105.1", "PENDING")


def test_nothing_captured_is_said_and_an_unknown_market_refused(store: redis.Redis) -> None:
    assert said("--date", "2026-03-01") == "No session on 2026-03-01 has been captured.\n"
    assert said("--market", "usa") == "No session of usa has been captured.\n"
    assert json.loads(said("--json")) == []
    with pytest.raises(CommandError, match="is no market"):
        said("--market", "atlantis")
