"""Read instants from the command line, and print tables that keep their columns in a pipe."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table


def instant(text: str) -> datetime:
    """Return the instant that a person typed; refuse one without an offset, which could mean any zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no instant; write 2026-11-27T17:30:00+00:00.") from None
    if at.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} has no offset; write {text}+00:00 for UTC.")
    return at.astimezone(UTC)


def show(table: Table, out: Any) -> None:
    """Print a table, as wide as the terminal, or wide enough for every column where there is no terminal."""
    console = Console(file=out, width=None if out.isatty() else 160)
    console.print(table)
