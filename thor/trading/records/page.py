"""Make a report one HTML file that needs nothing else: no network, no server, no other file.

Whatever a reason or a symbol says is text: the template escapes it, the figures are JSON without a `<`, and the page's
own policy runs no script but the two whose fingerprints it names.
"""

import base64
import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from django.template.loader import render_to_string

from thor.trading.hours import day_of
from thor.trading.models import Trade
from thor.trading.records.figures import drawdown_figure, equity_figure
from thor.trading.records.printing import printing_zone
from thor.trading.records.report import Report

HERE: Final = Path(__file__).parent
UNSAID: Final = "–"
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def report_page(report: Report, *, plotly: str) -> str:
    """Return the HTML; `plotly` is the script of Plotly, which becomes a part of it."""
    plotly = plotly.replace("\r\n", "\n")  # as a browser reads it, or its fingerprint would be another
    script = (HERE / "report.js").read_text()
    points = report.curve.points
    values = {
        "report": report,
        "title": f"Trading report {span(report)}",
        "made_at": report.made_at.astimezone(printing_zone()).strftime("%Y-%m-%d %H:%M %Z"),
        "style": (HERE / "report.css").read_text(),
        "scripts": [plotly, script] if points else [],
        "policy": _policy(plotly, script) if points else _policy(),
        "figures": {"equity": equity_figure(points), "drawdown": drawdown_figure(points)} if points else {},
        "facts": facts(report),
        "equity_text": _equity_text(report),
        "drawdown_text": _drawdown_text(report),
        "months": MONTHS,
        "years": _years(report),
        "rows": [_row(trade) for trade in report.trades],
    }
    return render_to_string("trading/report.html", values)


def span(report: Report) -> str:
    """Say which sessions a report is about."""
    if report.first and report.last:
        return f"from {report.first} to {report.last}"
    if report.first or report.last:
        return f"from {report.first}" if report.first else f"until {report.last}"
    return "of all sessions"


def facts(report: Report) -> list[tuple[str, str]]:
    """Return the summary as names and values."""
    found, fall = report.summary, report.fall
    won = f" ({found.winners} won, {found.losers} lost)" if found.trades else ""
    return [
        ("Trades", f"{found.trades}{won}"),
        ("Net result", money(found.net)),
        ("Win rate", percent(found.win_rate, sign="")),
        ("Profit factor", _factor(report)),
        ("Expectancy a trade", f"{money(found.expectancy)}{_aside(found.expectancy_pct)}"),
        ("Max drawdown", f"{percent(fall.percent)} ({fall.peak} to {fall.trough})" if fall else _no_fall(report)),
        ("Average holding days", UNSAID if found.holding_days is None else f"{found.holding_days:.1f}"),
    ]


def money(amount: Decimal | None) -> str:
    """Return a gain or a loss in dollars and cents, with its sign."""
    if amount is None:
        return UNSAID
    amount = round(amount, 2)
    sign = "+" if amount > 0 else "-" if amount < 0 else ""
    return f"{sign}${abs(amount):,.2f}"


def percent(figure: Decimal | None, sign: str = "+") -> str:
    """Return a percentage with two decimals, with its sign where it is a change."""
    if figure is None:
        return UNSAID
    figure = round(figure, 2)
    return f"{figure if figure else abs(figure):{sign if figure else ''},.2f} %"


def _factor(report: Report) -> str:
    found = report.summary
    if found.profit_factor is not None:
        return f"{found.profit_factor:.2f}"
    return f"{UNSAID} (nothing was lost)" if found.trades else UNSAID


def _no_fall(report: Report) -> str:
    return "0.00 %" if report.curve.points else UNSAID


def _aside(figure: Decimal | None) -> str:
    return "" if figure is None else f" ({percent(figure)})"


def _equity_text(report: Report) -> str:
    points = report.curve.points
    if not points:
        return ""
    first, last = points[0], points[-1]
    change = (last.equity / first.equity - 1) * 100 if first.equity > 0 else None
    return (
        f"From ${first.equity:,.2f} on {first.day} to ${last.equity:,.2f} on {last.day}: "
        f"{money(last.equity - first.equity)}, {percent(change)}."
    )


def _drawdown_text(report: Report) -> str:
    fall = report.fall
    if fall is None:
        return "The curve never fell below its highest point."
    return f"At most {percent(fall.percent)}: from the high of {fall.peak} to the low of {fall.trough}."


def _years(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "year": year,
            "months": [_return(report.months.get((year, month))) for month in range(1, 13)],
            "whole": _return(whole),
        }
        for year, whole in report.years.items()
    ]


def _return(figure: Decimal | None) -> dict[str, str]:
    return {"text": percent(figure).removesuffix(" %"), "tone": _tone(figure)}


def _tone(figure: Decimal | None) -> str:
    return "" if not figure else "rise" if figure > 0 else "fall"


def _row(trade: Trade) -> dict[str, Any]:
    return {
        "symbol": trade.symbol,
        "strategy": trade.strategy_id or UNSAID,
        "quantity": f"{trade.entry_quantity.normalize():,f}",
        "entered": day_of(trade.entry_timestamp),
        "entry_price": _price(trade.entry_price),
        "left": day_of(trade.exit_timestamp),
        "exit_price": _price(trade.exit_price),
        "days": trade.holding_days,
        "net": money(trade.net_pnl),
        "net_pct": percent(trade.net_pnl_pct),
        "tone": _tone(trade.net_pnl),
        "exit_type": trade.exit_type.replace("_", " ").lower(),
        "reason": trade.exit_reason,
        "confidence": UNSAID if trade.confidence is None else trade.confidence,
    }


def _price(price: Decimal) -> str:
    """Return a price with two decimals, or with the four that it has."""
    return f"{price:,.2f}" if price == round(price, 2) else f"{price:,.4f}"


def _policy(*scripts: str) -> str:
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
