"""The report as somebody opens it who was sent the file: from a disk, in light and dark, on a desk and a telephone."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import PATIENCE, _listen, screenshot
from tests.integration.trading.trade_rows import make_trade
from thor.dashboard import plotlyjs
from thor.trading.records.page import report_page
from thor.trading.records.report import gather_report

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
ATTACK = "</script><script>document.title = 'broken'</script><img src=x onerror=\"document.title = 'broken'\">"

OpenReport = Callable[..., Page]


@pytest.fixture
def report(transactional_db: None, tmp_path: Path) -> Path:
    """Given a file with 40 trades over half a year, one with a reason that would be a script."""
    for number in range(40):
        net = Decimal((number * 37) % 23 - 8) * 60
        day = date(2025, 10, 1) + timedelta(days=4 * number)
        reason = ATTACK if number == 0 else "close 412.10 below the 200-day average 415.66"
        make_trade(
            ("SPY", "QQQ", "BRK.B")[number % 3],
            str(net),
            ended=day,
            pct=str(net / 100),
            exit_reason=reason,
            days=number % 9,
        )
    return written(tmp_path)


def written(folder: Path) -> Path:
    at = datetime(2026, 3, 20, 20, 30, tzinfo=UTC)
    found = gather_report(first=None, last=None, capital=Decimal(100_000), at=at)
    path = folder / "report.html"
    path.write_text(report_page(found, plotly=plotlyjs.source().decode()))
    return path


@pytest.fixture
def open_report(browser: Browser) -> Iterator[OpenReport]:
    """Return what opens a file as a person does who has no network; nothing may be complained about."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(path: Path, width: int = 1280, scheme: str = "light", **more: bool) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **more)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_offline(True)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        _listen(page, complaints)
        page.on("request", lambda asked: complaints.append(asked.url) if not asked.url.startswith("file:") else None)
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_report_is_legible_in_every_width_and_scheme(
    open_report: OpenReport, report: Path, width: int, scheme: str
) -> None:
    page = open_report(report, width, scheme)

    expect(page.locator("#equity .main-svg").first).to_be_visible()
    expect(page.locator("#drawdown .main-svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn = page.get_by_role("img", name="Equity. From $100,000.00").bounding_box()
    assert drawn is not None
    assert drawn["width"] > width * 0.8
    assert page.evaluate(CONTRAST) == []
    screenshot(page, f"report-{width}-{scheme}")


def test_a_reason_that_would_be_a_script_is_read_and_not_run(open_report: OpenReport, report: Path) -> None:
    page = open_report(report)

    expect(page.get_by_role("table", name="Finished trades")).to_contain_text(ATTACK)
    expect(page).to_have_title("Trading report of all sessions")
    assert page.locator("img:not([role])").count() == 0


def test_a_script_that_got_into_the_file_all_the_same_does_not_run(browser: Browser, report: Path) -> None:
    report.write_text(report.read_text().replace("</main>", "<script>document.title = 'broken'</script></main>"))
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(report.as_uri())

    expect(page.locator("#equity .main-svg").first).to_be_visible()
    expect(page).to_have_title("Trading report of all sessions")
    page.close()


def test_a_reader_of_the_page_is_told_what_each_number_is(open_report: OpenReport, report: Path) -> None:
    page = open_report(report)

    assert page.locator("html").get_attribute("lang") == "en"
    trades = page.get_by_role("table", name="Finished trades")
    assert trades.get_by_role("columnheader").all_inner_texts()[:3] == ["Symbol", "Net", "Net %"]
    assert trades.get_by_role("rowheader").count() == 40
    assert page.locator("th:not([scope])").count() == 0
    months = page.get_by_role("table", name="Change of equity in percent")
    assert months.get_by_role("rowheader").all_inner_texts() == ["2025", "2026"]
    # A gain has its plus and a loss its minus, so that colour is not the only sign.
    assert all(text[0] == "+" for text in page.locator("td.rise").all_inner_texts())
    assert all(text[0] == "-" for text in page.locator("td.fall").all_inner_texts())
    assert page.locator("td.rise").count() > 0
    assert page.locator("td.fall").count() > 0


def test_a_wide_table_is_moved_with_the_keyboard(open_report: OpenReport, report: Path) -> None:
    page = open_report(report, 390)
    region = page.get_by_role("region", name="Trades").last

    region.focus()
    page.keyboard.press("ArrowRight")

    page.wait_for_function("(element) => element.scrollLeft > 0", arg=region.element_handle())


def test_the_drawing_takes_the_colours_of_the_scheme_when_it_changes(open_report: OpenReport, report: Path) -> None:
    page = open_report(report)
    line = page.locator("#equity .scatterlayer path.js-line")
    expect(line).to_have_css("stroke", "rgb(11, 92, 173)")

    page.emulate_media(color_scheme="dark")

    expect(line).to_have_css("stroke", "rgb(121, 184, 243)")


def test_without_javascript_the_tables_and_figures_are_there(open_report: OpenReport, report: Path) -> None:
    page = open_report(report, java_script_enabled=False)

    expect(page.get_by_text("This drawing needs JavaScript; the tables")).to_be_visible()
    expect(page.get_by_role("table", name="Finished trades").get_by_role("rowheader")).to_have_count(40)


def test_an_empty_journal_says_so(open_report: OpenReport, transactional_db: None, tmp_path: Path) -> None:
    page = open_report(written(tmp_path), 390, "dark")

    expect(page.get_by_role("heading", name="Nothing to show")).to_be_visible()
    assert page.evaluate(CONTRAST) == []
    screenshot(page, "report-empty")
