"""`manage.py up` in legacy mode: the stack is a program of its own, and everything else is as it was."""

import contextlib
import re
import sqlite3
from pathlib import Path

import psutil
import pytest

from tests.acceptance.whole import Whole, manage

pytestmark = pytest.mark.slow


def test_the_stack_is_a_program_beside_the_web_server(tmp_path: Path) -> None:
    running = Whole(tmp_path, THOR_SCHEDULER_MODE="legacy")
    try:
        running.wait_until_ready()
        running.wait_for_runs()

        programs = running.programs()
        (supervisor,) = [one.pid for one in programs if "run_supervisor" in " ".join(one.cmdline())]
        assert len(programs) == 9
        assert f":{supervisor}:" in manage("leader", environment=running.environment).stdout.splitlines()[0]
        hosts = "SELECT DISTINCT hostname FROM jobs_run WHERE state = 'succeeded' AND name LIKE '% @ %'"
        with contextlib.closing(sqlite3.connect(f"file:{running.folder}/thor.sqlite3?mode=ro", uri=True)) as database:
            assert [host.split("@")[0] for (host,) in database.execute(hosts)] == ["stack"]
        assert running.get("THOR_WEB_PORT", "/healthz")[0] == 200

        psutil.Process(supervisor).kill()
        running.wait_for_line("supervisor was ended by SIGKILL; it starts again in")
        running.wait_for_runs()

        assert running.ctrl_c() == 0
        assert running.leftovers() == []
        assert not re.search(r"Traceback", running.said())
    finally:
        running.close()
