"""The bells as a leader rings them: transitions at their instant, the gate at edges of windows, new hours at once.

Who decides no job's lines rings none: in legacy mode they are the business of the stack, and beat is `Deaf` to them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from thor.drivers import chores, gate
from thor.drivers.timer import Timer
from thor.markets import horizon, mirror, transitions
from thor.markets.table import SessionTable

Tables = dict[str, SessionTable]
Chore = tuple[Timer, Callable[[datetime], object]]

#: What a raising receiver left is tried again so soon.
AGAIN = timedelta(seconds=1)
#: Calendars that end soon are looked for this often; each is said once a day.
HOUR = timedelta(hours=1)
#: How long what the bells bring with them waits for a quiet moment.
PATIENCE = timedelta(seconds=0.1)


class Bells:
    """When the next bell rings and the next window opens or closes, by the sessions that were last taken over."""

    def __init__(self, now: datetime) -> None:
        """Know no hours yet; bells up to now are the business of whoever makes up for them."""
        self.chores: tuple[Chore, ...] = (
            (Timer(AGAIN, at_once=False, patience=PATIENCE), transitions.resend_unhandled),
            (Timer(mirror.AGAIN_AFTER, patience=PATIENCE), mirror.publish),
            (Timer(HOUR, patience=PATIENCE), horizon.short_horizons),
        )
        # The leader before is deposed: what it did not live to announce is announced at once.
        transitions.resend_unhandled(now, at_once=True)
        self._rung_until = now
        self._tables: Tables = {}
        self._bell: datetime | None = None
        self._edge: datetime | None = None
        self._lines_follow = chores.follow_markets(now)

    @property
    def instants(self) -> tuple[datetime, ...]:
        """Return the next bell and the next edge, as far as there are any."""
        return tuple(at for at in (self._bell, self._edge) if at is not None)

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


class Deaf:
    """Ring nothing, and know no hours: the lines that are decided here belong to no market."""

    instants: tuple[datetime, ...] = ()
    chores: tuple[Chore, ...] = ()

    def ring(self, now: datetime) -> None:
        """Ring nothing."""

    def settle(self, now: datetime) -> None:
        """Move no line."""

    def have_moved(self) -> bool:
        """Know of no hours that could."""
        return False

    def take_hours(self, now: datetime) -> Tables:
        """Take none."""
        return {}

    def follow(self, now: datetime) -> None:
        """Follow no market."""
