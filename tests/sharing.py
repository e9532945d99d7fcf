"""Share tests among processes so that nobody waits for the last one: loaded by `-p tests.sharing`.

The tests of a file stay together and in order, since they may share a house that takes a while to build. What takes
minutes begins first, and where its tests share nothing, each is taken by whoever is free.
"""

from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Files that begin first, in this order, and with what their tests stay together: nothing where each is on its own.
#: Replays keep a core busy, so one comes after the other.
LONG: Final = {
    "tests/acceptance/test_paper_run.py": "paper run",
    "tests/acceptance/test_market_day.py": "replays",
    "tests/acceptance/test_heartbeat_day.py": "replays",
    "tests/acceptance/test_driver_parity.py": "",
    "tests/acceptance/test_driver_parity_hour.py": "",
    "tests/acceptance/test_scheduler.py": "scheduler",
    "tests/acceptance/test_trading_processes.py": "trading processes",
    "tests/acceptance/test_bells.py": "",
    "tests/acceptance/test_failover.py": "",
    "tests/acceptance/test_legacy.py": "",
    "tests/acceptance/test_simulate.py": "",
    "tests/acceptance/test_recordings.py": "recordings",
    "tests/integration/trading/test_fault_schedules.py": "",
    "tests/unit/drivers/test_protocol.py": "",
    "tests/integration/marketdata/test_run_feed.py": "feed",
    "tests/integration/marketdata/test_capture_interruptions.py": "interruptions",
}
#: What wants the machine for itself comes when the others are about to be done.
LAST: Final = "tests/acceptance/chaos/test_chaos.py"
_PLACES: Final = {file: place for place, file in enumerate(LONG)} | {LAST: len(LONG) + 1}


class Sharing(LoadScopeScheduling):
    """Give each process the next file, or the next test of a file whose tests are on their own."""

    def _split_scope(self, nodeid: str) -> str:
        file = _file(nodeid)
        return LONG.get(file, file) or nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing | None:
    """Share in this way where files are to stay together."""
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return Sharing(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes long first; the rest stays where it is."""
    items.sort(key=lambda item: _PLACES.get(_file(item.nodeid), len(LONG)))


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]
