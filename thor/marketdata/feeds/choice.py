"""Read THOR_FEED: one feed for all venues, or one a venue (pure, and cheap to import)."""


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


def _name(text: str) -> str:
    return text.strip().lower()
