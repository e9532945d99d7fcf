"""Publish prices: the feed process."""

import os
import secrets
import signal
import socket
import sys
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from redis.backoff import NoBackoff
from redis.retry import Retry

from thor.connections import connect, redis_client, redis_url
from thor.env import env
from thor.leadership.clock import process_clock
from thor.marketdata import excelpush, feedloop
from thor.marketdata.feeds.choice import feed_of_all, feeds_by_venue, venues_of
from thor.marketdata.feeds.port import FeedRefused, FeedRequest
from thor.marketdata.feeds.registry import FEEDS, open_feeds
from thor.marketdata.publisher import Publisher
from thor.marketdata.pushing import PushRefused
from thor.marketdata.selectors.instruments import known_aliases, traded
from thor.marketdata.workbook import WorkbookAway
from thor.markets.models import Market


class Command(BaseCommand):
    """Run the feeds that THOR_FEED names until SIGTERM or Ctrl-C."""

    help = (
        "Publish prices to Redis, one stream a venue, until stopped. A second process for a venue stands by. "
        "Example: manage.py run_feed --venue us_equities --feed replay --files 'recordings/equity/usa/tick/*/*.zip'"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Let the command line override the environment."""
        parser.add_argument("--venue", action="append", default=[], help="Feed this venue only; may be repeated")
        parser.add_argument("--feed", help=f"{', '.join(FEEDS)}, or by venue; default THOR_FEED")
        parser.add_argument("--files", nargs="+", default=[], help="Recordings to replay; default THOR_REPLAY_FILES")
        parser.add_argument(
            "--push", metavar="URL", help="With --feed excel: push to the Thor at URL, and publish nothing"
        )
        parser.add_argument("--seed", type=int, default=1, help="Which market is simulated; default 1")

    def handle(self, *_: Any, **options: Any) -> None:
        """Open the feeds, refuse what cannot be used before anything is published, and run."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))  # reading recordings may be interrupted anywhere
        try:
            if options["push"]:
                self._push(options, stop)
                return
            publishers = _publishers(options)
        except (FeedRefused, PushRefused, WorkbookAway) as error:
            raise CommandError(f"run_feed: {error}", returncode=2) from None
        except DatabaseError as error:
            raise CommandError(
                f"run_feed: the database is not ready ({str(error).strip()}); run manage.py migrate.", returncode=2
            ) from None
        _stop_when_asked(stop)
        for publisher in publishers:
            self.stdout.write(f"feed {publisher.venue}: {publisher.feed.source}")
        self.stdout.flush()
        try:
            feedloop.run(publishers, process_clock(), stop)
        except FeedRefused as error:  # a live source says so when it is first asked
            raise CommandError(f"run_feed: {error}", returncode=2) from None

    def _push(self, options: dict[str, Any], stop: threading.Event) -> None:
        """Read the workbook here and push its quotes: neither database nor Redis is needed where this runs."""
        venue = _venue_of_the_workbook(options)
        pusher = excelpush.prepare(options["push"], venue)
        _stop_when_asked(stop)
        self.stdout.write(f"push {venue}: {pusher.address}")
        self.stdout.flush()
        excelpush.run(pusher, stop)


def _stop_when_asked(stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def _venue_of_the_workbook(options: dict[str, Any]) -> str:
    """Return the venue whose quotes are pushed; refuse anything but one workbook for one venue."""
    choice = options["feed"] or env().feed
    if "excel" not in (feed_of_all(choice), *(name for _, name in feeds_by_venue(choice))):
        raise PushRefused("--push is for the workbook; add --feed excel.")
    venues = options["venue"] or list(venues_of(choice, "excel"))
    if len(venues) != 1:
        raise PushRefused("say which venue the workbook prices; add --venue globex.")
    return str(venues[0])


def _publishers(options: dict[str, Any]) -> list[Publisher]:
    settings, clock = env(), process_clock()
    venues = list(Market.objects.filter(role=Market.Role.VENUE, active=True).values_list("key", flat=True))
    files = options["files"] or settings.replay_files.split(",")
    choice = options["feed"] or ("replay" if options["files"] else settings.feed)
    request = FeedRequest(
        venues=options["venue"],
        files=[name for name in files if name.strip()],
        seed=options["seed"],
        instruments=traded(venues),
        aliases=known_aliases(),
    )
    feeds = open_feeds(choice, request, venues=venues)
    begins = [feedloop.begin(feed, clock, settings.replay_start) for feed in feeds]
    redis_client()  # starts the embedded server where none is configured
    # No retries inside the client: the loop does them, and notices a request to stop while Redis is away.
    client = connect(redis_url(), socket_timeout=0.8, socket_connect_timeout=0.8, retry=Retry(NoBackoff(), 0))
    token = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    return [Publisher(feed, client, token, begin) for feed, begin in zip(feeds, begins, strict=True)]
