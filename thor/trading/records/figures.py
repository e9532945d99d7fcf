"""Draw the equity curve and its drawdown as Plotly figures; pure: points in, JSON-able mappings out.

Colours are names of the page's custom properties, `var(--accent)`, and `report.js` puts their values in, so that one
file serves light and dark.
"""

from collections.abc import Sequence
from typing import Any, Final

from thor.trading.records.performance import Point, drawdowns

#: Up to so many points each is marked: a line alone would hide that there are so few.
MARKED: Final = 30
_AXIS: Final = {"gridcolor": "var(--line)", "linecolor": "var(--line)", "zerolinecolor": "var(--line)"}


def equity_figure(points: Sequence[Point]) -> dict[str, Any]:
    """Return the curve, in dollars."""
    trace = {
        **_line(points, "var(--accent)"),
        "y": [round(float(point.equity), 2) for point in points],
        "hovertemplate": "%{x}: $%{y:,.2f}<extra></extra>",
    }
    return {"data": [trace], "layout": _layout({"tickprefix": "$", "tickformat": ",.0f"}, len(points))}


def drawdown_figure(points: Sequence[Point]) -> dict[str, Any]:
    """Return how far the curve was below its highest point so far, in percent."""
    trace = {
        **_line(points, "var(--fall)"),
        "y": [round(float(depth), 4) for depth in drawdowns(points)],
        "fill": "tozeroy",
        "fillcolor": "var(--fall-area)",
        "hovertemplate": "%{x}: %{y:.2f} %<extra></extra>",
    }
    axis = {"ticksuffix": " %", "rangemode": "tozero"}
    return {"data": [trace], "layout": _layout(axis, len(points))}


def _line(points: Sequence[Point], colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(points) <= MARKED else "lines",
        "x": [point.day.isoformat() for point in points],
        "line": {"color": colour, "width": 2},
        "marker": {"color": colour, "size": 6},
    }


def _layout(axis: dict[str, Any], count: int) -> dict[str, Any]:
    return {
        "autosize": True,
        "margin": {"l": 12, "r": 12, "t": 8, "b": 8},
        "paper_bgcolor": "var(--surface)",
        "plot_bgcolor": "var(--surface)",
        "font": {"color": "var(--muted)", "family": "var(--font)", "size": 12},
        "showlegend": False,
        "dragmode": False,
        "xaxis": {
            **_AXIS,
            "type": "date",
            "automargin": True,
            "hoverformat": "%Y-%m-%d",
            "tickangle": 0,
            "nticks": min(count, 5),
        },
        "yaxis": {**_AXIS, **axis, "automargin": True, "nticks": 6},
        "hoverlabel": {"bgcolor": "var(--surface)", "bordercolor": "var(--line)", "font": {"color": "var(--ink)"}},
    }
