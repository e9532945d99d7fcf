"""Write to the ledger although the database is away for a moment."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

#: Seconds between tries. The first comes at once: a connection that broke while it was idle is only found by its use.
WAITS = (0.0, 0.1, 0.3, 1.0, 2.0, 5.0, 10.0)


def patiently(write: Callable[[], Result], *, seconds: float = 20.0) -> Result | None:
    """Call `write` until the database takes it; give up where `seconds` would pass, said in the log.

    What is given up on is not lost: the leader publishes again what was not claimed, and finds a run started by a
    worker that fell silent, or past its limit.
    """
    end = time.monotonic() + seconds
    for wait in (*WAITS, None):
        try:
            return write()
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            close_old_connections()
            if wait is None or time.monotonic() + wait > end:
                logger.error("the ledger could not be written: %s", error)
                return None
        time.sleep(wait)
    return None
