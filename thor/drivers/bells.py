"""The bells as a leader rings them: transitions at their instant, the gate at edges of windows, new hours at once."""

from datetime import datetime

from thor.drivers import chores, gate
from thor.markets import mirror, transitions
from thor.markets.table import SessionTable

Tables = dict[str, SessionTable]


class Bells:
    """When the next bell rings and the next window opens or closes, by the sessions that were last taken over."""

    def __init__(self, now: datetime) -> None:
        """Know no hours yet; bells up to now are the business of whoever makes up for them."""
        self._rung_until = now
        self._tables: Tables = {}
        self._bell: datetime | None = None
        self._edge: datetime | None = None
        self._lines_follow = chores.follow_markets(now)

    @property
    def instants(self) -> list[datetime]:
        """Return the next bell and the next edge, as far as there are any."""
        return [at for at in (self._bell, self._edge) if at is not None]

    def ring(self, now: datetime) -> None:
        """Ring what is due, and move the lines of the schedule whose window opens or closes."""
        if self._bell is not None and self._bell <= now:
            transitions.make_transitions(self._rung_until, now)
            self._rung_until = now
            self._bell = transitions.next_transition_at(now)
            mirror.publish(now)
        if self._edge is not None and self._edge <= now:
            self.settle(now)

    def settle(self, now: datetime) -> None:
        """Bring every line to what it should be now."""
        gate.settle(now)
        self._edge = gate.next_edge_at(now)

    def have_moved(self) -> bool:
        """Tell whether hours are not those that were taken over: by an override, an edit, a new calendar."""
        return transitions.tables() != self._tables

    def take_hours(self, now: datetime) -> Tables:
        """Go by the sessions as they are by now, and return those of before.

        Bells that were missed, or that new hours put into the past, are made up for; a market that was made active
        gets its lines.
        """
        before, self._tables = self._tables, transitions.tables()
        if before and before.keys() != self._tables.keys():
            self._lines_follow = chores.follow_markets(now)
        transitions.bootstrap_open_markets(now)
        self._bell = transitions.next_transition_at(self._rung_until)
        return before

    def follow(self, now: datetime) -> None:
        """Try again what a job that cannot be kept has prevented: lines for every active market, and for no other."""
        self._lines_follow = self._lines_follow or chores.follow_markets(now)
