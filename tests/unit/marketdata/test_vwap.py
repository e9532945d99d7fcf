"""Volume-weighted prices from samples and bars."""

from datetime import UTC, datetime
from decimal import Decimal

from thor.marketdata.vwap import Mark, from_samples, mean


def mark(at: str, price: str, cumulative: str) -> Mark:
    return Mark(datetime.fromisoformat(at).replace(tzinfo=UTC), Decimal(price), Decimal(cumulative))


def test_the_base_lends_its_volume_and_not_its_price() -> None:
    base = mark("2026-03-02T14:29", "500", "1000")
    marks = [mark("2026-03-02T14:30", "10", "1100"), mark("2026-03-02T14:31", "20", "1400")]

    assert from_samples(base, marks) == Decimal("17.5000")


def test_without_a_base_the_first_sample_becomes_it() -> None:
    marks = [mark("2026-03-02T14:30", "10", "1000000"), mark("2026-03-02T14:31", "20", "1000300")]

    assert from_samples(None, marks) == Decimal("20.0000")


def test_a_smaller_total_is_a_reset() -> None:
    base = mark("2026-03-02T14:29", "10", "1000")
    marks = [mark("2026-03-02T14:30", "10", "1010"), mark("2026-03-02T14:31", "40", "20")]

    assert from_samples(base, marks) == Decimal("30.0000")


def test_a_new_day_is_a_reset_even_where_its_volume_is_larger() -> None:
    base = mark("2026-03-02T23:59", "10", "5")
    marks = [mark("2026-03-03T00:00", "10", "10"), mark("2026-03-03T00:01", "40", "15")]

    assert from_samples(base, marks) == Decimal("32.5000")


def test_nothing_traded_has_no_price() -> None:
    same = [mark("2026-03-02T14:30", "10", "1000"), mark("2026-03-02T14:31", "20", "1000")]

    assert from_samples(same[0], same[1:]) is None
    assert from_samples(None, []) is None
    assert mean([(Decimal(10), Decimal(0))]) is None
