"""Ask for volume-weighted prices: of a stretch, of a rolling window, of a session."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

from django.db.models import QuerySet

from thor.marketdata import vwap
from thor.marketdata.models import VwapSample
from thor.marketdata.selectors.bars import bars

#: Window of the rolling volume-weighted price.
ROLLING_WINDOW = timedelta(minutes=30)


def samples(symbol: str, start: datetime, end: datetime) -> QuerySet[VwapSample]:
    """Return the minute samples of a symbol in [start, end], oldest first."""
    return VwapSample.objects.filter(instrument__symbol=symbol, minute_at__gte=start, minute_at__lte=end).order_by(
        "minute_at"
    )


def sampled_vwap(symbol: str, start: datetime, end: datetime) -> Decimal | None:
    """Return the volume-weighted price of (start, end] from the minute samples, or None without volume.

    The last sample at or before `start` is the base: its volume is subtracted and its price does not count. A day that
    starts within the window (00:00 UTC) and any other reset start a new base of zero.
    """
    base = VwapSample.objects.filter(instrument__symbol=symbol, minute_at__lte=start).order_by("-minute_at").first()
    within = samples(symbol, start, end).exclude(minute_at=start)
    return vwap.from_samples(_mark(base) if base else None, [_mark(sample) for sample in within])


def rolling_vwap(symbol: str, at: datetime, window: timedelta = ROLLING_WINDOW) -> Decimal | None:
    """Return the volume-weighted price of the window that ends at `at`, or None without volume."""
    return sampled_vwap(symbol, at - window, at) if window > timedelta(0) else None


def session_vwap(symbol: str, start: datetime, end: datetime) -> Decimal | None:
    """Return the volume-weighted price over the bars in [start, end) (every tick counts), or None without volume."""
    rows = bars(symbol, start, end).exclude(vwap=None).values_list("vwap", "volume")
    return vwap.mean(cast("list[tuple[Decimal, Decimal]]", list(rows)))


def _mark(sample: VwapSample) -> vwap.Mark:
    return vwap.Mark(sample.minute_at, sample.last_price, sample.cumulative_volume)
