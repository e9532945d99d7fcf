"""Who asks, when a command changes something."""

import getpass


def operator() -> str:
    """Return the name of the person at the terminal, for the ledger."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "command line"
