"""Windows of 365 days: ageing, ties, splits, leap days, bad prints, and today on top."""

from datetime import date, timedelta

import numpy as np
import pytest

from thor.marketdata.extremes import DAY, Split, base_of, blank, with_today

AS_OF = date(2026, 3, 4)
ONE = 7


def days(*rows: tuple[str | date, float, float], instrument: int = ONE, cleaned: bool = False) -> np.ndarray:
    """Return days (date, high, low) whose open and close lie halfway."""
    found = np.zeros(len(rows), DAY)
    for row, (on, high, low) in zip(found, rows, strict=True):
        on = date.fromisoformat(on) if isinstance(on, str) else on
        middle = (high + low) / 2
        for name, value in zip(
            DAY.names, (instrument, on.toordinal(), middle, high, low, middle, cleaned), strict=True
        ):
            row[name] = value
    return found


def base(known: np.ndarray, as_of: date = AS_OF, splits: dict | None = None):
    return base_of(known, [ONE], as_of, splits or {})[0]


def named(row, kind: str) -> tuple[float, date]:
    return float(row[kind]), date.fromordinal(int(row[f"{kind}_date"]))


def test_the_window_is_365_days_with_the_session_date_and_older_days_age_out():
    known = days(("2025-03-04", 20, 11), ("2025-03-05", 18, 12), ("2026-03-03", 16, 15))

    row = base(known)

    assert named(row, "high_52w") == (18, date(2025, 3, 5))
    assert named(row, "low_52w") == (12, date(2025, 3, 5))
    assert named(row, "all_time_high") == (20, date(2025, 3, 4))
    assert named(row, "all_time_low") == (11, date(2025, 3, 4))


def test_a_day_later_the_high_has_left_the_window():
    known = days(("2025-03-05", 15, 11), ("2026-03-03", 12, 10))

    assert base(known)["high_52w"] == 15
    assert named(base(known, AS_OF + timedelta(days=1)), "high_52w") == (12, date(2026, 3, 3))


@pytest.mark.parametrize(
    ("as_of", "first"),
    [
        (date(2024, 2, 29), date(2023, 3, 2)),
        (date(2024, 3, 1), date(2023, 3, 3)),
        (date(2025, 2, 27), date(2024, 2, 29)),
        (date(2025, 2, 28), date(2024, 3, 1)),
    ],
)
def test_a_leap_day_is_a_day_like_any_other(as_of: date, first: date):
    known = days((first - timedelta(days=1), 30, 20), (first, 25, 21), (as_of - timedelta(days=1), 23, 22))

    assert named(base(known, as_of), "high_52w") == (25, first)


def test_of_two_days_with_the_same_extreme_the_earlier_is_named_whatever_the_order():
    known = days(("2026-03-02", 15, 5), ("2026-02-02", 15, 5), ("2026-03-03", 14, 5))

    assert named(base(known), "high_52w") == (15, date(2026, 2, 2))
    assert named(base(known), "low_52w") == (5, date(2026, 2, 2))


def test_today_names_itself_only_where_it_goes_beyond():
    row = base_of(days(("2026-03-02", 15, 5)), [ONE], AS_OF, {})

    same = with_today(row, np.array([15.0]), np.array([5.0]), AS_OF)[0]
    beyond = with_today(row, np.array([15.1]), np.array([4.9]), AS_OF)[0]

    assert named(same, "high_52w") == (15, date(2026, 3, 2))
    assert named(beyond, "high_52w") == (15.1, AS_OF)
    assert named(beyond, "all_time_low") == (4.9, AS_OF)


def test_the_day_of_the_session_itself_does_not_count_twice():
    assert base(days(("2026-03-02", 15, 5), ("2026-03-04", 99, 50)))["high_52w"] == 15


@pytest.mark.parametrize(("ratio", "expected"), [(7.0, 100.0), (0.1, 7000.0)])
def test_prices_before_a_split_are_told_in_new_shares(ratio: float, expected: float):
    known = days(("2026-02-02", 700, 690), ("2026-03-03", 710 / ratio, 600 / ratio))
    splits = {ONE: [Split(date(2026, 3, 3).toordinal(), ratio)]}

    row = base(known[:1], splits=splits)

    assert named(row, "high_52w") == (pytest.approx(expected), date(2026, 2, 2))
    assert named(base(known, splits=splits), "high_52w") == (pytest.approx(710 / ratio), date(2026, 3, 3))


def test_two_splits_multiply_and_one_to_come_changes_nothing():
    splits = {ONE: [Split(date(2026, 2, 9).toordinal(), 2.0), Split(AS_OF.toordinal(), 5.0), Split(10**6, 3.0)]}

    assert base(days(("2026-02-02", 100, 90), ("2026-03-03", 55, 45)), splits=splits)["high_52w"] == 11


def test_a_split_of_one_leaves_the_others_alone():
    known = np.concatenate((days(("2026-03-03", 50, 40)), days(("2026-03-03", 60, 55), instrument=9)))

    rows = base_of(known, [ONE, 8, 9], AS_OF, {9: [Split(AS_OF.toordinal(), 2.0)]})

    assert rows["high_52w"][[0, 2]].tolist() == [50, 30]
    assert np.isnan(rows["high_52w"][1])


def test_a_bad_print_of_an_imported_day_is_left_out_and_one_of_a_cleaned_day_is_not_judged_again():
    known = days(("2026-03-01", 101, 99), ("2026-03-02", 101, 99), ("2026-03-03", 102, 98))
    known["high"][1] = 190

    assert named(base(known), "high_52w") == (102, date(2026, 3, 3))

    known["cleaned"][1] = True
    assert named(base(known), "high_52w") == (190, date(2026, 3, 2))


def test_an_instrument_without_history_is_seeded_by_its_first_session():
    row = with_today(blank(1), np.array([11.0]), np.array([9.0]), AS_OF)[0]

    assert named(row, "high_52w") == (11, AS_OF)
    assert named(row, "all_time_low") == (9, AS_OF)


def test_without_history_and_without_trades_nothing_is_known():
    row = with_today(blank(1), np.array([np.nan]), np.array([np.nan]), AS_OF)[0]

    assert np.isnan(row["high_52w"])


def test_an_old_instrument_whose_window_is_empty_keeps_its_extremes_of_all_time():
    row = base(days(("2020-03-02", 15, 5)))

    assert np.isnan(row["high_52w"])
    assert row["all_time_high"] == 15
