"""Spread entries of one cadence over a stretch of time: each by a share of its own, the same for ever.

A thousand entries of a minute need not all fall due at the full minute. The share comes from the entry's id and from
nothing else, so every process computes the same instants, and a restart moves none.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from uuid import UUID

from thor.timing.cadence import Cadence
from thor.timing.instants import MICROSECOND

_PARTS = 2**64


@dataclass(frozen=True, slots=True)
class Shifted:
    """Fire as another cadence does, only that much later."""

    cadence: Cadence
    by: timedelta

    @property
    def period(self) -> timedelta | None:
        """The period of the other cadence."""
        return self.cadence.period

    def next_after(self, t: datetime) -> datetime | None:
        """Return the first instant strictly after `t`."""
        return self._later(self.cadence.next_after(t - self.by))

    def last_at_or_before(self, t: datetime) -> datetime | None:
        """Return the newest instant not after `t`."""
        return self._later(self.cadence.last_at_or_before(t - self.by))

    def count(self, after: datetime, until: datetime) -> int:
        """Count the instants in (after, until]."""
        return self.cadence.count(after - self.by, until - self.by)

    def text(self) -> str:
        """Say the other cadence, and by how much this one is later."""
        return f"{self.cadence.text()} + {self.by.total_seconds():.3f} s"

    def _later(self, at: datetime | None) -> datetime | None:
        return None if at is None else at + self.by


def share_of(entry: UUID, within: timedelta) -> timedelta:
    """Return the share of [0, within) that belongs to an entry, to the microsecond."""
    part = int.from_bytes(blake2b(entry.bytes, digest_size=8).digest(), "big")
    return (within // MICROSECOND * part // _PARTS) * MICROSECOND


def jittered(cadence: Cadence, entry: UUID, within: timedelta) -> Cadence:
    """Return the cadence of one of many entries that are spread over `within`."""
    by = share_of(entry, within)
    return Shifted(cadence, by) if by else cadence
