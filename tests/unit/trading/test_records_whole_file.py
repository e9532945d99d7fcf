"""A file is written whole, and what is no file is written to and stays what it was."""

import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from thor.trading.records.whole_file import Unwritable, write_whole

OUT = "from pathlib import Path; from thor.trading.records.whole_file import write_whole; "


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.csv"

    write_whole(path, "one\n")
    write_whole(path, ["two\n", "three\n"])

    assert path.read_text() == "two\nthree\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe, came = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: came.append(pipe.read_text()), daemon=True)
    reader.start()

    write_whole(pipe, ["one\n", "two ü\n"])
    reader.join(30)

    assert came == ["one\ntwo ü\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    real, link = tmp_path / "real" / "report.csv", tmp_path / "link.csv"
    real.parent.mkdir()
    real.write_text("old")
    link.symlink_to(Path("real/report.csv"))

    write_whole(link, "new")

    assert link.readlink() == Path("real/report.csv")
    assert real.read_text() == "new"
    assert list(real.parent.iterdir()) == [real]


def test_a_link_to_nothing_yet_stays(tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "later" / "report.csv")

    write_whole(link, "new")

    assert link.is_symlink()
    assert (tmp_path / "later" / "report.csv").read_text() == "new"


def test_what_can_hold_no_text_is_one_sentence_and_stays(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))

        for path in (tmp_path, tmp_path / "socket"):
            with pytest.raises(Unwritable, match="cannot be written"):
                write_whole(path, "text")

        assert (tmp_path / "socket").is_socket()


def test_links_in_a_circle_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")

    with pytest.raises(Unwritable, match="cannot be written"):
        write_whole(tmp_path / "one", "text")


def test_a_source_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("old")

    with pytest.raises(ZeroDivisionError):
        write_whole(path, (str(1 // number) for number in (1, 0)))

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_output_of_the_process_is_written_to_and_goes_on(tmp_path: Path) -> None:
    """The link stands for /dev/stdout; what the shell's `>>` has kept must be kept, and what is said later follows."""
    link, kept = tmp_path / "stdout", tmp_path / "kept.txt"
    link.symlink_to("/proc/self/fd/1")
    kept.write_text("before\n")
    code = OUT + f"write_whole(Path({str(link)!r}), 'text\\n'); print('after')"

    with kept.open("a") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True, timeout=60)
    piped = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, timeout=60)

    assert kept.read_text() == "before\ntext\nafter\n"
    assert piped.stdout == b"text\nafter\n"
    assert link.is_symlink()
