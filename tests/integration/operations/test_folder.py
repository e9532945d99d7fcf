"""One `up` a folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from thor.env import BASE_DIR
from thor.operations import folder

OCCUPY = """
import sys, time
from pathlib import Path
from thor.operations import folder
with folder.occupied(Path(sys.argv[1])):
    print("occupied", flush=True)
    time.sleep(60)
"""


def occupying(path: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-c", OCCUPY, str(path)], cwd=BASE_DIR, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"occupied\n"
    return process


def test_a_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    with folder.occupied(tmp_path):
        pass

    assert folder.occupant(tmp_path) is None
    with folder.occupied(tmp_path):
        pass


def test_an_occupied_folder_is_refused_with_the_process_that_has_it(tmp_path: Path) -> None:
    process = occupying(tmp_path)
    try:
        with pytest.raises(folder.AlreadyRuns, match=rf"process {process.pid}.*make down"), folder.occupied(tmp_path):
            pytest.fail("two in one folder")
        assert folder.occupant(tmp_path) == process.pid
    finally:
        process.kill()
        process.wait()


def test_a_folder_whose_occupant_was_killed_is_free(tmp_path: Path) -> None:
    process = occupying(tmp_path)
    process.kill()
    process.wait()

    # The file still names the process, and by now that number may be somebody else's.
    assert (tmp_path / folder.FILE).read_text().strip() == str(process.pid)
    assert folder.occupant(tmp_path) is None
    assert folder.tell_to_end(tmp_path) is None


def test_telling_to_end_waits_for_the_end(tmp_path: Path) -> None:
    process = occupying(tmp_path)

    assert folder.tell_to_end(tmp_path) == process.pid
    assert process.wait(60) == -15


def test_a_folder_that_does_not_exist_has_no_occupant_and_is_not_made(tmp_path: Path) -> None:
    assert folder.occupant(tmp_path / "none") is None
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence() -> None:
    with pytest.raises(folder.BadConfiguration, match="set THOR_VAR_DIR"), folder.occupied(Path("/proc/none")):
        pytest.fail(f"written by {os.getpid()}")
