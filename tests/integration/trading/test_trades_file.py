"""`trades.jsonl` beside the journal: nothing twice, nothing missing, whatever happens to the file."""

import errno
import json
import multiprocessing
import os
import re
import threading
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import QuerySet

from tests.integration.trading.trade_rows import MORNING, make_event
from thor.trading.models import Event, Happening
from thor.trading.records import trades_file
from thor.trading.records.trades_file import append_trades

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_failing() -> None:
    trades_file._failing.clear()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "us" / "paper" / "trades.jsonl"


def append(path: Path) -> int:
    return append_trades(path, at=MORNING)


def past_the_guard() -> QuerySet[Event]:
    """Return the events as somebody sees them who goes past the journal's own way."""
    return QuerySet(Event)


def numbers(path: Path) -> list[int]:
    return [json.loads(line)["number"] for line in path.read_text().split("\n")[:-1]]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().split(":")[0] for record in caplog.records]


def test_a_line_says_number_time_event_symbol_run_and_then_the_fields(path: Path) -> None:
    run = uuid.UUID("0b9d1a35-3c27-5d0c-9a3a-0d8f0f3a1b11")
    make_event(1, run=run, fields={"side": "buy", "quantity": "5", "number": 7})

    assert append(path) == 1

    assert path.read_text() == (
        '{"number": 1, "at": "2026-01-06T10:00:01-05:00", "event": "order_submitted", "symbol": "SPY", '
        f'"run": "{run}", "number_": 7, "quantity": "5", "side": "buy"}}\n'
    )


@pytest.mark.parametrize("kind", Happening)
def test_every_kind_of_event_has_its_word(path: Path, kind: Happening) -> None:
    make_event(1, kind=kind.value, symbol="")

    append(path)

    said = json.loads(path.read_text())
    assert (said["event"], said["symbol"], said["run"]) == (kind.value, "", None)


def test_only_what_is_missing_is_appended(path: Path) -> None:
    for number in (1, 2):
        make_event(number)
    append(path)
    before = path.read_text()
    make_event(3)

    assert [append(path), append(path)] == [1, 0]

    assert path.read_text().startswith(before)
    assert numbers(path) == [1, 2, 3]


def test_more_than_a_batch_is_appended_in_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trades_file, "BATCH", 3)
    for number in range(1, 9):
        make_event(number)

    assert append(path) == 8

    assert numbers(path) == list(range(1, 9))


@pytest.mark.parametrize("cut", [1, 20, 60, 130])
def test_a_line_that_a_crash_tore_is_written_whole(path: Path, cut: int) -> None:
    make_event(1)
    make_event(2)
    append(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])

    assert append(path) == 1

    assert path.read_bytes() == whole


def test_every_place_at_which_the_first_line_may_be_torn_is_mended(path: Path) -> None:
    make_event(1)
    append(path)
    whole = path.read_bytes()

    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert append(path) == 1
        assert path.read_bytes() == whole
    assert [file.name for file in path.parent.iterdir()] == ["trades.jsonl"]


def test_a_long_last_line_is_found(path: Path) -> None:
    make_event(1, fields={"reason": "x" * 200_000})
    append(path)
    make_event(2)
    path.write_bytes(path.read_bytes() + b'{"number": 2, "at"')

    assert append(path) == 1

    assert numbers(path) == [1, 2]


def test_a_deleted_file_is_made_anew_whole(path: Path) -> None:
    for number in (1, 2, 3):
        make_event(number)
    append(path)
    whole = path.read_text()
    path.unlink()

    assert append(path) == 3

    assert path.read_text() == whole


def test_a_file_of_another_journal_is_moved_aside_with_a_warning(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in (1, 2, 3):
        make_event(number)
    append(path)
    other = path.read_text()
    past_the_guard().filter(number__gt=1).delete()

    append(path)
    append(path)

    assert numbers(path) == [1]
    assert (path.parent / "trades.jsonl.other-20260106T150000").read_text() == other
    assert warnings(caplog) == ["thor.trading.records.other"]


@pytest.mark.parametrize(
    "changes", [{"symbol": "QQQ"}, {"kind": "order_filled"}, {"run": uuid.uuid4()}, {"at": MORNING}]
)
def test_a_file_that_tells_the_same_number_otherwise_is_of_another_journal(path: Path, changes: dict[str, Any]) -> None:
    make_event(1)
    append(path)
    past_the_guard().update(**changes)

    assert append(path) == 1

    assert len(list(path.parent.iterdir())) == 2


@pytest.mark.parametrize(
    "content",
    ["notes of mine\n", "notes of mine", "[]\n", '{"number": "1", "at": "2026-01-06"}\n'],
)
def test_a_file_that_is_no_journal_is_kept_beside_it(path: Path, content: str) -> None:
    make_event(1)
    path.parent.mkdir(parents=True)
    path.write_text(content)

    append(path)

    assert numbers(path) == [1]
    assert (path.parent / "trades.jsonl.other-20260106T150000").read_text() == content


def test_two_strange_files_of_one_second_are_both_kept(path: Path) -> None:
    make_event(1)
    path.parent.mkdir(parents=True)
    for content in ("one\n", "two\n", "three\n"):
        path.write_text(content)
        append(path)

    assert sorted(file.read_text() for file in path.parent.glob("*.other-*")) == ["one\n", "three\n", "two\n"]


def test_another_zone_of_printed_times_is_no_other_journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_event(1)
    append(path)
    from zoneinfo import ZoneInfo

    monkeypatch.setattr("thor.trading.records.printing.printing_zone", lambda: ZoneInfo("America/Chicago"))
    make_event(2)

    append(path)

    first, second = (json.loads(line)["at"] for line in path.read_text().splitlines())
    assert (first, second) == ("2026-01-06T10:00:01-05:00", "2026-01-06T09:00:02-06:00")


def test_events_on_both_sides_of_a_change_of_the_clocks_have_the_offset_of_their_time(path: Path) -> None:
    make_event(1, at=datetime.fromisoformat("2026-03-08T06:59:58+00:00"))
    make_event(2, at=datetime.fromisoformat("2026-03-08T07:00:00+00:00"))

    append(path)

    found = re.findall(r'"at": "([^"]+)"', path.read_text())
    assert found == [
        "2026-03-08T01:59:59-05:00",
        "2026-03-08T03:00:02-04:00",
    ]


@pytest.mark.parametrize("sign", ["\n", "\r", "\u2028", "\u2029", "\u0085", "≥", '"', "\\"])
def test_no_text_of_an_event_can_end_its_line(path: Path, sign: str) -> None:
    make_event(1, fields={"reason": f"a{sign}b"})

    append(path)

    (line,) = path.read_bytes().decode().splitlines()
    assert json.loads(line)["reason"] == f"a{sign}b"


def test_a_number_that_the_journal_lacks_stops_the_file_before_it(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_event(1)
    make_event(3)

    append(path)
    append(path)

    assert numbers(path) == [1]
    assert warnings(caplog) == ["thor.trading.records.behind"]
    assert "no event 2" in caplog.text


def test_a_folder_that_cannot_be_written_is_one_warning_and_caught_up(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.parent.mkdir(parents=True)
    path.parent.write_text("a file where a folder should be")
    make_event(1)

    assert [append(path), append(path)] == [0, 0]
    path.parent.unlink()
    make_event(2)

    assert append(path) == 2
    assert warnings(caplog) == ["thor.trading.records.behind", "thor.trading.records.level"]


def test_a_disk_that_fills_up_leaves_whole_lines_and_is_caught_up(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_event(1)
    append(path)
    make_event(2)
    make_event(3)
    before, real = path.read_bytes(), os.write

    def full(file: int, content: Any) -> int:
        """Take forty bytes, then nothing more."""
        if len(content) <= 40:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, content[:40])

    monkeypatch.setattr(trades_file.os, "write", full)
    assert append(path) == 0
    # Given that the forty bytes could be taken back.
    assert path.read_bytes() == before
    monkeypatch.setattr(trades_file.os, "write", real)

    assert append(path) == 2
    assert numbers(path) == [1, 2, 3]
    assert warnings(caplog) == ["thor.trading.records.behind", "thor.trading.records.level"]


def test_what_could_not_be_flushed_is_written_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_event(1)
    append(path)
    make_event(2)
    before, real = path.read_bytes(), os.fsync

    def broken(_file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(trades_file.os, "fsync", broken)
    assert append(path) == 0
    assert path.read_bytes() == before
    monkeypatch.setattr(trades_file.os, "fsync", real)

    assert append(path) == 1
    assert numbers(path) == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_several_at_once_write_each_event_once(path: Path) -> None:
    for number in range(1, 6):
        make_event(number)
    written: list[int] = []

    def work() -> None:
        try:
            for _ in range(10):
                written.append(append(path))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(6, 31):
        make_event(number)
    for thread in threads:
        thread.join(60)
    append(path)

    assert numbers(path) == list(range(1, 31))
    assert sum(written) <= 30


@pytest.mark.django_db(transaction=True)
def test_processes_that_are_killed_anywhere_leave_a_file_that_is_made_level(path: Path) -> None:
    for number in range(1, 41):
        make_event(number)
    connection.close()
    fork = multiprocessing.get_context("fork")

    for bytes_written in range(0, 4000, 170):
        child = fork.Process(target=_die_after, args=(path, bytes_written))
        child.start()
        child.join(60)
        assert child.exitcode == 9
    append(path)

    assert numbers(path) == list(range(1, 41))


def _die_after(path: Path, count: int) -> None:
    """Append, and die without a word once so many more bytes are in the file."""
    real = os.write

    def dying(file: int, content: Any) -> int:
        real(file, content[:count])
        os._exit(9)

    trades_file.os.write = dying
    append(path)
    os._exit(9)
