"""A recorded day of Tokyo with its lunch break, on a venue that an operator has added."""

import itertools
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.publishing import feed_through
from thor.marketdata import selectors
from thor.marketdata.feeds.port import FeedRefused, FeedRequest
from thor.marketdata.feeds.registry import open_feeds
from thor.marketdata.services import closed_bars
from thor.markets.models import Market

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.recordings]

RECORDING = "index/ose/minute/n225/20210114_trade.zip"


def test_the_day_of_tokyo_is_folded_with_its_lunch_break(store: redis.Redis, lean: Path) -> None:
    Market.objects.create(key="osaka", name="Osaka", calendar="XTKS", zone="Asia/Tokyo", role=Market.Role.VENUE)
    (feed,) = open_feeds("replay", FeedRequest(files=[str(lean / RECORDING)]), venues=["osaka"])

    feed_through(feed, store, ns("2021-01-13T23:30"), ns("2021-01-14T07:00"))
    closed_bars.flush(market="osaka", at=utc("2021-01-14T07:00"))

    starts = [bar.start_at for bar in selectors.bars("N225", utc("2021-01-14T00:00"), utc("2021-01-14T06:00"))]
    assert len(starts) == 302
    longest = max(itertools.pairwise(starts), key=lambda pair: pair[1] - pair[0])
    assert longest == (utc("2021-01-14T02:35"), utc("2021-01-14T03:30"))
    morning = [start for start in starts if start < utc("2021-01-14T02:30")]
    assert {after - before for before, after in itertools.pairwise(morning)} == {timedelta(minutes=1)}


def test_without_such_a_venue_it_is_refused(lean: Path) -> None:
    with pytest.raises(FeedRefused, match="there is no venue 'osaka'; the venues are"):
        open_feeds("replay", FeedRequest(files=[str(lean / RECORDING)]), venues=["us_equities", "globex", "crypto"])
