"""Ask about market data: instruments, bars, quotes, captures, volume-weighted prices, and how the feeds are."""

from thor.marketdata.selectors.bars import bars, symbols
from thor.marketdata.selectors.captures import (
    LAST_DAYS,
    Tally,
    captured_sessions,
    captures,
    captures_of_today,
    newest_sessions,
    sessions_on,
    sources,
    tallies,
)
from thor.marketdata.selectors.feeds import FeedStatus, feed_status, open_incidents
from thor.marketdata.selectors.instruments import UnknownSymbol, find_instrument, find_instruments
from thor.marketdata.selectors.quotes import QuoteRow, latest_quotes, quote_rows, quoted_symbols, snapshots
from thor.marketdata.selectors.vwaps import ROLLING_WINDOW, rolling_vwap, sampled_vwap, samples, session_vwap

__all__ = [
    "LAST_DAYS",
    "ROLLING_WINDOW",
    "FeedStatus",
    "QuoteRow",
    "Tally",
    "UnknownSymbol",
    "bars",
    "captured_sessions",
    "captures",
    "captures_of_today",
    "feed_status",
    "find_instrument",
    "find_instruments",
    "latest_quotes",
    "newest_sessions",
    "open_incidents",
    "quote_rows",
    "quoted_symbols",
    "rolling_vwap",
    "sampled_vwap",
    "samples",
    "session_vwap",
    "sessions_on",
    "snapshots",
    "sources",
    "symbols",
    "tallies",
]
