"""The state of the scheduler as JSON: printed from the ledger, and taken over once from the scheduler of old."""

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections

from tests.integration.dashboard.rows import make_entry, make_run
from thor.errors import ThorError
from thor.jobs.models import State
from thor.leadership.clock import live_by
from thor.timing import ManualClock, ReplayClock
from thor.trading.imported import already_ran
from thor.trading.models import ImportedRun
from thor.trading.state_file import LARGEST, BadStateFile, import_state

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.django_db

#: Wednesday 2026-01-28, half past five in the afternoon in New York.
EVENING = datetime(2026, 1, 28, 22, 30, tzinfo=UTC)
SAMPLE = {
    "reconciliation": "2026-01-28T16:42:00-05:00",
    "monitor": "2026-01-28T16:41:00-05:00",
    "entry": "2026-01-28T16:55:00-05:00",
    "swing_exit": "2026-01-28T17:10:00-05:00",
    "offline_ml": "2026-01-28T17:15:00-05:00",
    "health_check": "2026-01-28T16:43:00-05:00",
}


def state(*arguments: Any) -> str:
    out = StringIO()
    with live_by(ManualClock(EVENING)):
        call_command("scheduler_state", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(state())
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "scheduler_state.json"
    path.write_text(json.dumps(SAMPLE))
    return path


def ran(job: str, at: datetime, market: str = "", **more: Any) -> None:
    make_run(make_entry(job, market), at, **{"finished_at": at + timedelta(seconds=2), **more})


# Printing


def test_what_never_ran_has_no_key() -> None:
    assert state() == "{}\n"


def test_each_key_is_the_end_of_its_jobs_last_run_that_succeeded() -> None:
    jobs = {
        "reconciliation": "reconciliation",
        "monitor": "emergency_exits",
        "poll": "order_polling",
        "entry": "entry_signals",
        "swing_exit": "swing_exits",
        "exit_intent_execution": "exit_intents",
        "offline_ml": "offline_ml",
        "health_check": "health_check",
    }
    for number, job in enumerate(jobs.values()):
        ran(job, EVENING + timedelta(minutes=number))

    assert document() == {key: f"2026-01-28T17:3{number}:02-05:00" for number, key in enumerate(jobs)}
    assert list(document()) == list(jobs)


def test_a_replay_says_its_own_time_and_not_the_walls() -> None:
    ran("reconciliation", EVENING, finished_at=EVENING + timedelta(days=300))
    clock = ReplayClock(EVENING, EVENING + timedelta(days=300), 60.0, timedelta(seconds=1))
    out = StringIO()

    with live_by(clock):
        call_command("scheduler_state", stdout=out)

    assert json.loads(out.getvalue()) == {"reconciliation": "2026-01-28T17:30:00-05:00"}


def test_a_run_that_failed_or_is_still_going_does_not_count() -> None:
    ran("reconciliation", EVENING)
    ran("reconciliation", EVENING + timedelta(hours=1), state=State.FAILED)
    ran("reconciliation", EVENING + timedelta(hours=2), state=State.STARTED, finished_at=None)

    assert document() == {"reconciliation": "2026-01-28T17:30:02-05:00"}


def test_the_later_of_two_entries_of_a_job_counts() -> None:
    ran("entry_signals", EVENING, market="usa")
    ran("entry_signals", EVENING - timedelta(days=30), market="pre_usa")
    ran("intraday", EVENING + timedelta(days=1), market="usa")

    assert document() == {"entry": "2026-01-28T17:30:02-05:00"}


def test_output_replaces_a_file_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    ran("health_check", EVENING)
    path = tmp_path / "state" / "scheduler_state.json"

    for _ in range(2):
        assert state("--output", path) == ""

    assert path.read_text() == '{\n  "health_check": "2026-01-28T17:30:02-05:00"\n}\n'
    assert [one.name for one in path.parent.iterdir()] == ["scheduler_state.json"]


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ThorError, match="cannot be written"):
        state("--output", tmp_path / "file" / "state.json")


# Importing


def test_an_imported_file_is_printed_as_it_was(file: Path) -> None:
    assert state("--import", file) == f"Imported 6 keys of {file}.\n"

    assert document() == SAMPLE


def test_what_was_written_can_be_imported(tmp_path: Path) -> None:
    ran("health_check", EVENING)
    state("--output", tmp_path / "state.json")

    assert import_state(tmp_path / "state.json", at=EVENING).kept == 1


def test_the_later_of_ledger_and_import_counts(file: Path) -> None:
    state("--import", file)
    ran("health_check", EVENING)
    ran("monitor", EVENING)
    ran("swing_exits", EVENING - timedelta(days=7))

    found = document()

    assert found["health_check"] == "2026-01-28T17:30:02-05:00"
    assert (found["monitor"], found["swing_exit"]) == (SAMPLE["monitor"], SAMPLE["swing_exit"])


def test_unknown_keys_are_kept_and_printed_behind_the_known_ones(file: Path) -> None:
    strange = {"zz": "2020-01-01T00:00:00", "aa": {"list": [1, None, "é"], "number": 1.5}, "empty": None}
    file.write_text(json.dumps(strange | SAMPLE))

    state("--import", file)

    assert document() == SAMPLE | strange
    assert list(document()) == [*SAMPLE, "aa", "empty", "zz"]


@pytest.mark.parametrize(
    ("value", "trouble"),
    [
        ("yesterday", "is no time"),
        ("2026-01-28T16:42:00", "has no offset"),
        (1769636520, "is no time"),
        ({}, "is no time"),
        ("2026-02-28T16:42:00-05:00", "lies in the future"),
        ("0001-01-01T00:00:00+14:00", "is no time"),
        ("0001-01-02T00:00:00+00:00", "is no time at which a task ran"),
    ],
)
def test_a_value_that_is_no_time_counts_as_never_with_a_sentence(file: Path, value: Any, trouble: str) -> None:
    file.write_text(json.dumps(SAMPLE | {"entry": value}))

    said = state("--import", file)

    assert said.startswith(f"entry: {json.dumps(value)} {trouble}; it counts as never.\n")
    assert document() == {key: time for key, time in SAMPLE.items() if key != "entry"}
    assert not already_ran("entry", date(2026, 1, 28), EVENING)


def test_a_null_is_never_without_a_word(file: Path) -> None:
    file.write_text('{"entry": null, "monitor": "2026-01-28T21:41:00Z"}')

    assert state("--import", file) == f"Imported 2 keys of {file}.\n"
    assert document() == {"monitor": SAMPLE["monitor"]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"entry": "2026-01-28T16',
        b"\xff\xfe",
        b"[]",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        json.dumps({"k" * 41: 1}).encode(),
    ],
)
def test_a_file_that_is_no_state_is_one_sentence_and_nothing_is_kept(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    with pytest.raises(ThorError, match=r"[nN]othing was imported") as raised:
        state("--import", file)

    assert "\n" not in str(raised.value)
    assert not ImportedRun.objects.exists()


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ThorError, match="cannot be read"):
        state("--import", tmp_path / "nowhere.json")


def test_a_pipe_and_a_folder_are_refused_unread(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(ThorError, match="is a folder, a pipe or a device"):
            state("--import", path)


def test_a_file_is_read_up_to_a_size_that_no_state_has(file: Path) -> None:
    text = json.dumps(SAMPLE)
    file.write_text(text + " " * (LARGEST + 1 - len(text)))

    with pytest.raises(ThorError, match="more than 1,048,576 bytes"):
        state("--import", file)

    assert not ImportedRun.objects.exists()
    file.write_text(text + " " * (LARGEST - len(text)))
    assert state("--import", file).startswith("Imported 6 keys")


def test_the_same_content_a_second_time_changes_nothing(file: Path) -> None:
    state("--import", file)
    file.write_text(json.dumps(dict(reversed(SAMPLE.items())), indent=4))

    assert "has been imported before; nothing was changed" in state("--import", file)
    assert document() == SAMPLE


def test_another_content_a_second_time_is_refused(file: Path) -> None:
    state("--import", file)
    file.write_text(json.dumps(SAMPLE | {"entry": "2026-01-27T15:55:00-05:00"}))

    with pytest.raises(ThorError, match="a state is imported once"):
        state("--import", file)

    assert document() == SAMPLE


def test_a_wrong_file_can_be_let_go_of_and_another_imported(file: Path) -> None:
    state("--import", file)
    file.write_text('{"entry": "2026-01-27T15:55:00-05:00"}')

    assert state("--forget") == "Let go of 6 imported keys.\n"
    assert document() == {}
    state("--import", file)

    assert document() == {"entry": "2026-01-27T15:55:00-05:00"}


@pytest.mark.django_db(transaction=True)
def test_of_two_imports_at_once_one_counts(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"entry": "2026-01-27T15:55:00-05:00"}))
    came: list[str] = []

    def work(path: Path) -> None:
        try:
            import_state(path, at=EVENING)
            came.append("imported")
        except BadStateFile:
            came.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(path,)) for path in (file, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(came) == ["imported", "refused"]
    assert document() in (SAMPLE, {"entry": "2026-01-27T15:55:00-05:00"})


# Once a session


@pytest.mark.parametrize(
    ("stamp", "session", "expected"),
    [
        # Twenty to four on the day itself, and the same seen from Tokyo, where it is the next date.
        ("2026-01-28T15:40:00-05:00", date(2026, 1, 28), True),
        ("2026-01-29T05:40:00+09:00", date(2026, 1, 28), True),
        ("2026-01-29T05:40:00+09:00", date(2026, 1, 29), False),
        # Yesterday's says nothing of today.
        ("2026-01-27T15:40:00-05:00", date(2026, 1, 28), False),
        # After midnight, and right before the open, it is still the session before.
        ("2026-01-29T00:10:00-05:00", date(2026, 1, 28), True),
        ("2026-01-29T09:29:59-05:00", date(2026, 1, 28), True),
        ("2026-01-29T09:30:00-05:00", date(2026, 1, 28), False),
        ("2026-01-29T09:30:00-05:00", date(2026, 1, 29), True),
        # A Sunday, and Martin Luther King's day, belong to the Friday before.
        ("2026-01-18T12:00:00-05:00", date(2026, 1, 16), True),
        ("2026-01-19T12:00:00-05:00", date(2026, 1, 16), True),
    ],
)
def test_what_the_scheduler_of_old_did_in_a_session_is_not_done_again(
    stamp: str, session: date, expected: bool
) -> None:
    ImportedRun.objects.create(key="entry", at=datetime.fromisoformat(stamp))

    assert already_ran("entry", session, EVENING) is expected


def test_a_caller_without_a_session_means_that_of_its_instant() -> None:
    ImportedRun.objects.create(key="entry", at=datetime(2026, 1, 28, 20, 40, tzinfo=UTC))

    assert already_ran("entry", None, EVENING)
    assert not already_ran("entry", None, EVENING + timedelta(days=1))


def test_one_task_says_nothing_of_another(file: Path) -> None:
    import_state(file, at=EVENING)

    assert already_ran("swing_exit", date(2026, 1, 28), EVENING)
    assert not already_ran("exit_intent_execution", date(2026, 1, 28), EVENING)


def test_a_misspelt_key_is_refused() -> None:
    with pytest.raises(KeyError, match="swing_exits"):
        already_ran("swing_exits", date(2026, 1, 28), EVENING)


def test_a_process_that_cannot_import_ends_with_a_sentence_and_two(tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "scheduler_state", "--import", str(tmp_path / "nowhere.json")]
    place = {**os.environ, "THOR_VAR_DIR": str(tmp_path), "DATABASE_URL": ""}

    done = subprocess.run(command, cwd=ROOT, env=place, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.startswith(f"thor: {tmp_path}/nowhere.json cannot be read")
    assert done.stderr.count("\n") == 1
