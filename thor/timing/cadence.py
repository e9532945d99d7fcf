"""Say how often an entry fires, apart from when it may.

A cadence is a set of instants that answers three questions in constant time or close to it: the next one, the
last one, and how many. Those of Thor are `Every`, `Cron`, `OncePerSession` and `Once`; whoever needs another
(sunrise, for one) writes a class with these methods.
"""

from datetime import datetime, timedelta
from typing import Protocol

from thor.timing.cron import Cron
from thor.timing.interval import BadCadence, Every, Once, OncePerSession

__all__ = ["BadCadence", "Cadence", "Cron", "Every", "Once", "OncePerSession"]


class Cadence(Protocol):
    """Name a set of instants, endless or not."""

    @property
    def period(self) -> timedelta | None:
        """The distance between two instants where it is always the same, else None."""

    def next_after(self, t: datetime) -> datetime | None:
        """Return the first instant strictly after `t`."""

    def last_at_or_before(self, t: datetime) -> datetime | None:
        """Return the newest instant not after `t`."""

    def count(self, after: datetime, until: datetime) -> int:
        """Count the instants in (after, until], by arithmetic where there is a rule."""

    def text(self) -> str:
        """Say it for people."""
