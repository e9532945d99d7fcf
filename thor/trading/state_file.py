"""Read the state file of the scheduler of old, once: which of its tasks ran last when.

    {"reconciliation": "2026-01-28T16:42:00-05:00", "entry": "2026-01-28T15:36:00-05:00", …}

Keys that nobody knows are kept as they are. A value that is no time counts as never, and is told of.
"""

import json
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.db import transaction

from thor.errors import ThorError
from thor.trading.models import Desk, ImportedRun
from thor.trading.state_keys import JOBS

LONGEST_KEY: Final = 40
#: Far more bytes than a state file has; what is larger is another file, and may have no end.
LARGEST: Final = 1 << 20
#: Two machines' clocks differ, but not by more than this: a time further ahead never was.
AHEAD: Final = timedelta(days=1)
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


class BadStateFile(ThorError):
    """A state file cannot be imported."""


@dataclass(frozen=True, slots=True)
class ImportedState:
    """What came of an import: the keys kept, the values that count as never, and whether all was there before."""

    kept: int
    sentences: tuple[str, ...] = ()
    was_there: bool = False


def import_state(path: Path, *, at: datetime) -> ImportedState:
    """Keep what a state file says; raise `BadStateFile` with one sentence, and keep nothing, where that cannot be.

    The same content a second time changes nothing; another one is refused, since Thor's own runs count by then.
    """
    rows, sentences = _rows(_document(path), at)
    with transaction.atomic():
        Desk.objects.select_for_update().get_or_create(pk=1)  # two imports take turns
        before = {row.key: (row.at, row.value) for row in ImportedRun.objects.all()}
        if before:
            if before != {row.key: (row.at, row.value) for row in rows}:
                raise BadStateFile(
                    f"another state file has been imported before; {path} was left alone, since a state is imported "
                    "once. If that one was wrong, let go of it first: manage.py scheduler_state --forget."
                )
            return ImportedState(len(rows), sentences, was_there=True)
        ImportedRun.objects.bulk_create(rows)
    return ImportedState(len(rows), sentences)


def forget_state() -> int:
    """Let what was imported count no more; return how many keys that were."""
    return ImportedRun.objects.all().delete()[0]


def _document(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_content(path).decode("utf-8-sig"))
        # What the database cannot hold: infinities, halves of characters, and the character zero.
        json.dumps(found, allow_nan=False)
        is_storable = "\0" not in "".join(_texts(found)).encode().decode()
    except OSError as error:
        raise BadStateFile(f"{path} cannot be read ({error.strerror}); name a scheduler_state.json.") from None
    except (ValueError, RecursionError) as error:
        raise BadStateFile(f"{path} is not the JSON of a state file ({error}); nothing was imported.") from None
    if not isinstance(found, dict):
        raise BadStateFile(f"{path} holds no object of keys and times; nothing was imported.")
    if not is_storable:
        raise BadStateFile(f"{path} holds a null character; remove it. Nothing was imported.")
    if too_long := [key for key in found if len(key) > LONGEST_KEY]:
        raise BadStateFile(
            f"the key {too_long[0]!r} of {path} has more than {LONGEST_KEY} characters; nothing was imported."
        )
    return found


def _content(path: Path) -> bytes:
    """Read a file; what is no file is refused unread, as a pipe or a device may let its reader wait for ever."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise BadStateFile(f"{path} is a folder, a pipe or a device; name a scheduler_state.json.")
    with path.open("rb") as file:
        found = file.read(LARGEST + 1)
    if len(found) > LARGEST:
        raise BadStateFile(f"{path} has more than {LARGEST:,} bytes, which no state file has; nothing was imported.")
    return found


def _texts(value: Any) -> list[str]:
    """Return every text in a document, keys included."""
    if isinstance(value, dict):
        return [text for key, part in value.items() for text in (key, *_texts(part))]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []


def _rows(document: dict[str, Any], at: datetime) -> tuple[list[ImportedRun], tuple[str, ...]]:
    rows, sentences = [], []
    for key, value in document.items():
        ran_at, trouble = _time(value, at) if key in JOBS else (None, "")
        if trouble:
            sentences.append(f"{key}: {json.dumps(value)[:80]} {trouble}; it counts as never.")
        rows.append(ImportedRun(key=key, at=ran_at, value=value))
    return rows, tuple(sentences)


def _time(value: Any, at: datetime) -> tuple[datetime | None, str]:
    """Return the instant that a value says, or None and what is wrong with it."""
    if value is None:
        return None, ""
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is None:
            return None, "has no offset"
        found = found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None, "is no time"
    if found < EARLIEST:
        return None, "is no time at which a task ran"
    return (None, "lies in the future") if found > at + AHEAD else (found, "")
