"""Ports for servers that start later, or again: nobody else takes one meanwhile."""

import random
import socket
from contextlib import suppress
from pathlib import Path

#: The first port that the kernel may give to a connection by itself.
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST, USUAL = 10_000, 32_768


def free_port() -> int:
    """Return a port on which nobody listens, of those that the kernel gives to no connection.

    One of the kernel's own would be free only now: while its server starts, or is away, the kernel may give it to any
    other process that asks for a port.
    """
    for port in random.SystemRandom().sample(range(LOWEST, _first_of_the_kernel()), 1000):
        with suppress(OSError), socket.socket() as trial:
            trial.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("none of a thousand ports is free.")


def _first_of_the_kernel() -> int:
    """Return where the kernel's own ports begin; where it leaves too few below them, where they usually do."""
    with suppress(OSError, ValueError):
        first = int(RANGE.read_text().split()[0])
        if first >= 2 * LOWEST:
            return first
    return USUAL
