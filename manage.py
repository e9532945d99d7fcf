#!/usr/bin/env python
"""Run a command of Thor: `python manage.py help` lists them."""

import os
import sys


def main() -> int:
    """Run the command named on the command line; bad input is one sentence and exit status 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thor.settings")
    from django.core.management import execute_from_command_line

    from thor.errors import ThorError

    try:
        execute_from_command_line(sys.argv)
    except ThorError as error:
        sys.stderr.write(f"thor: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
