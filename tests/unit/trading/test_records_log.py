"""`scheduler.log`: whole lines, of whoever writes, in a bounded number of bytes."""

import logging
import logging.config
import multiprocessing
import re
from pathlib import Path

import pytest
from django.conf import settings

from thor.trading.logs import SharedLog
from thor.trading.scope import scope

#: Whose lines are written: all of trading's, and of the rest those about the clock and about runs.
LOGGERS = ("thor.trading", "thor.markets.broker_clock_asking", "thor.events")
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}-0[45]:00"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "us" / "paper" / "scheduler.log"


def handlers_of(name: str) -> list[SharedLog]:
    return [one for one in logging.getLogger(name).handlers if isinstance(one, SharedLog)]


@pytest.fixture
def kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Given a process that has configured logging as all do, with the file elsewhere and the level low enough."""
    for name in LOGGERS:
        monkeypatch.setattr(handlers_of(name)[0], "path", path)
        monkeypatch.setattr(logging.getLogger(name), "level", logging.INFO)
        logging.getLogger(name).manager._clear_cache()  # type: ignore[attr-defined]
    return path


@pytest.mark.parametrize("name", LOGGERS)
def test_every_process_keeps_the_log_of_its_scope(name: str) -> None:
    assert [one.path for one in handlers_of(name)] == [scope().logs / "scheduler.log"]


@pytest.mark.parametrize("name", LOGGERS)
def test_configuring_logging_again_keeps_it_once(name: str) -> None:
    before = handlers_of(name)

    logging.config.dictConfig(settings.LOGGING)  # as Celery's processes do, when they set Django up once more

    assert [one.path for one in handlers_of(name)] == [one.path for one in before]


def record(text: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("thor.trading", logging.INFO, "", 0, text, args, None)


def test_a_line_has_the_time_of_the_desk_with_its_offset(kept: Path) -> None:
    logging.getLogger("thor.trading.services.reconciliation").info("Executed %d pending exit intents", 3)

    assert re.fullmatch(
        rf"{STAMP} INFO    thor\.trading\.services\.reconciliation Executed 3 pending exit intents\n", kept.read_text()
    )


def test_nothing_is_made_before_there_is_something_to_say(kept: Path) -> None:
    assert not kept.parent.exists()


def test_runs_of_trading_jobs_are_told_and_runs_of_others_are_not(kept: Path) -> None:
    events = logging.getLogger("thor.events")
    events.info("%s %s", "thor.run.failed", "entry=reconciliation nominal_at=x")
    events.info("%s %s", "thor.run.failed", "entry=entry_signals @ usa nominal_at=x")
    events.info("%s %s", "thor.run.lost", "run=1 task=reconciliation reason=x")
    events.info("%s %s", "thor.run.failed", "entry=intraday @ globex nominal_at=x")
    events.info("%s %s", "thor.run.failed", "entry=reconciliation_of_mine nominal_at=x")

    assert [line.split("thor.events ")[1].split()[1] for line in kept.read_text().splitlines()] == [
        "entry=reconciliation",
        "entry=entry_signals",
        "run=1",
    ]


def test_the_recovery_of_the_brokers_clock_is_in_it(kept: Path) -> None:
    logging.getLogger("thor.markets.broker_clock_asking").info("Market clock recovered after 2 failures")

    assert kept.read_text().endswith(" Market clock recovered after 2 failures\n")


def test_text_from_outside_cannot_begin_a_line(path: Path) -> None:
    SharedLog(path).emit(record("rejected: %s", "no\n2026-01-28T16:42:00 INFO forged\r\nagain"))

    first, *others = path.read_text().split("\n")[:-1]
    assert re.match(STAMP, first)
    assert all(line.startswith("    ") for line in others)
    assert "\r" not in path.read_text()


def test_a_full_file_is_moved_aside_and_the_oldest_is_let_go(path: Path) -> None:
    log = SharedLog(path, largest=200, kept=2)

    for number in range(12):
        log.emit(record("%s", f"{number:03d}" + "x" * 97))

    files = sorted(file.name for file in path.parent.iterdir())
    assert files == ["scheduler.log.1", "scheduler.log.2"]
    assert sum(file.stat().st_size for file in path.parent.iterdir()) < 1000
    newest = (path.parent / "scheduler.log.1").read_text()
    assert "010" in newest
    assert "011" in newest
    log.close()


def test_a_file_that_was_moved_away_is_made_anew(path: Path) -> None:
    log = SharedLog(path)
    log.emit(record("before"))
    path.rename(path.with_name("away"))

    log.emit(record("after"))

    assert path.read_text().endswith("after\n")
    log.close()


def test_a_file_that_cannot_be_written_is_one_warning(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.mkdir(parents=True)
    log = SharedLog(path)

    for _ in range(3):
        log.emit(record("lost"))
    path.rmdir()
    log.emit(record("written"))

    assert [one.getMessage().split(":")[0] for one in caplog.records] == ["thor.schedulerlog.unwritable"]
    assert path.read_text().endswith("written\n")
    log.close()


def test_several_processes_write_whole_lines_and_lose_none(path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    log = SharedLog(path, largest=20_000, kept=50)
    log.emit(record("the parent has it open"))
    writers = [fork.Process(target=_write, args=(log, number)) for number in range(4)]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    found = [line for file in path.parent.iterdir() for line in file.read_text().splitlines()]
    said = [tuple(map(int, line.split()[-2:])) for line in found if "number" in line]
    assert sorted(said) == [(writer, count) for writer in range(4) for count in range(400)]
    assert all(re.match(STAMP, line) for line in found)
    assert len(list(path.parent.iterdir())) > 3
    log.close()


def _write(log: SharedLog, writer: int) -> None:
    for count in range(400):
        log.emit(record("number %d %d", writer, count))
