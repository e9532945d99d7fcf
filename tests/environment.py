"""Give the tests a place of their own before Django reads its settings: loaded by `-p tests.environment`.

Whatever the shell has configured for a real installation is taken away, except DATABASE_URL: `tests.postgres` sets it
to a private cluster to run the same tests on PostgreSQL.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from thor.env import variables

for _name in list(os.environ):
    if _name.startswith(("THOR_", "FLOWER_")) and _name not in {"THOR_REQUIRE_DOCKER", "THOR_TEST_KEEP"}:
        del os.environ[_name]
for _name in {_name for _name, *_ in variables()} - {"DATABASE_URL"}:
    os.environ.pop(_name, None)

_VAR_DIR = Path(tempfile.mkdtemp(prefix="thor-test-"))
os.environ["THOR_VAR_DIR"] = str(_VAR_DIR)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the private server and remove the folder."""
    from thor import embedded

    embedded.stop()
    if "THOR_TEST_KEEP" not in os.environ:
        shutil.rmtree(_VAR_DIR, ignore_errors=True)
