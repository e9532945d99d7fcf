"""Turn bars into a Plotly figure; pure: rows in, a JSON-able mapping out.

Colours are written as the names of the style sheet's custom properties, `var(--rise)`, and chart.js puts their values
in, so that one figure serves light and dark. Plotly has no zones on its axes: x is the market's own wall time, without
an offset. A candle that rose is hollow and one that fell is filled, so that colour is not the only sign.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from thor.dashboard.wording import utc_text, zone_text

NOTHING = Decimal(0)
MINUTE = timedelta(minutes=1)
SHORTEST = timedelta(minutes=30)
_AXIS = {"gridcolor": "var(--line)", "linecolor": "var(--line)", "zeroline": False}


class BarRow(Protocol):
    """Describe what a chart reads of a bar: one minute, beginning at `start_at`."""

    start_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    vwap: Decimal | None


@dataclass(frozen=True, slots=True)
class Style:
    """Hold how one symbol is written: its name, its market's zone, the decimals of its price."""

    symbol: str
    zone: str
    decimals: int

    def price(self, value: Decimal) -> str:
        """Write a price with the symbol's decimals."""
        return f"{value:,.{self.decimals}f}"


def figure(bars: Sequence[BarRow], vwaps: Sequence[Decimal | None], style: Style) -> dict[str, Any]:
    """Return the figure of bars, of the VWAP at the end of each bar, and of volume below them."""
    x = [_wall(bar.start_at, style.zone) for bar in bars]
    utc = [utc_text(bar.start_at) for bar in bars]
    traces = [_candles(bars, x, utc, style), _line(vwaps, x, style), _volume(bars, x)]
    return {"data": traces, "layout": {**_layout(style), "xaxis": _time_axis(bars, style)}}


def running_vwap(bars: Iterable[BarRow], opens: Sequence[datetime]) -> Iterator[Decimal | None]:
    """Yield after each bar the volume-weighted average price since the newest of `opens` that is not after it.

    Sum of price × volume over sum of volume, where a bar's price is its own VWAP; None until something was traded.
    The bars must begin at, or before, the first open for the average to be the session's.
    """
    value = volume = NOTHING
    anchor: datetime | None = None
    for bar in bars:
        newest = max((at for at in opens if at <= bar.start_at), default=None)
        if newest != anchor:
            anchor, value, volume = newest, NOTHING, NOTHING
        if bar.vwap is not None:
            value, volume = value + Decimal(bar.vwap) * Decimal(bar.volume), volume + Decimal(bar.volume)
        yield value / volume if volume else None


def summary(bars: Sequence[BarRow], style: Style) -> str:
    """Say in one line what the drawing shows, for those who cannot see it and for those who want the number."""
    first, last = bars[0], bars[-1]
    change = last.close - first.open
    percent = change / first.open * 100 if first.open else NOTHING
    low, high = min(bar.low for bar in bars), max(bar.high for bar in bars)
    volume = sum((Decimal(bar.volume) for bar in bars), NOTHING)
    return (
        f"last {style.price(last.close)} · {change:+,.{style.decimals}f} ({percent:+.2f} %)"
        f" · low {style.price(low)} · high {style.price(high)} · volume {volume.normalize():,f}"
        f" · {len(bars)} bar{'s' if len(bars) != 1 else ''} of one minute"
        f" · times in {zone_text(last.start_at, style.zone)}"
    )


def _wall(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def _candles(bars: Sequence[BarRow], x: list[str], utc: list[str], style: Style) -> dict[str, Any]:
    prices = {name: [float(getattr(bar, name)) for bar in bars] for name in ("open", "high", "low", "close")}
    number = f":,.{style.decimals}f"
    return {
        "type": "candlestick",
        "name": style.symbol,
        "x": x,
        **prices,
        "customdata": [[stamp, float(bar.volume)] for stamp, bar in zip(utc, bars, strict=True)],
        "increasing": {"line": {"color": "var(--rise)", "width": 1}, "fillcolor": "var(--surface)"},
        "decreasing": {"line": {"color": "var(--fall)", "width": 1}, "fillcolor": "var(--fall)"},
        "hovertemplate": "<br>".join(
            [
                "%{customdata[0]}",
                *(f"{name[0].upper()} %{{{name}{number}}}" for name in prices),
                "Volume %{customdata[1]:,}<extra></extra>",
            ]
        ),
    }


def _line(vwaps: Sequence[Decimal | None], x: list[str], style: Style) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "VWAP of the session",
        "x": x,
        "y": [None if vwap is None else float(round(vwap, style.decimals + 2)) for vwap in vwaps],
        "line": {"color": "var(--vwap)", "width": 1.5, "dash": "dot"},
        "hovertemplate": f"VWAP %{{y:,.{style.decimals + 2}f}}<extra></extra>",
    }


def _volume(bars: Sequence[BarRow], x: list[str]) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": "Volume",
        "x": x,
        "y": [float(bar.volume) for bar in bars],
        "yaxis": "y2",
        "width": 45_000,
        "marker": {"color": "var(--volume)", "line": {"width": 0}},
        "hovertemplate": "Volume %{y:,}<extra></extra>",
    }


def _time_axis(bars: Sequence[BarRow], style: Style) -> dict[str, Any]:
    """Return the axis of time: as long as the bars, but not shorter than half an hour, where one bar would fill it."""
    axis = {**_AXIS, "type": "date", "rangeslider": {"visible": False}, "anchor": "y2"}
    last = bars[-1].start_at
    if last - bars[0].start_at >= SHORTEST:
        return {**axis, "autorange": True}
    edges = (last - SHORTEST, last + MINUTE / 2)
    return {**axis, "range": [_wall(at, style.zone) for at in edges]}


def _layout(style: Style) -> dict[str, Any]:
    axis = {**_AXIS, "side": "right", "fixedrange": True}
    return {
        "autosize": True,
        # On the left there is room for half a tick label: the first one carries the date, and none is drawn in part.
        "margin": {"l": 36, "r": 62, "t": 8, "b": 34},
        "paper_bgcolor": "var(--surface)",
        "plot_bgcolor": "var(--surface)",
        "font": {"color": "var(--muted)", "family": "var(--font)", "size": 11},
        "hoverlabel": {"bgcolor": "var(--page)", "bordercolor": "var(--line)", "font": {"color": "var(--ink)"}},
        "hovermode": "x unified",
        "showlegend": False,
        "yaxis": {**axis, "domain": [0.24, 1], "tickformat": f",.{style.decimals}f"},
        "yaxis2": {
            **axis,
            "domain": [0, 0.18],
            "tickformat": "~s",
            "nticks": 3,
            "rangemode": "tozero",
        },
    }
