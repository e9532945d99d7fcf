"""Figures made of bars."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import plotly.graph_objects as plotly

from thor.dashboard import charts

OPEN = datetime(2024, 7, 9, 13, 30, tzinfo=UTC)
STYLE = charts.Style("SPY", "America/New_York", 2)


@dataclass
class Row:
    """A bar as a chart reads it."""

    start_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    vwap: Decimal | None


def row(minute: int, price: str, volume: str = "100", vwap: str | None = "") -> Row:
    middle = Decimal(price)
    average = middle if vwap == "" else Decimal(vwap) if vwap else None
    start_at = OPEN + timedelta(minutes=minute)
    return Row(start_at, middle, middle + 1, middle - 1, middle + Decimal("0.5"), Decimal(volume), average)


def test_the_figure_is_one_that_plotly_accepts() -> None:
    bars = [row(0, "10"), row(1, "11")]

    made = charts.figure(bars, [Decimal(10), None], STYLE)

    for trace in made["data"]:
        del trace["name"]
    coloured = json.loads(json.dumps(made).replace("var(--font)", "serif").replace("var(--", "#123456(--"))
    plain = json.loads(_without_colours(json.dumps(coloured)))
    checked = plotly.Figure(plain)
    assert [trace.type for trace in checked.data] == ["candlestick", "scatter", "bar"]


def _without_colours(text: str) -> str:
    import re

    return re.sub(r'"#123456\(--[a-z]+\)"', '"#123456"', text)


def test_the_axis_is_the_markets_own_time_and_the_label_is_utc() -> None:
    candles = charts.figure([row(0, "10")], [None], STYLE)["data"][0]

    assert candles["x"] == ["2024-07-09 09:30:00"]
    assert candles["customdata"] == [["2024-07-09 13:30:00 UTC", 100.0]]


def test_a_few_bars_do_not_fill_the_axis() -> None:
    few = charts.figure([row(0, "10")], [None], STYLE)["layout"]["xaxis"]
    many = charts.figure([row(0, "10"), row(45, "10")], [None, None], STYLE)["layout"]["xaxis"]

    assert few["range"] == ["2024-07-09 09:00:00", "2024-07-09 09:30:30"]
    assert many["autorange"] is True


def test_vwap_is_weighted_with_volume() -> None:
    bars = [row(0, "10", "100"), row(1, "20", "300")]

    assert list(charts.running_vwap(bars, [OPEN])) == [Decimal(10), Decimal("17.5")]


def test_vwap_begins_anew_with_each_session() -> None:
    bars = [row(0, "10"), row(1, "20"), row(60, "40")]

    found = list(charts.running_vwap(bars, [OPEN, OPEN + timedelta(minutes=60)]))

    assert found == [Decimal(10), Decimal(15), Decimal(40)]


def test_a_bar_without_trades_leaves_the_average_alone() -> None:
    bars = [row(0, "10", "0", None), row(1, "20"), row(2, "30", "0", None)]

    assert list(charts.running_vwap(bars, [OPEN])) == [None, Decimal(20), Decimal(20)]


def test_the_summary_says_what_the_drawing_shows() -> None:
    said = charts.summary([row(0, "1000", "1500"), row(1, "1010", "500")], STYLE)

    assert "last 1,010.50 · +10.50 (+1.05 %)" in said
    assert "low 999.00 · high 1,011.00 · volume 2,000 · 2 bars of one minute · times in EDT" in said


def test_a_symbol_whose_price_has_no_decimals_is_written_without() -> None:
    said = charts.summary([row(0, "39000")], charts.Style("YM", "America/Chicago", 0))

    assert "low 38,999 " in said
    assert "1 bar of one minute" in said
