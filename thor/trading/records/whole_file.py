"""Write a file that is there whole, or as it was before."""

import os
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from thor.errors import ThorError

#: The numbers under which a process has its output and its errors.
OUTPUTS: Final = (1, 2)


class Unwritable(ThorError):
    """A file cannot be written."""


def write_whole(path: Path, text: str | Iterable[str]) -> None:
    """Put a text in place of the file; raise `Unwritable` with the path and the reason, and leave it as it was.

    Written beside it, flushed to disk, and renamed: a reader, and a machine that loses power, has the old or the new.
    A text may come in parts; where their source fails, what it raised goes on, and the file is as it was as well.

    A link stays, and what it leads to is written. A pipe, a device such as /dev/null, and this process's own output
    (/dev/stdout) hold nothing that could be kept: they are written to, since a file in their place would end them.
    """
    parts = (text,) if isinstance(text, str) else text
    try:
        stream = _stream(path)
        if stream is None:
            _put_in_place(path.resolve(), parts)
        else:
            with stream:
                stream.writelines(parts)
    except OSError as error:
        raise _unwritable(path, error) from None


def flush_folder(folder: Path) -> None:
    """Make the names in a folder outlive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _stream(path: Path) -> IO[str] | None:
    """Open what can only be written to, not replaced; return None for a file, or where there is nothing yet."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if (output := _own_output(found)) is not None:
        return _opened(os.dup(output))  # and not opened anew, which would begin at the start of a file again
    if stat.S_ISFIFO(found.st_mode) or stat.S_ISCHR(found.st_mode):
        return _opened(os.open(path, os.O_WRONLY | os.O_NOCTTY))
    if not stat.S_ISREG(found.st_mode):
        raise Unwritable(f"{path} cannot be written (it is a folder, a disk or a socket); name another file.")
    return None


def _own_output(found: os.stat_result) -> int | None:
    for number in OUTPUTS:
        with suppress(OSError):  # a process may have been started without
            if os.path.samestat(os.fstat(number), found):
                return number
    return None


def _opened(handle: int) -> IO[str]:
    return os.fdopen(handle, "w", encoding="utf-8", newline="")


def _put_in_place(path: Path, parts: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with _opened(handle) as file:
            file.writelines(parts)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(name).replace(path)
        flush_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _unwritable(path: Path, error: OSError) -> Unwritable:
    return Unwritable(f"{path} cannot be written ({error.strerror}); name another file, or make its folder writable.")
