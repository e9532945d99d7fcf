"""Trades as CSV and as a page: the right figures, and only text where text is meant."""

import base64
import csv
import hashlib
import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from tests.integration.trading.trade_rows import make_equity, make_trade
from thor.env import env
from thor.leadership.clock import live_by
from thor.operations.management.commands import report
from thor.timing import ManualClock
from thor.trading.models import Event, Happening, Reconciliation, Setting, Trade
from thor.trading.records.equity import equity_curve
from thor.trading.records.page import report_page
from thor.trading.records.report import Report, gather_report

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 20, 20, 30, tzinfo=UTC)
DAY = timedelta(days=1)
#: Symbol, net result after fees, session in which it ended, days held, percent.
LEDGER = [
    ("SPY", "250.5000", date(2025, 12, 30), 5, "2.5050"),
    ("QQQ", "-400.2500", date(2026, 1, 8), 2, "-4.0025"),
    ("IWM", "1200.0000", date(2026, 1, 30), 12, "12.0000"),
    ("AAPL", "-75.0000", date(2026, 1, 30), 3, "-0.7500"),
    ("MSFT", "-900.0000", date(2026, 3, 2), 20, "-9.0000"),
    ("NVDA", "310.7500", date(2026, 3, 19), 4, "3.1075"),
]


@pytest.fixture
def ledger() -> list[Trade]:
    """Given six finished trades over four months, in one of which none ended."""
    return [make_trade(symbol, net, ended=day, days=days, pct=pct) for symbol, net, day, days, pct in LEDGER]


def gathered(first: date | None = None, last: date | None = None) -> Report:
    return gather_report(first=first, last=last, capital=Decimal(100_000), at=NOW)


def page(report: Report | None = None, plotly: str = "window.Plotly = {react() {}};") -> str:
    return report_page(report or gathered(), plotly=plotly)


def command(*arguments: Any) -> str:
    out = StringIO()
    with live_by(ManualClock(NOW)):
        call_command("report", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def text_of(document: str) -> str:
    without = re.sub(r"<(script|style)\b.*?</\1>", "", document, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", without)))


# Figures


def test_the_figures_of_a_constructed_ledger_are_those_of_pandas(ledger: list[Trade]) -> None:
    found = gathered()

    table = pd.DataFrame(LEDGER, columns=["symbol", "net", "day", "days", "pct"]).astype({"net": float, "pct": float})
    daily = table.groupby("day").net.sum()
    equity = pd.concat([pd.Series({date(2025, 12, 29): 0.0}), daily]).cumsum() + 100_000
    equity.index = pd.DatetimeIndex(equity.index)
    steps = equity.pct_change().dropna() + 1
    monthly = (steps.groupby(steps.index.to_period("M")).prod() - 1) * 100
    assert [(point.day, float(point.equity)) for point in found.curve.points] == [
        (stamp.date(), pytest.approx(worth)) for stamp, worth in equity.items()
    ]
    assert {
        f"{year}-{month:02}": float(figure or 0) for (year, month), figure in found.months.items()
    } == pytest.approx({str(month): figure for month, figure in monthly.items()})
    assert found.fall is not None
    assert float(found.fall.percent) == pytest.approx((equity / equity.cummax() - 1).min() * 100)
    assert (found.fall.peak, found.fall.trough) == (date(2026, 1, 30), date(2026, 3, 2))
    summary = found.summary
    assert float(summary.win_rate or 0) == pytest.approx((table.net > 0).mean() * 100)
    assert float(summary.profit_factor or 0) == pytest.approx(
        table.net[table.net > 0].sum() / -table.net[table.net < 0].sum()
    )
    assert float(summary.expectancy or 0) == pytest.approx(table.net.mean())
    assert float(summary.holding_days or 0) == pytest.approx(table.days.mean())


def test_a_span_includes_both_days_and_begins_with_what_was_earned_before(ledger: list[Trade]) -> None:
    found = gathered(date(2026, 1, 8), date(2026, 3, 2))

    assert [trade.symbol for trade in found.trades] == ["QQQ", "AAPL", "IWM", "MSFT"]
    assert [point.equity for point in found.curve.points] == [
        Decimal(worth) for worth in ("100250.5", "99850.25", "100975.25", "100075.25")
    ]


def test_equity_is_the_brokers_word_at_the_last_reconciliation_of_each_day(ledger: list[Trade]) -> None:
    start = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
    make_equity(start, "100000")
    make_equity(start + timedelta(hours=5), "101000")
    make_equity(start + DAY, None)
    # One o'clock in the night of UTC is still the evening before in New York.
    make_equity(start + DAY + timedelta(hours=10), "99990")
    make_equity(start + 30 * DAY, "111100")

    found = gathered()

    assert found.curve.is_of_broker
    assert [(point.day.isoformat(), point.equity) for point in found.curve.points] == [
        ("2026-01-05", 101_000),
        ("2026-01-06", 99_990),
        ("2026-02-04", 111_100),
    ]
    assert found.months == {(2026, 1): -1, (2026, 2): Decimal(100 * (111_100 - 99_990)) / 99_990}


def test_the_base_of_a_span_is_the_equity_before_it() -> None:
    start = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
    for number, worth in enumerate(("100", "110", "121", "150")):
        make_equity(start + number * DAY, worth)

    found = gathered(date(2026, 1, 7), date(2026, 1, 7))

    assert [(point.day.day, point.equity) for point in found.curve.points] == [(6, 110), (7, 121)]
    assert found.months == {(2026, 1): 10}


def test_one_day_of_equity_is_no_curve(ledger: list[Trade]) -> None:
    make_equity(NOW, "5")

    assert not gathered().curve.is_of_broker
    assert len(gathered().curve.points) == 6


# The page


def test_the_page_says_the_figures(ledger: list[Trade]) -> None:
    said = text_of(page())

    for expected in (
        "Trading report of all sessions",
        "Made 2026-03-20 16:30 EDT",
        "Trades 6 (3 won, 3 lost)",
        "Net result +$386.00",
        "Win rate 50.00 %",
        "Profit factor 1.28",
        "Expectancy a trade +$64.33 (+0.64 %)",
        "Max drawdown -0.89 % (2026-01-30 to 2026-03-02)",
        "Average holding days 7.7",
        "From $100,000.00 on 2025-12-29 to $100,386.00 on 2026-03-19: +$386.00, +0.39 %.",
        "2025 – – – – – – – – – – – +0.25 +0.25",
        "2026 +0.72 – -0.58 – – – – – – – – – +0.14",
        "QQQ -$400.25 -4.00 % 2026-01-06 100.00 2026-01-08 59.975 10 2".replace("59.975", "59.9750"),
        "swing exit: target of 10 % reached trend_pullback_v1 4",
    ):
        assert expected in said


def test_an_empty_journal_is_a_page_that_says_so() -> None:
    document = page()

    assert "Nothing to show" in text_of(document)
    assert "<script" not in document


def test_equity_without_trades_is_shown_all_the_same() -> None:
    make_equity(NOW - DAY, "100")
    make_equity(NOW, "90")

    said = text_of(page())

    assert "At most -10.00 %" in said
    assert "Trades 0" in said
    assert "Win rate –" in said
    assert "No trade has ended in these sessions." in said


def test_a_trade_that_was_closed_outside_is_pointed_out(ledger: list[Trade]) -> None:
    make_trade("TSLA", "0", ended=date(2026, 3, 19), exit_type="EXTERNAL_CLOSE")

    assert "1 of the trades was closed outside of Thor" in text_of(page())


ATTACKS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "{{ 7|add:7 }} {% now 'Y' %}",
]


class Elements(HTMLParser):
    """Collect the names of all elements, and of their attributes."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: set[str] = set()
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("attack", ATTACKS)
def test_whatever_a_reason_says_is_text(attack: str) -> None:
    make_trade("SPY", "1", ended=date(2026, 1, 8), exit_reason=attack, strategy_id=attack[:60], exit_type=attack[:16])

    found = Elements(page())

    assert found.names.count("script") == 3  # the figures, Plotly, and the drawing
    assert not {"img", "svg"} & set(found.names)
    assert not {name for name in found.attributes if name.startswith("on")}
    assert attack in text_of(page()).replace("\n", " ")


def test_the_pages_own_policy_names_its_scripts_and_allows_no_network(ledger: list[Trade]) -> None:
    document = page()

    policy = html.unescape(re.findall(r'Content-Security-Policy" content="([^"]+)"', document)[0])
    scripts = re.findall(r"<script>(.*?)</script>", document, flags=re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert len(digests) == 2
    assert re.findall(r"sha256-([^']+)", policy) == digests
    assert policy.startswith("default-src 'none'; ")
    assert "http" not in policy
    assert not re.findall(r'(?:src|href)="', document)


def test_the_figures_draw_the_curve_and_its_drawdown(ledger: list[Trade]) -> None:
    figures = json.loads(re.findall(r'id="figures"[^>]*>(.*?)</script>', page(), flags=re.DOTALL)[0])

    equity, drawdown = figures["equity"]["data"][0], figures["drawdown"]["data"][0]
    assert (
        equity["x"]
        == drawdown["x"]
        == [
            *("2025-12-29", "2025-12-30", "2026-01-08", "2026-01-30", "2026-03-02", "2026-03-19"),
        ]
    )
    assert equity["y"][:3] == [100_000.0, 100_250.5, 99_850.25]
    assert drawdown["y"][:3] == [0.0, 0.0, pytest.approx(-0.3993, abs=1e-4)]


# The table


def test_the_csv_has_the_fields_of_the_trade_ledger_in_order(tmp_path: Path) -> None:
    trade = make_trade(
        "SPY", "250.5", ended=date(2026, 1, 8), fees="1.25", pct="2.5050", exit_reason='said "stop",\nwent'
    )
    path = tmp_path / "trades.csv"

    command("--csv", path)

    (row,) = csv.DictReader(StringIO(path.read_text(), newline=""))
    assert list(row.items()) == [
        ("trade_id", str(trade.trade_id)),
        ("symbol", "SPY"),
        ("entry_order_id", "entry"),
        ("entry_timestamp", "2026-01-05T09:45:00-05:00"),
        ("entry_price", "100"),
        ("entry_quantity", "10"),
        ("exit_order_id", "exit"),
        ("exit_timestamp", "2026-01-08T09:45:00-05:00"),
        ("exit_price", "125.175"),
        ("exit_quantity", "10"),
        ("exit_type", "SWING_EXIT"),
        ("exit_reason", 'said "stop",\nwent'),
        ("holding_days", "3"),
        ("gross_pnl", "251.75"),
        ("gross_pnl_pct", "2.505"),
        ("fees", "1.25"),
        ("net_pnl", "250.5"),
        ("net_pnl_pct", "2.505"),
        ("confidence", "4"),
        ("risk_amount", "50"),
        ("position_size", "1000"),
    ]


def test_a_reason_is_no_formula_and_what_is_not_known_is_empty(tmp_path: Path) -> None:
    make_trade("SPY", "-5", ended=date(2026, 1, 8), exit_reason="=HYPERLINK(1)", confidence=None, risk_amount=None)
    path = tmp_path / "trades.csv"

    command("--csv", path)

    (row,) = csv.DictReader(StringIO(path.read_text()))
    assert (row["exit_reason"], row["net_pnl"]) == ("'=HYPERLINK(1)", "-5")
    assert (row["confidence"], row["risk_amount"]) == ("", "")


def test_an_empty_journal_is_a_table_of_headings(tmp_path: Path) -> None:
    command("--csv", tmp_path / "trades.csv")

    assert len((tmp_path / "trades.csv").read_text().splitlines()) == 1


# The table of events


def make_event(number: int, at: datetime, **given: Any) -> Event:
    values = {"kind": Happening.SUBMITTED, "symbol": "SPY", "fields": {"side": "buy", "quantity": "5"}, **given}
    return Event.objects.create(number=number, key=f"test:{number}", at=at, **values)


def read_events(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(path.read_text(), newline="")))


def test_the_journal_is_written_as_a_table_in_its_order(tmp_path: Path) -> None:
    run = uuid4()
    make_event(2, NOW, kind=Happening.SWITCH, symbol="", fields={"reason": 'said "stop",\nwent\u2028off'})
    make_event(1, NOW - DAY, run=run)

    said = command("--events", tmp_path / "events.csv")

    assert read_events(tmp_path / "events.csv") == [
        {
            "number": "1", "at": "2026-03-19T20:30:00+00:00", "kind": "order_submitted", "symbol": "SPY",
            "run": str(run), "fields": '{"quantity": "5", "side": "buy"}',
        },
        {
            "number": "2", "at": "2026-03-20T20:30:00+00:00", "kind": "trading_switch", "symbol": "", "run": "",
            "fields": '{"reason": "said \\"stop\\",\\nwent\\u2028off"}',
        },
    ]  # fmt: skip
    assert len((tmp_path / "events.csv").read_text().splitlines()) == 3
    assert said.splitlines()[-1] == f"Wrote {tmp_path / 'events.csv'}"


def test_events_are_those_of_the_days_where_the_market_is(tmp_path: Path) -> None:
    midnight = datetime(2026, 3, 19, 4, 0, tzinfo=UTC)
    moments = (midnight - timedelta(seconds=1), midnight, midnight + DAY - timedelta(seconds=1), midnight + DAY)
    for number, at in enumerate(moments, 1):
        make_event(number, at)

    command("--from", "2026-03-19", "--until", "2026-03-19", "--events", tmp_path / "events.csv")

    assert [row["number"] for row in read_events(tmp_path / "events.csv")] == ["2", "3"]


def test_a_symbol_of_the_journal_is_no_formula(tmp_path: Path) -> None:
    make_event(1, NOW, symbol="=HYPERLINK(1)")

    command("--events", tmp_path / "events.csv")

    assert read_events(tmp_path / "events.csv")[0]["symbol"] == "'=HYPERLINK(1)"


def test_a_journal_that_cannot_be_read_to_its_end_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, event = tmp_path / "events.csv", make_event(1, NOW)
    path.write_text("of yesterday")

    def break_off(*_: object) -> Iterator[Event]:
        yield event
        raise OperationalError("the database is away")

    monkeypatch.setattr(report, "events_between", break_off)

    with pytest.raises(OperationalError):
        command("--events", path)

    assert path.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [path]


# The command


def test_the_command_prints_the_summary_and_names_what_it_wrote(ledger: list[Trade], tmp_path: Path) -> None:
    path = tmp_path / "reports" / "report.html"

    said = command("--from", "2026-01-08", "--until", "2026-01-30", "--html", path)

    assert said.splitlines()[:3] == [
        "Trading report from 2026-01-08 to 2026-01-30",
        "Trades                3 (1 won, 2 lost)",
        "Net result            +$724.75",
    ]
    assert said.splitlines()[-1] == f"Wrote {path}"
    assert "plotly.js v" in path.read_text()


def test_days_in_the_wrong_order_are_one_sentence_and_status_2() -> None:
    with pytest.raises(CommandError, match="exchange them") as raised:
        command("--from", "2026-02-01", "--until", "2026-01-01")

    assert raised.value.returncode == 2


@pytest.mark.parametrize("text", ["2026-02-30", "tomorrow", "", "9999-12-31", "0001-01-01"])
def test_a_date_that_is_none_is_one_sentence(text: str) -> None:
    with pytest.raises(CommandError, match="is no date of a session; write it as 2026-01-30"):
        command(f"--from={text}")


def test_a_file_that_cannot_be_written_is_one_sentence_and_status_1(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written") as raised:
        command("--html", tmp_path)

    assert raised.value.returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_the_capital_that_a_person_has_set_is_the_base_of_the_curve(ledger: list[Trade], tmp_path: Path) -> None:
    Setting.objects.create(name="START_CAPITAL", value="50000")
    path = tmp_path / "report.html"

    command("--html", path)

    assert "From $50,000.00 on 2025-12-29 to $50,386.00" in text_of(path.read_text())


def test_the_printing_zone_moves_no_day_of_the_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    for day, equity in ((date(2026, 3, 30), 100), (date(2026, 3, 31), 90), (date(2026, 4, 1), 99)):
        at = datetime(day.year, day.month, day.day, 20, 30, tzinfo=UTC)
        Reconciliation.objects.create(run=uuid4(), at=at, status="READY", equity=equity)
    monkeypatch.setattr(env(), "market_timezone", "Asia/Tokyo")

    curve = equity_curve(first=None, last=None, capital=Decimal(1))

    assert [point.day for point in curve.points] == [date(2026, 3, 30), date(2026, 3, 31), date(2026, 4, 1)]


@pytest.mark.parametrize(("one", "other"), [("csv", "html"), ("csv", "events"), ("events", "html")])
def test_one_file_for_two_is_refused_and_nothing_is_written(tmp_path: Path, one: str, other: str) -> None:
    same = tmp_path / "report"
    with pytest.raises(CommandError, match=f"--{one} and --{other} name the same file") as refused:
        call_command("report", **{one: same, other: tmp_path / "." / "report"})

    assert refused.value.returncode == 2
    assert not same.exists()
