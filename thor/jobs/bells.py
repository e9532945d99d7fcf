"""Know the runs at bells: the last of a session, or of a part of it. No later run makes up for one of them, so it waits
for the run of the moment before, where any other would be left out as an overlap.
"""

from thor.timing import Occurrence
from thor.timing.entry import MARKS, Marks
from thor.timing.spans import span_index


def is_at_bell(occurrence: Occurrence, also_at: frozenset[str]) -> bool:
    """Tell whether the run is one at a bell: one that rings then, or that has rung then, by whatever hours."""
    from thor.markets.models import Transition  # here, since it brings models, and jobs are declared before them
    from thor.markets.transitions import CLOSES

    bells = also_at.intersection(MARKS)
    if not bells or not occurrence.market:
        return False
    rung = Transition.objects.filter(market__key=occurrence.market, kind__in=CLOSES, at=occurrence.nominal_at)
    return _rings(Marks(bells), occurrence) or rung.exists()


def _rings(bells: Marks, occurrence: Occurrence) -> bool:
    from thor.markets.sessions import sessions_of
    from thor.markets.store import CalendarUnavailable

    at = occurrence.nominal_at
    try:
        sessions = sessions_of(occurrence.market)
    except CalendarUnavailable:
        return False
    return next(iter(span_index(bells, sessions).touching(at, at)), None) is not None
