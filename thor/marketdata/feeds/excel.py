"""The Excel feed: the quotes of one workbook, for one venue.

Whoever can open the workbook reads it once a second and hands it in: the job `excel_poll` where the file lies within
reach of Thor, or `run_feed --feed excel --push` where Excel runs. So this end is the push feed under another name.
"""

from typing import Final

from thor.marketdata.feeds.port import Feed, FeedRefused, FeedRequest
from thor.marketdata.feeds.push import PushFeed, refuse_replay

SOURCE: Final = "EXCEL"


def open_feeds(request: FeedRequest) -> list[Feed]:
    """Return the feed of the one venue that the workbook prices."""
    refuse_replay("excel")
    if len(request.venues) != 1:
        raise FeedRefused(
            "the excel feed reads one workbook, so name the one venue that it prices: THOR_FEED=globex=excel."
        )
    return [PushFeed(venue, request.aliases, source=SOURCE) for venue in request.venues]
