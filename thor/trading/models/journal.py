"""What happened, in the order in which it happened: written once, never changed."""

from enum import StrEnum
from typing import Any, NoReturn

from django.db import models

from thor.errors import ThorError
from thor.trading.models.fields import words


class Happening(StrEnum):
    """The kinds of events, in the words of the earlier scheduler's execution log."""

    SIGNAL = "signal_generated"
    RISK_CHECK = "risk_check"
    SUBMITTED = "order_submitted"
    UNKNOWN = "order_unknown"
    FILLED = "order_filled"
    REJECTED = "order_rejected"
    ENDED = "order_ended"
    EXIT_SIGNAL = "exit_signal"
    CLOSED = "position_closed"
    POSITION = "position_found"
    ALERT = "monitoring_alert"
    PROTECTION = "auto_protection_triggered"
    SWITCH = "trading_switch"
    ERROR = "system_error"


class AppendOnly(ThorError):
    """The journal is written once: an event is neither changed nor taken out; write another one."""


class Events(models.QuerySet["Event"]):
    """Events, to which more can be added; whoever wants to change or delete one is refused."""

    def update(self, **changes: Any) -> NoReturn:
        """Raise `AppendOnly`."""
        raise AppendOnly

    def delete(self) -> NoReturn:
        """Raise `AppendOnly`."""
        raise AppendOnly


class Event(models.Model):
    """One event. `number` counts without gaps, since whoever writes one holds the desk.

    `key` is what makes it one: the same thing said twice, by a second attempt of a run, is written once.
    """

    number = models.BigIntegerField(primary_key=True)
    key = models.CharField(max_length=200, unique=True)
    at = models.DateTimeField(db_index=True)
    kind = models.CharField(max_length=28, choices=words(Happening))
    symbol = models.CharField(max_length=32, blank=True, db_index=True)
    run = models.UUIDField(null=True)
    fields = models.JSONField(default=dict)

    objects = Events.as_manager()

    class Meta:
        ordering = ("number",)

    def __str__(self) -> str:
        return f"{self.kind} {self.symbol}".strip()

    def save(self, *args: Any, **options: Any) -> None:
        """Write a new event; raise `AppendOnly` for one that is written already."""
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        """Raise `AppendOnly`."""
        raise AppendOnly
