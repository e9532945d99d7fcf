"""Write a file that is there whole, or as it was before."""

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from thor.errors import ThorError


class Unwritable(ThorError):
    """A file cannot be written."""


def write_whole(path: Path, text: str | Iterable[str]) -> None:
    """Put a text in place of the file; raise `Unwritable` with the path and the reason, and leave it as it was.

    Written beside it, flushed to disk, and renamed: a reader, and a machine that loses power, has the old or the new.
    A text may come in parts; where their source fails, what it raised goes on, and the file is as it was as well.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.writelines((text,) if isinstance(text, str) else text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(name).replace(path)
        flush_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            Path(name).unlink()
        if isinstance(error, OSError):
            raise _unwritable(path, error) from None
        raise


def flush_folder(folder: Path) -> None:
    """Make the names in a folder outlive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError) -> Unwritable:
    return Unwritable(f"{path} cannot be written ({error.strerror}); name another file, or make its folder writable.")
