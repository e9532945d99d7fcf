"""The names in Redis, in one place: who writes each, and what it holds.

`{venue}` is a venue's key. Everything can be lost without harm to what is stored: the feed publishes on, and a bar that
was folded only in part after a loss never overwrites a fuller one.
"""

from datetime import date

#: Hash, field = symbol: the latest snapshot as JSON. Written by the feed's publisher.
LATEST_QUOTES = "live_data:latest:quotes"


def quote_channel(symbol: str) -> str:
    """Name the pub/sub channel that carries the snapshots of a symbol; without one, what all those names begin with."""
    return f"live_data:quotes:{symbol}"


def stream(venue: str) -> str:
    """Name the stream of a venue: one entry is one batch of ticks."""
    return f"thor:stream:{venue}"


def feed(venue: str) -> str:
    """Name the hash in which the publisher keeps how far it has come: position, source, watermark."""
    return f"thor:feed:{venue}"


def feed_lease(venue: str) -> str:
    """Name the lease that lets one process at a time feed a venue."""
    return f"thor:feed:{venue}:lease"


def minutes(venue: str) -> str:
    """Name the hash of the fold: its mark, its totals, and one field a minute that is open or may be amended."""
    return f"thor:minutes:{venue}"


def bar_hours(day: date) -> str:
    """Name the hash of a UTC date in which each hour (s) has a token of when its bars were written last."""
    return f"thor:bars:{day.isoformat()}"


def closed_bars(venue: str) -> str:
    """Name the queue of closed bars that wait for the database (JSON, oldest at the left)."""
    return f"q:bars:1m:{venue}"


def processing(venue: str) -> str:
    """Name the list of bars that were checked out and are not acknowledged yet."""
    return f"q:bars:1m:{venue}:processing"


def batch_number(venue: str) -> str:
    """Name the number of the batch that was checked out last."""
    return f"q:bars:1m:{venue}:batch"


def dead(venue: str) -> str:
    """Name the list of items that could not be read as bars, kept for a person to look at."""
    return f"q:bars:1m:{venue}:dead"


def marks(venue: str) -> str:
    """Name the sorted set of minute marks (score = minute) that wait to be stored as samples."""
    return f"thor:marks:{venue}"


def push(venue: str) -> str:
    """Name the stream in which other processes hand in quotes of a venue: one entry is one batch as JSON."""
    return f"thor:push:{venue}"


def push_taken(signature: str) -> str:
    """Name the note that a signed batch was taken; it lasts for as long as the signature is valid."""
    return f"thor:push:taken:{signature}"


#: The lock of the workbook: one reader at a time. Held by a token, so that a slow reader never releases another's.
EXCEL_LOCK = "live_data:excel_lock"


def capture_waiting(market: str) -> str:
    """Name the note that the open of a session (its date) is to be captured; the database holds it as well."""
    return f"thor:capture:waiting:{market}"


def excel_read(venue: str) -> str:
    """Name the note what the rows of the workbook of a venue said when they were handed in last (JSON)."""
    return f"thor:excel:{venue}:read"


def excel_taken(token: str) -> str:
    """Name the note that a batch of one reading of the workbook was handed in; it lasts for a minute."""
    return f"thor:excel:taken:{token}"


def excel_away(venue: str) -> str:
    """Name the note why the workbook of a venue could not be read; it is absent while all is well."""
    return f"thor:excel:{venue}:away"


#: String: a random token. Written by imports of days and splits, and by edits of their rows.
DAILY_VERSION = "thor:daily:version"
