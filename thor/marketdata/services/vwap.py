"""Store the last price and the cumulative volume of each minute.

The marks were made while ticks were folded, each at its own minute of data time; here they become rows. So a sample
does not depend on when, how often, or in how many pieces this runs.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, cast

from django.db import transaction
from django.db.models import Q

from thor.connections import redis_client
from thor.marketdata import closed, keys
from thor.marketdata.models import Instrument, VwapSample
from thor.marketdata.services import intraday
from thor.marketdata.upsert import upsert

#: Whose minutes are stored: an open is captured from the sample of its minute.
WANTED: Final = Q(sampled=True) | Q(captured=True)
#: Minutes stored in one transaction, and rows in one statement.
MINUTES = 120
ROWS = 2000

#: The end of a mark's row.
_QUOTE: Final = ("bid", "ask", "bid_size", "ask_size")


def sample_minute(*, market: str, at: datetime, first_at: datetime | None = None) -> dict[str, Any]:
    """Store a sample a symbol for every minute up to `at` that the feed has passed; return what was done.

    `first_at` is the first slot that was folded into this run. The keys are: minutes and samples (stored), through
    (the last of the minutes), and waiting (minutes of this run that the feed has not passed yet: a later run has them).
    """
    step = intraday.step_once(market=market, at=at)
    client = redis_client()
    instruments = dict(Instrument.objects.filter(WANTED, venue=market, active=True).values_list("symbol", "id"))
    minutes = samples = 0
    through = None
    while True:
        found = client.zrangebyscore(keys.marks(market), "-inf", int(at.timestamp()), start=0, num=MINUTES)
        marks = cast("list[bytes]", found)
        if not marks:
            break
        rows = _rows(marks, instruments, at)
        with transaction.atomic():
            for start in range(0, len(rows), ROWS):
                upsert(VwapSample, rows[start : start + ROWS], unique=("instrument_id", "minute_at"))
        client.zrem(keys.marks(market), *marks)
        minutes, samples = minutes + len(marks), samples + len(rows)
        through = _minute(marks[-1])
    told: dict[str, Any] = {"minutes": minutes, "samples": samples}
    if through:
        told["through"] = through.isoformat()
    return {**told, "waiting": _waiting(step.get("watermark"), first_at or at, at)}


def _rows(marks: list[bytes], instruments: dict[str, int], at: datetime) -> list[dict[str, Any]]:
    """Return a row a watched symbol and minute; of two marks of one minute the later one stands."""
    rows = {}
    for mark in marks:
        minute_at = _minute(mark)
        for symbol, price, volume, *quote in json.loads(mark)["rows"]:
            if symbol in instruments:
                sides = dict(zip(_QUOTE, quote, strict=False))
                rows[symbol, minute_at] = {
                    "instrument_id": instruments[symbol],
                    "minute_at": minute_at,
                    "last_price": closed.exact(price),
                    "cumulative_volume": closed.in_units(volume),
                    **{name: _known(sides.get(name)) for name in _QUOTE},
                    "captured_at": at,
                }
    return [rows[key] for key in sorted(rows)]  # in one order everywhere, so that two passes cannot deadlock


def _known(figure: float | None) -> Decimal | None:
    return None if figure is None else closed.exact(figure)


def _minute(mark: bytes) -> datetime:
    return datetime.fromtimestamp(json.loads(mark)["minute"] // 10**9, UTC)


def _waiting(watermark: str | None, first_at: datetime, at: datetime) -> int:
    """Count the minutes in [first_at, at] that lie beyond the watermark."""
    if watermark is None:
        return 0
    reached = datetime.fromisoformat(watermark)
    return max(0, _whole(at) - max(_whole(reached), _whole(first_at) - 1))


def _whole(at: datetime) -> int:
    return int(at.timestamp()) // 60
