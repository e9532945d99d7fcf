"""Who asks, when a command changes something."""

import getpass


def operator() -> str:
    """Return the name of the person at the terminal, for the ledger.

    It may come from the environment, as any bytes: what is no UTF-8 of it is a question mark, since no database takes
    it, and a switch must be turned whoever asks.
    """
    try:
        return getpass.getuser().encode("utf-8", "replace").decode()
    except (KeyError, OSError):
        return "command line"
