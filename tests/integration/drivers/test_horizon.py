"""The leader says which calendars end soon, whether anybody looks at a page or not."""

from datetime import UTC, datetime, time, timedelta

import pytest

from tests.integration.drivers.conftest import World
from thor.markets import horizon
from thor.markets.sessions import sessions_of
from thor.timing import ManualClock


def test_a_leader_raises_the_alarm_of_a_calendar_that_ends_soon(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(horizon, "_alarmed", {})
    end = sessions_of("china").known_until
    world.clock = ManualClock(datetime.combine(end - timedelta(days=20), time(3), UTC))
    world.new_leader()

    world.after(1)
    world.after(1)

    assert [one.levelname for one in caplog.records if one.message.startswith("thor.market.horizon: china")] == [
        "WARNING"
    ]
