"""What the feed process does beside publishing, in a thread of its own: all that needs the database.

    each second         incidents of symbols that are no instruments, once a symbol
    every 5 seconds     incidents of silence begin and end
    every 10 seconds    splits that were entered meanwhile, and symbols of other venues, reach the guard
    every 30 seconds    incidents that nothing was added to for long end

What the guard goes by is read before the first tick is published as well: a replay has to judge alike from its first
tick on.
"""

from collections.abc import Sequence
from typing import Final

from django.db import DatabaseError, InterfaceError

from thor.marketdata import incidents, known_splits, silence
from thor.marketdata.events import warn
from thor.marketdata.models import TOTAL, FeedIncident, Instrument
from thor.marketdata.publisher import Publisher
from thor.timing import Clock

SILENCES: Final = 5
SPLITS: Final = 10
SWEEP: Final = 30


class Upkeep:
    """Keep the publishers of a process informed, and people informed of them."""

    def __init__(self, publishers: Sequence[Publisher], clock: Clock) -> None:
        """Take the publishers; nothing is read yet."""
        self._publishers, self._clock = publishers, clock
        self._count = 0
        self._checked: set[str] = set()
        self._entered: dict[str, known_splits.Entered] = {}

    def once(self) -> None:
        """Do what is due this second."""
        self._count += 1
        self._name_strangers()
        if self._count % SPLITS == 0:
            self._inform()
        if self._count % SILENCES == 0:
            silence.note_silences(self._clock.now(), [one.venue for one in self._publishers if one.leading])
        if self._count % SWEEP == 0:
            for publisher in self._publishers:
                incidents.sweep(publisher.venue, self._clock.now())

    def load(self) -> None:
        """Read what the guard goes by before anything is published; a database away costs a sentence, not the feed."""
        try:
            self._inform()
        except (DatabaseError, InterfaceError) as error:
            warn("thor.feed.splits_unknown", reason=str(error).strip(), next="read again within ten seconds")

    def _inform(self) -> None:
        self._read_splits()
        for publisher in self._publishers:
            publisher.guard.foreign = _foreign(publisher.venue)

    def _read_splits(self) -> None:
        for publisher in self._publishers:
            found = known_splits.entered(publisher.venue)
            if found != self._entered.get(publisher.venue, []):
                publisher.guard.splits = known_splits.by_symbol(publisher.venue, found)
            self._entered[publisher.venue] = found

    def _name_strangers(self) -> None:
        """Report symbols that no instrument has, once each."""
        for publisher in self._publishers:
            new = list(publisher.seen - self._checked)
            if not new:
                continue
            known = set(Instrument.objects.filter(symbol__in=new).values_list("symbol", flat=True))
            self._checked.update(new)
            for symbol in sorted(set(new) - known - set(publisher.guard.foreign)):
                incidents.report(
                    publisher.venue,
                    FeedIncident.Kind.UNKNOWN_SYMBOL,
                    symbol,
                    source=publisher.feed.source,
                    at=self._clock.now(),
                    detail="to watch it, activate it in the admin under Market data, Instruments",
                )


def _foreign(venue: str) -> dict[str, str]:
    """Return the symbols that must not come in over a venue, each with what a person should know."""
    rows = Instrument.objects.exclude(venue=venue).values_list("symbol", "venue")
    others = {
        symbol: f"trades on {home}: dropped; correct the sender, or the instrument's venue" for symbol, home in rows
    }
    return {**others, TOTAL: "is the name of the composite: dropped; choose another symbol"}
