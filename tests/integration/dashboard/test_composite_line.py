"""The line of the first page that sums up the world's markets."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from thor.timing import ManualClock


@pytest.mark.parametrize("address", ["/", "/live/"])
@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 11, 27, 17, 59, 59, tzinfo=UTC), "30.00 American session"),  # New York's half day
        (datetime(2026, 11, 27, 18, tzinfo=UTC), "5.00 American session"),
        (datetime(2026, 11, 28, 22, tzinfo=UTC), "0.00 overlap"),
    ],
)
def test_it_shows_the_composite_and_who_leads(
    trader: Client, clock: ManualClock, address: str, at: datetime, text: str
) -> None:
    clock.set(at)

    (line,) = re.findall(r"<dt>Composite</dt><dd>(.*?)</dd>", trader.get(address).content.decode())

    assert re.sub(r"<[^>]*>", "", line) == text
