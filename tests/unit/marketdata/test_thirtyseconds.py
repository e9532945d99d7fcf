"""Prices in points and thirty-seconds of a point."""

import pytest

from thor.marketdata.thirtyseconds import thirty_seconds


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("111-16", 111.5),
        ("111'16", 111.5),
        ("111:16", 111.5),
        ("111-16+", 111.515625),
        ("-0'06", -0.1875),
        ("+0'06", 0.1875),
        (" 111'16 ", 111.5),
        ("-111-16+", -111.515625),
        ("0-00", 0.0),
        ("111'31", 111.96875),
        ("110'160", 110.5),
        ("110'162", 110.5078125),
        ("110'165", 110.515625),
        ("110'167", 110.5234375),
    ],
)
def test_points_and_thirty_seconds_are_one_exact_price(text: str, price: float) -> None:
    assert thirty_seconds(text) == price


@pytest.mark.parametrize(
    "text",
    ["", "111", "111.5", "111-32", "111-1", "111-161", "111-16++", "111-16.5", "--0'06", "a-16", "111 16", "١١١-١٦"],
)
def test_anything_else_is_no_such_price(text: str) -> None:
    assert thirty_seconds(text) is None
