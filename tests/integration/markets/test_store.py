"""The files of sessions: made once by many processes, made again when damaged or old, refused in one sentence."""

import os
import shutil
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from thor.markets import sessions, store
from thor.markets.box import BOXED_CALENDARS
from thor.markets.build import file_name, folder_name
from thor.markets.sessions import sessions_of_calendar
from thor.markets.store import CalendarUnavailable

ROOT = Path(__file__).resolve().parents[3]
ASK = """
import django
django.setup()
from thor.markets import store
columns, stamped = store.load("XNYS", others=("XTKS",))
print(len(columns), stamped)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give an empty folder for the files, and a process that has read none."""
    place = tmp_path / folder_name()
    place.mkdir()
    monkeypatch.setattr(store, "folder", lambda: place)
    monkeypatch.setattr(sessions, "_by_calendar", {})
    monkeypatch.setattr(sessions, "_rebuild_at", float("-inf"))
    return place


@pytest.fixture
def filled(request):
    """Give a folder with the files of the box, copied from those that this run has had made."""
    sessions_of_calendar("24/7")
    made = store.folder()
    folder = request.getfixturevalue("folder")
    for path in made.glob("*.sessions"):
        shutil.copy2(path, folder)
    return folder


def ask_at_once(count: int, var_dir: Path) -> list[str]:
    environment = {**os.environ, "THOR_VAR_DIR": str(var_dir), "PYTHONPATH": str(ROOT)}
    environment["DJANGO_SETTINGS_MODULE"] = "thor.settings"
    command = [sys.executable, "-c", ASK]
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    answers = []
    for process in processes:
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        answers.append(out)
    return answers


def test_processes_that_start_at_once_have_the_files_made_by_one_of_them(tmp_path):
    answers = ask_at_once(3, tmp_path)

    assert len(set(answers)) == 1
    assert len(list(tmp_path.rglob("*.sessions"))) == 2


def test_a_missing_file_is_made_with_those_of_the_whole_box(folder):
    table = sessions_of_calendar("XNYS")

    assert table.on(date(2013, 10, 7))
    assert {path.name for path in folder.glob("*.sessions")} == {file_name(name) for name in BOXED_CALENDARS}
    assert not list(folder.glob("*.tmp"))


def test_a_damaged_file_is_made_again(filled):
    (filled / file_name("24/7")).write_bytes(b"half a fi")

    columns, _ = store.load("24/7")

    assert len(columns) > 10_000


def test_an_old_file_serves_at_once_and_is_made_again_in_the_background(filled):
    store.load("24/7")
    path = filled / file_name("24/7")
    two_days_ago = path.stat().st_mtime - 2 * 86_400
    os.utime(path, (two_days_ago, two_days_ago))

    table = sessions_of_calendar("24/7")

    assert table.is_open(datetime(2026, 11, 21, tzinfo=UTC))
    deadline = time.monotonic() + 60
    while store.is_old(store.stamp("24/7")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not store.is_old(store.stamp("24/7"))


def test_a_replaced_file_is_noticed_and_the_same_content_keeps_the_table(filled, monkeypatch):
    monkeypatch.setattr(sessions, "LOOK_AGAIN", 0.0)
    before = sessions_of_calendar("24/7")
    path = filled / file_name("24/7")
    later = path.stat().st_mtime + 5

    os.utime(path, (later, later))
    assert sessions_of_calendar("24/7") is before

    path.write_bytes((filled / file_name("XNYS")).read_bytes())
    os.utime(path, (later + 5, later + 5))
    assert sessions_of_calendar("24/7") is not before
    assert not sessions_of_calendar("24/7").continuous


def test_files_that_were_deleted_under_a_running_process_do_not_harm_it(filled, monkeypatch):
    monkeypatch.setattr(sessions, "LOOK_AGAIN", 0.0)
    before = sessions_of_calendar("24/7")

    (filled / file_name("24/7")).unlink()

    assert sessions_of_calendar("24/7") is before


def test_an_unknown_calendar_is_refused_in_one_sentence_and_not_tried_again(filled, monkeypatch):
    tried = []
    build = store._build
    monkeypatch.setattr(store, "_build", lambda names: tried.append(names) or build(names))

    for _ in range(3):
        with pytest.raises(CalendarUnavailable, match="'XMOON' is a calendar neither of exchange_calendars"):
            sessions_of_calendar("XMOON")

    assert len(tried) == 1
    assert (filled / file_name("XNYS")).exists()


def test_after_a_failure_a_thread_tries_again_and_nobody_waits_for_it(filled, monkeypatch):
    load, tries, go_on = store.load, [], threading.Event()

    def failing_once(calendar, others=()):
        tries.append(threading.current_thread())
        if len(tries) == 1:
            raise CalendarUnavailable("the disk is full")
        assert go_on.wait(60)
        return load(calendar)

    monkeypatch.setattr(store, "load", failing_once)
    monkeypatch.setattr(sessions, "FAILED_FOR", 0.0)
    for _ in range(5):
        with pytest.raises(CalendarUnavailable, match="the disk is full"):
            sessions_of_calendar("24/7")
    go_on.set()
    sessions._behind.join(60)

    assert sessions_of_calendar("24/7").continuous
    assert tries == [threading.current_thread(), sessions._behind]


def test_a_new_file_that_cannot_be_read_is_made_again_behind_and_tried_once(filled, monkeypatch, caplog):
    monkeypatch.setattr(sessions, "LOOK_AGAIN", 0.0)
    before, tries = sessions_of_calendar("24/7"), []

    def refuse(calendar, others=()):
        tries.append(threading.current_thread())
        raise CalendarUnavailable("the disk is full")

    monkeypatch.setattr(store, "load", refuse)
    path = filled / file_name("24/7")
    path.write_bytes(b"of another layout")
    os.utime(path, (path.stat().st_mtime + 5,) * 2)
    for _ in range(3):
        assert sessions_of_calendar("24/7") is before
        sessions._behind.join(60)

    assert tries == [sessions._behind]
    assert caplog.text.count("thor.sessions.stale: the disk is full") == 1


def test_the_folder_of_other_rules_than_are_installed_by_now_is_left_alone(filled, monkeypatch, caplog):
    older = filled.with_name("4.0-1-0123abcd")
    filled.rename(older)
    monkeypatch.setattr(store, "folder", lambda: older)
    path = older / file_name("24/7")
    two_days_ago = path.stat().st_mtime - 2 * 86_400
    os.utime(path, (two_days_ago, two_days_ago))

    (older / file_name("XHKG")).unlink(missing_ok=True)

    store._rebuild_old(["24/7"])
    with pytest.raises(CalendarUnavailable, match=r"other rules .* are installed by now: restart"):
        store.load("XHKG")

    assert store.stamp("24/7") == pytest.approx(two_days_ago)
    assert f"other rules ({folder_name()}) than those of {older.name}" in caplog.text
    assert not (older / file_name("XHKG")).exists()


def test_a_folder_that_cannot_be_made_is_refused_in_one_sentence(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(store, "folder", lambda: tmp_path / "file" / "sessions")

    with pytest.raises(CalendarUnavailable, match=r"The folder .* cannot be written"):
        sessions_of_calendar("XNYS")


def test_a_library_that_fails_is_reported_with_its_last_line(folder, monkeypatch):
    monkeypatch.setattr(store, "BASE_DIR", folder)
    (folder / "thor").mkdir()
    (folder / "thor" / "__init__.py").write_text("raise RuntimeError('no library here')")

    with pytest.raises(CalendarUnavailable, match="Reading exchange_calendars failed: RuntimeError: no library here"):
        store.load("XNYS")
