"""What a scheduler does while another one leads: know the schedule, and follow how far time is decided."""

from datetime import datetime, timedelta

from django_celery_beat.models import PeriodicTasks

from thor.drivers.timer import Timer
from thor.drivers.timetable import Timetable
from thor.leadership import term
from thor.leadership.seat import SCHEDULER, Seat

FOLLOW = timedelta(seconds=0.5)
READ_ALL = timedelta(minutes=1)


class Standby:
    """A timetable kept warm: a takeover costs a look at what changed, not the reading of the whole schedule."""

    def __init__(self, seat: Seat = SCHEDULER) -> None:
        """Know nothing yet."""
        self._seat = seat
        self._timetable: Timetable | None = None
        self._follow, self._read_all = Timer(FOLLOW), Timer(READ_ALL)
        self._seen_change: datetime | None = None

    def turn(self) -> bool:
        """Follow the leader, twice a second; return whether the database was asked, and answered."""
        if not self._follow.is_due():
            return False
        decided_until = term.decided_until(self._seat)
        if decided_until is None:
            return True  # nobody has ever led
        change = PeriodicTasks.last_change()
        is_new, self._seen_change = change != self._seen_change, change
        # Kept only once it is whole: what a database that went away left half read looks as if it were read.
        timetable, self._timetable = self._timetable, None
        if timetable is None:
            timetable, is_new = Timetable(decided_until, self._seat.parts), True
        if is_new or self._read_all.is_due():
            timetable.read(decided_until, writes=False)
        timetable.follow(decided_until)
        self._timetable = timetable
        return True

    def keep(self, timetable: Timetable) -> None:
        """Go on from what a reign knew that has just ended."""
        self._timetable = timetable

    def take(self) -> Timetable | None:
        """Hand over what is known, to lead with; nothing is left."""
        found, self._timetable = self._timetable, None
        return found
