"""Which feed serves which venue: read THOR_FEED, and open the feeds it names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import cast

from thor.marketdata.feeds.choice import feed_of_all, feeds_by_venue
from thor.marketdata.feeds.port import Feed, FeedRefused, FeedRequest

Opener = Callable[[FeedRequest], list[Feed]]


def _opener_in(name: str) -> Opener:
    """Return the `open_feeds` of a module of this package, imported when it is wanted: one feed needs no other's."""

    def open_feeds(request: FeedRequest) -> list[Feed]:
        return cast(Opener, import_module(f"thor.marketdata.feeds.{name}").open_feeds)(request)

    return open_feeds


#: The feeds there are, by the name that people write, which is that of their module.
FEEDS: Mapping[str, Opener] = {name: _opener_in(name) for name in ("simulated", "replay", "excel", "alpaca", "push")}


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
    of_all = feed_of_all(choice)
    if of_all is not None:
        return _opener(of_all)(request)
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
    for venue, name in feeds_by_venue(choice):
        _refuse_unknown_venues([venue], venues)
        _opener(name)
        served.setdefault(name, []).append(venue)
    return served


def _refuse_unknown_venues(wanted: Sequence[str], venues: Sequence[str]) -> None:
    for venue in wanted:
        if venue not in venues:
            raise FeedRefused(f"there is no venue {venue!r}; the venues are {', '.join(sorted(venues))}.")


def _opener(name: str) -> Opener:
    try:
        return FEEDS[name]
    except KeyError:
        raise FeedRefused(
            f"there is no feed {name!r}; set THOR_FEED to one of {', '.join(FEEDS)}, or by venue: "
            "globex=simulated,us_equities=replay."
        ) from None
