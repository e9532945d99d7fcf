#!/usr/bin/env python
"""Run a command of Thor: `python manage.py help` lists them."""

import os
import sys
from io import TextIOWrapper

#: How SQLite calls a file that is no database, and one that is damaged.
BROKEN = ("SQLITE_NOTADB", "SQLITE_CORRUPT")


def main() -> int:
    """Run the command named on the command line; bad input is one sentence and exit status 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thor.settings")
    _speak_any_encoding()
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError

    from thor.errors import ThorError

    try:
        execute_from_command_line(sys.argv)
    except ThorError as error:
        sys.stderr.write(f"thor: {error}\n")
        return 2
    except DatabaseError as error:
        sentence = _sentence(error)
        if not sentence:
            raise
        sys.stderr.write(f"thor: {sentence}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _speak_any_encoding() -> None:
    """Print a question mark for what the terminal cannot show: a command that did its work must not end in an error.

    Python opens the errors' stream so that it never fails, with more to see than that; a stream may be another's.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors != "backslashreplace":
            stream.reconfigure(errors="replace")


def _sentence(error: Exception) -> str:
    """Say what to do about a database without Thor's tables, a broken or absent one; nothing about other errors."""
    from django.conf import settings
    from django.db import OperationalError

    state = getattr(error.__cause__, "sqlstate", "")
    if state in ("42P01", "42703") or "no such " in str(error):
        return "this database has no tables of Thor, or old ones; run python manage.py migrate."
    reason = (str(error).splitlines() or ["no reason given"])[0]
    if (getattr(error.__cause__, "sqlite_errorname", None) or "").startswith(BROKEN):
        name = settings.DATABASES["default"]["NAME"]
        advice = "restore a copy of it, or put it aside and run python manage.py migrate."
        return f"the database file {name} is broken ({reason}); {advice}"
    if type(error.__cause__).__module__ == "sqlite3" and isinstance(error, OperationalError):
        return f"the database file cannot be used ({reason}); check DATABASE_URL, the file and its folder."
    if state is None and isinstance(error, OperationalError):  # one that no server has sent
        return f"the database does not answer ({reason}); start it, or check DATABASE_URL."
    return ""


if __name__ == "__main__":
    sys.exit(main())
