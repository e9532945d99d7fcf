"""Days are read out of the database whole and exactly, by the quick way and by the one that any database has."""

from datetime import date

import numpy as np
import pytest
from django.db import connection

from tests.integration.marketdata.ledger import day, instrument
from thor.marketdata import extremes_history

pytestmark = pytest.mark.django_db

#: (date ordinal, open, high, low, close, cleaned)
EXPECTED = [
    (date(1998, 1, 2).toordinal(), 10.0, 12.5, 9.00000001, 11.1, False),
    (date(2026, 2, 27).toordinal(), 92.81714285, 93.88, 0.00000001, 123456789.12345678, True),
]


@pytest.mark.parametrize("way", ["days_of", "selected_days", "sent_days"])
def test_days_are_read_as_they_are_stored(way: str) -> None:
    if way == "sent_days" and connection.vendor != "postgresql":
        pytest.skip("records are PostgreSQL's")
    day("SPY", "1998-01-02", 10, 12.5, 9.00000001, 11.1)
    day("SPY", "2026-02-27", 92.81714285, 93.88, 0.00000001, 123456789.12345678, origin="rolled")
    day("SPY", "2026-03-02", 1)
    day("IBM", "2026-02-27", 1)
    key = instrument("SPY").pk

    found = getattr(extremes_history, way)([key], date(2026, 3, 2))

    assert [tuple(row)[1:] for row in np.sort(found, order="date").tolist()] == EXPECTED
    assert set(found["instrument"].tolist()) == {key}


def test_without_days_there_is_an_empty_array() -> None:
    assert len(extremes_history.days_of([instrument("SPY").pk], date(2026, 3, 2))) == 0
    assert len(extremes_history.days_of([], date(2026, 3, 2))) == 0
