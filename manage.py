#!/usr/bin/env python
"""Run a command of Thor: `python manage.py help` lists them."""

import os
import sys


def main() -> int:
    """Run the command named on the command line; bad input is one sentence and exit status 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thor.settings")
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


def _sentence(error: Exception) -> str:
    """Say what to do about a database without Thor's tables, or one that is away; nothing about other errors."""
    from django.db import OperationalError

    state = getattr(error.__cause__, "sqlstate", "")
    if state in ("42P01", "42703") or "no such " in str(error):
        return "this database has no tables of Thor, or old ones; run python manage.py migrate."
    reason = (str(error).splitlines() or ["no reason given"])[0]
    if type(error.__cause__).__module__ == "sqlite3" and isinstance(error, OperationalError):
        return f"the database file cannot be used ({reason}); check DATABASE_URL, the file and its folder."
    if state is None and isinstance(error, OperationalError):  # one that no server has sent
        return f"the database does not answer ({reason}); start it, or check DATABASE_URL."
    return ""


if __name__ == "__main__":
    sys.exit(main())
