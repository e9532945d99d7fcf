"""`manage.py` says in one sentence what to do about a database that is not ready."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def said(folder: Path, database_url: str) -> tuple[int, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("THOR_")}
    environment = {**kept, "THOR_VAR_DIR": str(folder), "DATABASE_URL": database_url}
    done = subprocess.run(
        [sys.executable, "manage.py", "markets"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("database_url", "sentence"),
    [
        ("", "run python manage.py migrate."),
        ("postgres://nobody@127.0.0.1:1/thor", "check DATABASE_URL."),
    ],
    ids=["no tables", "nobody there"],
)
def test_a_database_that_is_not_ready_is_one_sentence(tmp_path: Path, database_url: str, sentence: str) -> None:
    status, output = said(tmp_path, database_url)

    assert status == 2
    assert output.startswith("thor: ")
    assert output.rstrip().endswith(sentence)
    assert output.count("\n") == 1
