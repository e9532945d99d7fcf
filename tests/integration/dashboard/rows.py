"""Rows for the dashboard's tests: entries, runs and bars as the layers below would write them."""

import math
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from thor.jobs.models import Entry, Run, State
from thor.marketdata.models import Bar, Instrument

#: Tuesday 2024-07-09, 10:00 in New York: New York trades, Tokyo sleeps.
TUESDAY = datetime(2024, 7, 9, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def make_person() -> User:
    """Make somebody who may see everything."""
    return User.objects.create_superuser("trader", password="a long password")


def make_entry(job: str = "vwap_minute", market: str = "us_equities", since: datetime = TUESDAY) -> Entry:
    """Make, or find, the entry of a job on a market, every minute while it is open."""
    name = f"{job} @ {market}" if market else job
    every, _ = IntervalSchedule.objects.get_or_create(every=60, period="seconds")
    task, _ = PeriodicTask.objects.get_or_create(name=name, defaults={"task": job, "interval": every})
    values = {"name": name, "job": job, "market": market, "window": "during open", "since": since}
    entry, _ = Entry.objects.update_or_create(task=task, defaults=values)
    return entry


def make_run(entry: Entry, at: datetime = TUESDAY, state: str = State.SUCCEEDED, **more: Any) -> Run:
    """Write the ledger's row of an occurrence that started 12 ms late and took 30 ms."""
    started = at + timedelta(milliseconds=12)
    values = {
        "uid": uuid.uuid4(),
        "entry": entry.pk,
        "name": entry.name,
        "task": entry.job,
        "market": entry.market,
        "nominal_at": at,
        "due_at": at,
        "deadline_at": at + MINUTE,
        "decided_at": at,
        "started_at": started,
        "finished_at": started + timedelta(milliseconds=30),
        "state": state,
    }
    return Run.objects.create(**{**values, **more})


def make_bars(symbol: str, count: int, until: datetime = TUESDAY, source: str = "simulated") -> list[Bar]:
    """Write `count` bars of one minute that end at `until`: a price that wanders."""
    instrument = Instrument.objects.get(symbol=symbol)
    return Bar.objects.bulk_create(
        _bar(instrument, until - (count - index) * MINUTE, index, source) for index in range(count)
    )


def _bar(instrument: Instrument, start_at: datetime, index: int, source: str) -> Bar:
    middle, close = _price(index), _price(index + 1)
    wick = Decimal(5 + index * 7 % 11) / 40
    return Bar(
        instrument=instrument,
        start_at=start_at,
        open=middle,
        high=max(middle, close) + wick,
        low=min(middle, close) - wick,
        close=close,
        volume=Decimal(1000 + index * 37 % 29 * 130),
        trades=40,
        vwap=(middle + close) / 2,
        ticks=90,
        source=source,
    )


def _price(index: int) -> Decimal:
    """Return a price that wanders, the same at each call."""
    drift = 6 * math.sin(index / 37) + 1.5 * math.sin(index / 5) + 0.8 * math.sin(index * 1.9) + index / 60
    return Decimal(f"{500 + drift:.2f}")
