"""What the dashboard's tests share: somebody logged in, and a clock that stands at a known Tuesday."""

import pytest
from django.test import Client

from tests.integration.dashboard.rows import TUESDAY, make_person
from thor.timing import ManualClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """Let the pages live by a clock that stands at 10:00 in New York."""
    manual = ManualClock(TUESDAY)
    monkeypatch.setattr("thor.dashboard.now.process_clock", lambda: manual)
    return manual


@pytest.fixture
def trader(db: None, clock: ManualClock) -> Client:
    """Return a client of somebody who has logged in."""
    client = Client()
    client.force_login(make_person())
    return client
