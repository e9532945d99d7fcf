"""What is old goes, in chunks; what is kept for ever and what is being replayed stays."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.marketdata.conftest import utc
from thor.env import env
from thor.marketdata.models import Bar, FeedIncident, Instrument, VwapSample
from thor.marketdata.services import purge_market_data as service

pytestmark = pytest.mark.django_db

AT = utc("2026-03-02T15:00")
DAY = timedelta(days=1)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set for how many days each is kept."""

    def keep(**days: int) -> None:
        found = env().model_copy(update={f"keep_{name}_days": number for name, number in days.items()})
        monkeypatch.setattr(service, "env", lambda: found)

    return keep


def bar(symbol: str, start_at: datetime) -> None:
    figures = dict.fromkeys(("open", "high", "low", "close", "volume"), 1)
    instrument = Instrument.objects.get(symbol=symbol)
    Bar.objects.create(instrument=instrument, start_at=start_at, trades=1, ticks=1, source="TEST", **figures)


def sample(symbol: str, minute_at: datetime) -> None:
    VwapSample.objects.create(
        instrument=Instrument.objects.get(symbol=symbol),
        minute_at=minute_at,
        last_price=1,
        cumulative_volume=1,
        captured_at=minute_at,
    )


def purge() -> dict[str, Any]:
    return service.purge_market_data(at=AT)


def test_by_default_bars_stay_for_ever_and_samples_for_thirty_days() -> None:
    for age in (0, 30, 31, 4000):
        bar("SPY", AT - age * DAY)
        sample("SPY", AT - age * DAY)

    assert purge() == {"bars": 0, "samples": 2, "incidents": 0}
    assert Bar.objects.count() == 4
    assert set(VwapSample.objects.values_list("minute_at", flat=True)) == {AT, AT - 30 * DAY}


def test_bars_go_where_an_operator_wants_it(kept: Any) -> None:
    kept(bars=10, samples=0)
    for symbol in ("SPY", "ES"):
        for age in (0, 10, 11):
            bar(symbol, AT - age * DAY)
            sample(symbol, AT - 50 * age * DAY)

    assert purge() == {"bars": 2, "samples": 0, "incidents": 0}
    assert purge() == {"bars": 0, "samples": 0, "incidents": 0}
    assert set(Bar.objects.values_list("start_at", flat=True)) == {AT, AT - 10 * DAY}


def test_a_recording_does_not_vanish_while_it_is_replayed() -> None:
    recorded = utc("2013-10-07T14:00")
    sample("SPY", recorded)
    sample("SPY", recorded - 31 * DAY)
    sample("ES", AT)

    assert purge()["samples"] == 1
    assert VwapSample.objects.filter(minute_at=recorded).exists()


def test_incidents_go_ninety_days_after_they_ended() -> None:
    for number, ended_at in enumerate((None, AT - 89 * DAY, AT - 91 * DAY)):
        first_at = AT - 200 * DAY
        FeedIncident.objects.create(
            venue="globex", kind="lost", symbol=f"S{number}", first_at=first_at, last_at=first_at, ended_at=ended_at
        )

    assert purge()["incidents"] == 1
    assert set(FeedIncident.objects.values_list("symbol", flat=True)) == {"S0", "S1"}


def test_a_long_backlog_goes_in_chunks_and_is_left_to_the_next_purge(
    monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(service, "CHUNK", 4)
    monkeypatch.setattr(service, "MOST", 2)
    sample("SPY", AT)
    for number in range(10):
        sample("SPY", AT - 40 * DAY - number * DAY)

    assert purge() == {"bars": 0, "samples": 8, "incidents": 0, "behind": True}
    # The oldest went first.
    assert VwapSample.objects.order_by("minute_at").first().minute_at == AT - 41 * DAY  # type: ignore[union-attr]
    with django_assert_max_num_queries(6):
        assert purge() == {"bars": 0, "samples": 2, "incidents": 0}
