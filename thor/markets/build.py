"""Read calendars out of exchange_calendars and write their files.

`python -m thor.markets.build FOLDER YEAR CALENDAR…` runs in a process of its own,
so that the memory of pandas goes away with it. It prints one JSON object: the calendars that could not be
read, each with the reason; the others are written all the same.

It runs the code that is installed by now, for a process that may have started with older code: a folder of other rules
than its own is refused.
"""

import functools
import hashlib
import importlib.metadata
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from thor.markets.calendars import read_calendar
from thor.markets.columns import LAYOUT

#: The modules that decide what is in a file.
RULES: Final = ("calendars", "columns", "corrections")


@functools.cache
def folder_name() -> str:
    """Name the folder of this version of the library and of Thor's rules: none reads what others have written."""
    modules = (Path(__file__).with_name(f"{name}.py") for name in RULES)
    digest = hashlib.sha256(b"".join(module.read_bytes() for module in modules)).hexdigest()[:8]
    return f"{importlib.metadata.version('exchange_calendars')}-{LAYOUT}-{digest}"


def file_name(calendar: str) -> str:
    """Return the name of a calendar's file: 24/7 must not become a folder."""
    return calendar.replace("/", "-") + ".sessions"


def build(folder: Path, this_year: int, calendars: list[str]) -> dict[str, str]:
    """Write the file of each calendar, and return the reason for each that could not be written."""
    failed = {}
    for calendar in calendars:
        try:
            replace_file(folder / file_name(calendar), read_calendar(calendar, this_year).dump())
        except Exception as error:  # whatever is wrong with one calendar, the others must get their file
            failed[calendar] = str(error).splitlines()[0] if str(error) else type(error).__name__
    return failed


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # Processes of another user of the same installation read it too.
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def main(folder: Path, this_year: int, calendars: list[str]) -> str:
    """Return what to print; refuse a folder that is not that of the rules which are installed by now."""
    if folder.name != folder_name():
        raise SystemExit(f"other rules ({folder_name()}) than those of {folder.name} are installed by now: restart.")
    return json.dumps(build(folder, this_year, calendars))


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
