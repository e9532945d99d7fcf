"""Say where prices are real by now: what was made up there before says nothing of the shares."""

from thor.env import env
from thor.marketdata.feeds.choice import SIMULATED_PAST, is_simulated


def real_venues() -> list[str]:
    """Return the venues that once had simulated prices, or may have had, and have a real feed now."""
    return [venue for venue in SIMULATED_PAST if not is_simulated(env().feed, venue)]
