"""Give Flower defaults that are safe and that keep: `celery -A thor flower` needs no option.

Left to itself, Flower listens on every address without authentication, holds everything in memory and writes
it at its end only. Each default here is one of Flower's own `FLOWER_…` variables and can be overridden by it, or
by Flower's options; what cannot be had is an open Flower off the loopback address.

Without authentication Flower only shows: its API stays refused, as it is by default, and the buttons that
would use it are hidden, because any page in a browser on this machine could send such requests.
"""

import ipaddress
import os

from thor.env import env
from thor.errors import BadConfiguration

#: Tasks kept in memory; at 100 runs a second the last few minutes, at the usual rate the last hour.
MOST_TASKS = 20_000
SAVE_MILLISECONDS = 60_000
#: How long Flower waits for the workers' answers; its own second is short for workers that are just starting.
INSPECT_MILLISECONDS = 3_000
#: Flower's ways to know its users.
AUTHENTICATION = ("basic_auth", "auth")


class FlowerIsOpen(BadConfiguration):
    """Flower would be open to everybody who can reach this machine."""


def set_flower_defaults(arguments: list[str]) -> None:
    """Set Flower's variables where they are not set, if `arguments` are a command line that starts it.

    Raises `FlowerIsOpen` where it would listen off the loopback address without authentication.
    """
    if "flower" not in arguments:
        return
    for name, value in _defaults(refuse_open_flower(arguments)).items():
        os.environ.setdefault(f"FLOWER_{name}", value)


def refuse_open_flower(arguments: list[str]) -> bool:
    """Return whether Flower knows its users; raise `FlowerIsOpen` where it does not and others can reach it."""
    given = _given("address", arguments)
    address = env().host if given is None else given
    protected = any(_given(name, arguments) for name in AUTHENTICATION)
    if not protected and not _is_loopback(address):
        raise FlowerIsOpen(
            f"Flower on {address or 'every address'} would be open to everybody: set FLOWER_BASIC_AUTH=user:password, "
            "or keep it on 127.0.0.1."
        )
    return protected


def _defaults(protected: bool) -> dict[str, str]:
    return {
        "ADDRESS": env().host,
        "PORT": str(env().flower_port),
        "PERSISTENT": "true",
        "DB": str(env().var_dir / "flower"),
        "STATE_SAVE_INTERVAL": str(SAVE_MILLISECONDS),
        "MAX_TASKS": str(MOST_TASKS),
        "INSPECT_TIMEOUT": str(INSPECT_MILLISECONDS),
        "READ_ONLY": "false" if protected else "true",
    }


def _given(name: str, arguments: list[str]) -> str | None:
    """Return an option's value from the command line, else from Flower's variable; Flower takes - for _.

    An empty address is one that was given: Flower takes it for every address.
    """
    for argument in arguments:
        option, _, value = argument.lstrip("-").partition("=")
        if argument.startswith("--") and option.replace("-", "_") == name:
            return value
    return os.environ.get(f"FLOWER_{name.upper()}")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
