"""Houses for acceptance tests."""

from collections.abc import Iterator

import pytest

from tests.acceptance.house import House, built


@pytest.fixture
def house() -> Iterator[House]:
    """Return a house with tables and rows, in which nothing runs yet."""
    with built() as made:
        yield made.prepare()
