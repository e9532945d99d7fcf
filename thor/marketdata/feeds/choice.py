"""Read THOR_FEED: one feed for all venues, or one a venue (pure, and cheap to import)."""

from typing import Final

#: The feeds that read what other processes hand in.
PUSHED: Final = ("push", "excel")
#: What simulated prices, and everything that is made of them, say of their origin.
SIMULATED: Final = "SIMULATED"

#: The venues whose shares are given simulated days of the past, and in whose regular hours these are made.
SIMULATED_PAST: Final = {"us_equities": "usa"}


def feed_of_all(choice: str) -> str | None:
    """Return the name of the feed that serves every venue, or None where the choice is a list by venue."""
    return None if "=" in choice else _name(choice)


def feeds_by_venue(choice: str) -> list[tuple[str, str]]:
    """Return (venue, name of its feed) for each part of `venue=name,venue=name`."""
    parts = [part.partition("=") for part in choice.split(",") if part.strip()]
    return [(venue.strip(), _name(name)) for venue, _, name in parts]


def venues_of(choice: str, name: str) -> tuple[str, ...]:
    """Return the venues that a list by venue gives to a feed; a feed of all venues is given none by name."""
    if feed_of_all(choice) is not None:
        return ()
    return tuple(dict.fromkeys(venue for venue, feed in feeds_by_venue(choice) if feed == name))


def is_pushed(choice: str, venue: str) -> bool:
    """Say whether the feed of a venue reads what other processes hand in."""
    return any(name in PUSHED for name in _feeds_of(choice, venue))


def is_simulated(choice: str, venue: str) -> bool:
    """Say whether the prices of a venue are made up."""
    return SIMULATED.lower() in _feeds_of(choice, venue)


def _feeds_of(choice: str, venue: str) -> list[str]:
    of_all = feed_of_all(choice)
    return [of_all] if of_all is not None else [name for one, name in feeds_by_venue(choice) if one == venue]


def _name(text: str) -> str:
    return text.strip().lower()
