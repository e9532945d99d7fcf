"""Keep `trades.jsonl` level with the journal: append what it lacks, once, in order, whoever calls and however often.

A file may lag behind, since writing it is no part of trading: what went wrong is said once, and made up for later.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from django.db import Error

from thor.trading.models import Event
from thor.trading.records.event_lines import is_about, line_of, said_by
from thor.trading.records.whole_file import flush_folder

log = logging.getLogger(__name__)

#: How many events are read, and written, at a time.
BATCH: Final = 1000
#: How much is read at a time from the end of the file, to find its last line.
BLOCK: Final = 65_536
#: How each line of ours begins.
BEGINNING: Final = b'{"number": '

#: The files that could not be written when they were last tried, by this process.
_failing: set[Path] = set()


class Gap(Exception):
    """The journal lacks a number; what is behind it is not written."""


@dataclass(frozen=True, slots=True)
class End:
    """How a file ends: after `size` bytes of whole lines, the last of which says `said`; more bytes are `torn`.

    `said` is None where there is no line, or one that is no journal's.
    """

    size: int
    torn: bytes
    said: dict[str, Any] | None

    @property
    def is_empty(self) -> bool:
        """Tell whether there is no whole line, and no beginning of a line that is not ours."""
        return self.size == 0 and BEGINNING.startswith(self.torn[: len(BEGINNING)])


def append_trades(path: Path, *, at: datetime) -> int:
    """Append every event of the journal that the file lacks; return how many were written.

    Call it after the commit, never while the desk is held. It raises nothing: a disk that is full, a folder that
    cannot be written or a database that is away is one warning, and a later call catches up.
    """
    try:
        written = _brought_level(path, at)
    except (OSError, Error, Gap) as error:
        if path not in _failing:
            _failing.add(path)
            log.warning("thor.trading.records.behind: %s: %s; it is caught up later", path, error)
        return 0
    if path in _failing:
        _failing.discard(path)
        log.warning("thor.trading.records.level: %s has everything again", path)
    return written


def _brought_level(path: Path, at: datetime) -> int:
    while True:
        with _locked(path) as file:
            end = _end_of(file)
            if end.is_empty or _is_ours(end):
                return _append(path, file, end)
            _set_aside(path, at)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open the file, made if need be, and have it alone; what was moved away meanwhile is opened again by name."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_named(file, path):
                yield file
                return
        finally:
            os.close(file)


def _is_named(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _end_of(file: int) -> End:
    start = size = os.fstat(file).st_size
    tail = b""
    while start and tail.count(b"\n") < 2:
        step = min(BLOCK, start)
        start -= step
        tail = os.pread(file, step, start) + tail
    lines, ending, torn = tail.rpartition(b"\n")
    said = said_by(lines.rpartition(b"\n")[2]) if ending else None
    return End(size - len(torn), torn, said)


def _is_ours(end: End) -> bool:
    """Tell whether the last line was made from the event that has its number here."""
    if end.said is None:
        return False
    event = Event.objects.filter(number=end.said["number"]).first()
    return event is not None and is_about(end.said, event)


def _set_aside(path: Path, at: datetime) -> None:
    aside = path.with_name(f"{path.name}.other-{at.astimezone(UTC):%Y%m%dT%H%M%S}")
    number = 1
    while aside.exists():
        number += 1
        aside = aside.with_name(f"{path.name}.other-{at.astimezone(UTC):%Y%m%dT%H%M%S}-{number}")
    path.rename(aside)
    log.warning("thor.trading.records.other: %s ends with what this journal does not hold; it is now %s", path, aside)


def _append(path: Path, file: int, end: End) -> int:
    if end.torn:
        # A line that was being written when its process, or the machine, died: its event is written again.
        os.ftruncate(file, end.size)
    written, whole = 0, end.size
    try:
        for lines in _lacking(end.said["number"] if end.said else 0):
            whole += _write(file, "".join(lines).encode())
            written += len(lines)
        if written or end.torn:
            whole, safe = end.size, whole  # until it is flushed, nobody knows what of it is on the disk
            os.fsync(file)
            whole = safe
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, whole)
        raise
    if end.size == 0:
        flush_folder(path.parent)
    return written


def _write(file: int, content: bytes) -> int:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]
    return len(content)


def _lacking(number: int) -> Iterator[list[str]]:
    """Yield the lines of the events behind a number, a batch at a time; raise `Gap` where a number is missing."""
    while True:
        events = list(Event.objects.filter(number__gt=number).order_by("number")[:BATCH])
        lines = []
        for event in events:
            if event.number != number + 1:
                break
            number = event.number
            lines.append(line_of(event))
        if lines:
            yield lines
        if len(lines) < len(events):
            raise Gap(f"the journal has no event {number + 1}, but later ones")
        if not events:
            return
