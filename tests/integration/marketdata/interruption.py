"""Count every command to Redis and every statement to the database, and do something at the one with a given number."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from redis.connection import AbstractConnection


class Killed(BaseException):
    """The process ends here; nothing in the product may catch this."""


class Interruption:
    """Act once, just before the call with the number `number`; count all calls."""

    def __init__(self, number: int | None, act: Callable[[], None]) -> None:
        self.calls, self._number, self._act = 0, number, act
        self.acted = False

    def pass_by(self) -> None:
        """Count a call, and act if it is the one."""
        self.calls += 1
        if not self.acted and self._number is not None and self.calls > self._number:
            self.acted = True
            self._act()


@contextmanager
def interrupted(monkeypatch: pytest.MonkeyPatch, interruption: Interruption) -> Iterator[None]:
    """Lead every command and statement past the interruption."""
    send = AbstractConnection.send_packed_command

    def passing(self: AbstractConnection, *args: Any, **kwargs: Any) -> Any:
        interruption.pass_by()
        return send(self, *args, **kwargs)

    def statement(execute: Callable[..., Any], *args: Any) -> Any:
        if not interruption.acted:
            interruption.pass_by()
        return execute(*args)

    with monkeypatch.context() as patch, connection.execute_wrapper(statement):
        patch.setattr(AbstractConnection, "send_packed_command", passing)
        yield


def die() -> None:
    """End the process, as far as the product can tell."""
    raise Killed
