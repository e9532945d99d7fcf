"""Which feed serves which venue: read THOR_FEED, and open the feeds it names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from thor.marketdata.feeds import replay, simulated
from thor.marketdata.feeds.port import Feed, FeedRefused, FeedRequest

#: The feeds there are, by the name that people write.
FEEDS: Mapping[str, Callable[[FeedRequest], list[Feed]]] = {
    "simulated": simulated.open_feeds,
    "replay": replay.open_feeds,
}


def open_feeds(choice: str, request: FeedRequest, *, venues: Sequence[str]) -> list[Feed]:
    """Open the feeds that `choice` names; `venues` are all there are, `request.venues` the ones wanted, if not all.

    `choice` is the name of a feed for every venue, or a list `venue=name,venue=name`, which serves the venues it
    lists. Raises `FeedRefused` for an unknown feed or venue, and for whatever the feed itself cannot do.
    """
    _refuse_unknown_venues(request.venues, venues)
    feeds = _opened(choice, request, venues)
    _refuse_unknown_venues([feed.venue for feed in feeds], venues)
    return feeds


def _opened(choice: str, request: FeedRequest, venues: Sequence[str]) -> list[Feed]:
    if "=" not in choice:
        return _opener(choice)(request)
    feeds: list[Feed] = []
    for name, served in _by_name(choice, venues).items():
        wanted = [venue for venue in served if not request.venues or venue in request.venues]
        if wanted:
            feeds += _opener(name)(replace(request, venues=wanted))
    if not feeds:
        raise FeedRefused(f"THOR_FEED={choice} gives no feed to {', '.join(request.venues)}; add {request.venues[0]}=…")
    return feeds


def _by_name(choice: str, venues: Sequence[str]) -> dict[str, list[str]]:
    """Return the venues of each feed in `venue=name,venue=name`."""
    served: dict[str, list[str]] = {}
    for part in filter(None, (part.strip() for part in choice.split(","))):
        venue, _, name = part.partition("=")
        _refuse_unknown_venues([venue.strip()], venues)
        _opener(name)
        served.setdefault(_key(name), []).append(venue.strip())
    return served


def _refuse_unknown_venues(wanted: Sequence[str], venues: Sequence[str]) -> None:
    for venue in wanted:
        if venue not in venues:
            raise FeedRefused(f"there is no venue {venue!r}; the venues are {', '.join(sorted(venues))}.")


def _opener(name: str) -> Callable[[FeedRequest], list[Feed]]:
    try:
        return FEEDS[_key(name)]
    except KeyError:
        raise FeedRefused(
            f"there is no feed {name.strip()!r}; set THOR_FEED to one of {', '.join(FEEDS)}, or by venue: "
            "globex=simulated,us_equities=replay."
        ) from None


def _key(name: str) -> str:
    return name.strip().lower()
