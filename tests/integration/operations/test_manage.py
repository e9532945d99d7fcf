"""`manage.py` says in one sentence what to do about a database that is not ready, and ends well on any terminal."""

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


def test_a_file_that_is_no_database_is_named_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    path.write_bytes(b"nothing that SQLite has written\n" * 1000)

    status, output = said(tmp_path, f"sqlite:///{path}")

    assert status == 2
    assert output.startswith(f"thor: the database file {path} is broken (file is not a database); restore a copy")
    assert output.count("\n") == 1


# What a terminal cannot show, and a name that is no text. Each turns the switch in a database of its own.


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the tables of Thor."""
    folder = tmp_path_factory.mktemp("desk")
    assert ran(folder, "migrate").returncode == 0
    return folder


def ran(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("THOR_")}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**kept, "THOR_VAR_DIR": str(folder), "DATABASE_URL": "", **variables},
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", b"f?r ?"), ("latin-1", b"f\xfcr ?"), ("ascii:surrogateescape", b"f?r ?"), ("utf-8", "für Σ".encode())],
)
def test_a_command_that_did_its_work_says_so_in_any_encoding(desk: Path, encoding: str, shown: bytes) -> None:
    done = ran(desk, "trading", "active", "--reason", "für Σ", PYTHONIOENCODING=encoding, PYTHONUTF8="1")

    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout == b"Trading is active: " + shown + b"\n"
    assert "für Σ" in ran(desk, "trading", PYTHONIOENCODING="utf-8").stdout.decode()


def test_a_report_is_printed_in_any_encoding(desk: Path) -> None:
    done = ran(desk, "report", PYTHONIOENCODING="latin-1")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"Trading report")


def test_whoever_asks_under_a_name_that_is_no_text_is_obeyed(desk: Path) -> None:
    done = ran(desk, "trading", "reducing", "--reason", "ok", LOGNAME=os.fsdecode(b"j\xff"))

    assert (done.returncode, done.stdout) == (0, b"Trading is reducing: ok\n")
    assert b"j?" in ran(desk, "trading").stdout
