"""Houses for acceptance tests, and the time that they may take."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.house import HANGS, House, built

#: How long a test may take that says nothing else: it says what it waits for in vain before it is ended.
LIMIT = 4 * HANGS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bound every test of this folder that has no bound of its own, generously."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMIT))


@pytest.fixture
def house() -> Iterator[House]:
    """Return a house with tables and rows, in which nothing runs yet."""
    with built() as made:
        yield made.prepare()
