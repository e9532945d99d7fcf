"""Check what must be true before anything is started: each failure is one sentence that names the remedy.

What only one program can know (files of the replay feed, for example) that program says itself, and ends with
status 2; nothing has been lost by then either.
"""

import errno
import logging
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from kombu import Connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from thor.connections import connect
from thor.env import env
from thor.errors import BadConfiguration
from thor.flower import refuse_open_flower

if TYPE_CHECKING:
    from thor.trading.preflight import Check

log = logging.getLogger(__name__)


def check() -> None:
    """Raise `BadConfiguration` for the first thing that stands in the way."""
    check_folder()
    refuse_open_flower([])
    check_ports()
    check_database()
    if env().redis_url:
        check_redis()
    if env().broker_url:
        check_broker()
    check_trading()


def check_trading() -> None:
    """Require what every scheduler and every worker needs for trading: its folders, its market, its account.

    The programs of `up` do not ask for the account again: one that is blocked later stops trading, by reconciliation,
    and must not stop market data with it when a worker is started anew.
    """
    from thor.trading.checks import unusable_folder, unusable_market

    if sentence := unusable_folder() or unusable_market():
        raise BadConfiguration(sentence)
    if not env().account_asked:
        check_account()


def check_account() -> None:
    """Require that an account at Alpaca takes its keys and is not blocked.

    Alpaca's silence is a warning: it may be over in a second, and nothing is ordered before a reconciliation has had
    its answer. The embedded account cannot be blocked, and is not asked.
    """
    if env().broker != "alpaca":
        return
    from thor.trading.brokers.choice import broker
    from thor.trading.preflight import Level
    from thor.trading.preflight import check_broker as ask_broker

    found = ask_broker(broker(), unreachable=Level.WARNING)
    if found.is_failure:
        raise BadConfiguration(found.sentence)
    if not found.ok:
        log.warning("%s", found.sentence)


def check_house() -> "list[Check]":
    """Return what every check of this machine found but that of ports, which whatever runs now may hold."""
    wanted: dict[str, Callable[[], None]] = {"folder": check_folder, "database": check_database}
    if env().redis_url:
        wanted["redis"] = check_redis
    if env().broker_url:
        wanted["celery broker"] = check_broker
    return [_seen(name, check) for name, check in wanted.items()]


def _seen(name: str, check: Callable[[], None]) -> "Check":
    from thor.trading.preflight import Check, Level

    try:
        check()
    except BadConfiguration as error:
        return Check(name, False, Level.ERROR, str(error))
    return Check(name, True, Level.ERROR, "it can be used")


def check_folder() -> None:
    """Require that files can be made in `THOR_VAR_DIR`."""
    trial = env().var_dir / f".trial-{os.getpid()}"
    try:
        env().var_dir.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise BadConfiguration(
            f"the folder {env().var_dir} cannot be written ({error.strerror}); make it writable or set THOR_VAR_DIR."
        ) from None


def check_ports() -> None:
    """Require that the ports of the web server and of Flower are free, and two."""
    if env().web_port == env().flower_port:
        raise BadConfiguration(
            f"THOR_WEB_PORT and THOR_FLOWER_PORT are both {env().web_port}; set one of them to another port."
        )
    check_port(env().host, env().web_port, "THOR_WEB_PORT")
    check_port(env().host, env().flower_port, "THOR_FLOWER_PORT")


def check_port(host: str, port: int, variable: str) -> None:
    """Require that this process could listen on the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        # As servers do it: a port whose last connections are still fading out is free.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise BadConfiguration(_port_sentence(error, host, port, variable)) from None


def check_database() -> None:
    """Require that the database answers."""
    try:
        connection.ensure_connection()
    except (DatabaseError, UnicodeError) as error:
        raise BadConfiguration(
            f"the database {_database_place()} cannot be used ({_first_line(error)}); "
            "start it, or correct DATABASE_URL."
        ) from None
    finally:
        connection.close()


def check_redis() -> None:
    """Require that the Redis of REDIS_URL answers."""
    try:
        connect(env().redis_url, retry=Retry(NoBackoff(), 0)).ping()
    except redis.exceptions.RedisError as error:
        raise BadConfiguration(
            f"Redis at {_without_password(env().redis_url)} cannot be used ({_first_line(error)}); "
            "start it, correct REDIS_URL, or leave that out to have an embedded server."
        ) from None


def check_broker() -> None:
    """Require that the broker of THOR_BROKER_URL answers."""
    try:
        with Connection(env().broker_url, connect_timeout=3) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=5)
    except Exception as error:  # each transport has errors of its own, unknown addresses raise KeyError
        raise BadConfiguration(
            f"the broker at {_without_password(env().broker_url)} cannot be used ({_first_line(error)}); "
            "start it, or correct THOR_BROKER_URL."
        ) from None


def _port_sentence(error: OSError, host: str, port: int, variable: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use: stop what uses it or set {variable}."
    if error.errno == errno.EACCES:
        return f"port {port} may not be opened by this user: set {variable} to one above 1023."
    return f"THOR_HOST={host!r} is not an address of this machine ({error.strerror}); 127.0.0.1 always is."


def _database_place() -> str:
    found = settings.DATABASES["default"]
    if found.get("HOST"):
        return f"{found['NAME']} at {found['HOST']}:{found.get('PORT') or 5432}"
    return str(found["NAME"])


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
