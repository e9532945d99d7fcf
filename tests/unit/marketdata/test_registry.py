"""THOR_FEED names one feed for all venues, or one a venue."""

from pathlib import Path

import pytest

from tests.unit.marketdata.recorded import write_zip
from thor.marketdata.feeds.port import FeedRefused, FeedRequest
from thor.marketdata.feeds.registry import open_feeds

VENUES = ["us_equities", "globex", "crypto"]


@pytest.mark.parametrize(
    ("choice", "venues", "reason"),
    [
        ("excle", (), "there is no feed 'excle'; set THOR_FEED to one of simulated, replay"),
        ("globex=excle", (), "there is no feed 'excle'"),
        ("mars=simulated", (), "there is no venue 'mars'; the venues are crypto, globex, us_equities."),
        ("simulated", ("mars",), "there is no venue 'mars'"),
        ("globex=simulated", ("crypto",), "gives no feed to crypto"),
        ("simulated", ("globex",), "there is no active instrument on globex"),
        ("simulated", (), "there is no active instrument to simulate"),
    ],
)
def test_a_choice_that_cannot_be_used_is_refused(choice: str, venues: tuple[str, ...], reason: str) -> None:
    with pytest.raises(FeedRefused) as caught:
        open_feeds(choice, FeedRequest(venues=venues), venues=VENUES)

    assert reason in str(caught.value)


def test_a_choice_by_venue_serves_the_venues_it_lists(tmp_path: Path) -> None:
    stock = write_zip(tmp_path, "equity/usa/tick/spy/20131007_trade.zip", "1,1,1\n")
    coin = write_zip(tmp_path, "crypto/coinbase/minute/btcusd/20161007_trade.zip", "0,1,1,1,1,1\n")
    request = FeedRequest(files=[str(stock), str(coin)])

    assert [feed.venue for feed in open_feeds(" Crypto = REPLAY ".lower(), request, venues=VENUES)] == ["crypto"]
    assert {feed.venue for feed in open_feeds("Replay", request, venues=VENUES)} == {"us_equities", "crypto"}
