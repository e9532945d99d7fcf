"""The figures of a session, of 24 hours and of a year, against numbers worked out by hand."""

from decimal import Decimal

import pytest

from thor.marketdata.figures import close_figures, day_figures, percent, session_figures, year_figures


def d(text: str) -> Decimal:
    return Decimal(text)


def followed(opened: str, *ticks: str) -> dict[str, Decimal | None]:
    """Return the live figures after these ticks."""
    prices = [d(tick) for tick in ticks]
    return session_figures(opened=d(opened), high=max(prices), low=min(prices), last=prices[-1])


def closed_at(opened: str, high: str, low: str, close: str) -> dict[str, Decimal | None]:
    return close_figures(opened=d(opened), high=d(high), low=d(low), close=d(close))


@pytest.mark.parametrize(
    ("opened", "ticks", "high", "high_pct", "low", "low_pct"),
    [
        ("100", ["101", "105", "103"], "105", "5", "101", "1.9802"),
        ("200", ["201", "210", "205"], "210", "5", "201", "1.9900"),
        ("200", ["199"], "199", "0", "199", "0"),
        ("150", ["155"], "155", "3.3333", "155", "0"),
        ("100", ["101", "99"], "101", "1", "99", "0"),
        ("100", ["99", "106"], "106", "6", "99", "7.0707"),
    ],
)
def test_high_and_low_are_of_the_trades_since_the_open(opened, ticks, high, high_pct, low, low_pct):
    found = followed(opened, *ticks)

    assert (found["session_high"], found["session_low"]) == (d(high), d(low))
    assert (found["high_pct_open"], found["low_pct_open"]) == (d(high_pct), d(low_pct))


@pytest.mark.parametrize(
    ("prices", "high_pct", "low_pct", "vs_open"),
    [
        (("100", "105", "101", "104"), "0.9524", "2.9703", "4"),
        (("200", "210", "201", "206"), "1.9048", "2.4876", "3"),
        (("100", "106", "99", "106"), "0", "7.0707", "6"),
    ],
)
def test_the_close_is_measured_on_the_high_the_low_and_the_open(prices, high_pct, low_pct, vs_open):
    found = closed_at(*prices)

    assert found["session_close"] == d(prices[3])
    assert found["high_pct_close"] == d(high_pct)
    assert found["low_pct_close"] == d(low_pct)
    assert found["close_vs_open_pct"] == d(vs_open)


@pytest.mark.parametrize(
    ("opened", "ticks", "wide", "share"),
    [("100", ["101", "105", "104"], "4", "4"), ("200", ["201", "210", "206"], "9", "4.5")],
)
def test_the_range_is_a_share_of_the_open(opened, ticks, wide, share):
    found = followed(opened, *ticks)

    assert (found["session_range"], found["range_pct"]) == (d(wide), d(share))


def test_an_open_of_zero_keeps_the_range_and_has_no_percentages():
    found = followed("0", "1", "4") | closed_at("0", "4", "1", "2")

    assert found["session_range"] == d("3")
    assert found["range_pct"] is None
    assert found["high_pct_open"] is None
    assert found["close_vs_open_pct"] is None
    assert found["high_pct_close"] == d("50")


def test_before_the_first_trade_there_are_no_figures():
    found = session_figures(opened=d("100"), high=None, low=None, last=None)

    assert set(found.values()) == {None}


def test_percentages_have_four_places_and_round_half_up():
    assert percent(d("0.00005"), d("100")) == d("0.0001")
    assert percent(d("1"), d("3")) == d("33.3333")
    assert percent(d("-0.00005"), d("100")) == d("-0.0001")


def test_a_percentage_too_large_to_be_kept_is_unknown():
    assert percent(d("10000000"), d("0.00000001")) is None


def test_24_hours_measure_the_range_on_the_open_and_the_change_on_the_close_before():
    found = day_figures(opened=d("200"), high=d("210"), low=d("195"), previous_close=d("160"))

    assert found == {
        "previous_close": d("160"),
        "change": d("40"),
        "change_percent": d("25"),
        "range": d("15"),
        "range_percent": d("7.5"),
    }


def test_without_a_close_before_24_hours_have_a_range_and_no_change():
    found = day_figures(opened=d("0"), high=d("2"), low=d("1"), previous_close=None)

    assert found["range"] == d("1")
    assert found["change"] is None
    assert found["change_percent"] is None
    assert found["range_percent"] is None


def test_52_weeks_are_measured_on_the_last_price():
    found = year_figures(last=d("160"), high=d("173.60"), low=d("134.70"))

    assert found["high_pct_52w"] == d("8.5")
    assert found["low_pct_52w"] == d("15.8125")
    assert found["range_52w"] == d("38.90")
    assert found["range_pct_52w"] == d("24.3125")


def test_52_weeks_without_a_last_price_have_prices_and_no_percentages():
    found = year_figures(last=None, high=d("2"), low=d("1"))

    assert found["range_52w"] == d("1")
    assert found["high_pct_52w"] is None
    assert found["range_pct_52w"] is None
