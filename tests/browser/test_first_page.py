"""The first page as a trader meets it: log in, look, wait, choose."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage, screenshot
from tests.integration.dashboard.rows import TUESDAY, make_bars, make_entry, make_run
from thor.jobs.models import State
from thor.leadership.selectors import LeaderStatus
from thor.marketdata.selectors import FeedStatus
from thor.markets.models import Market
from thor.timing import ManualClock, ReplayClock

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
MINUTE = timedelta(minutes=1)


@pytest.fixture
def busy_day(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a leader, two feeds, entries on every venue, their runs and four hours of SPY."""
    age = timedelta(milliseconds=320)
    leader = LeaderStatus("beat-1:4711", 7, TUESDAY - timedelta(hours=5), TUESDAY, True, age, "")
    feeds = [
        FeedStatus("us_equities", "simulated", TUESDAY, timedelta(seconds=0.4), 5120, 12),
        FeedStatus("globex", "simulated", TUESDAY, timedelta(seconds=42), 5120, 0),
        FeedStatus("crypto", "simulated", TUESDAY, timedelta(seconds=0.2), 5120, 3),
    ]
    monkeypatch.setattr("thor.dashboard.board.leader_status", lambda: leader)
    monkeypatch.setattr("thor.marketdata.selectors.feed_status", lambda: feeds)
    states = [State.SUCCEEDED, State.SUCCEEDED, State.STARTED, State.FAILED, State.MISSED, State.SKIPPED]
    reasons = {State.FAILED: "FeedSilent: no tick for 30 s", State.MISSED: "superseded", State.SKIPPED: "overlap"}
    for job in ("intraday", "closed_bars_flush", "vwap_minute"):
        for market in ("globex", "us_equities", "crypto"):
            entry = make_entry(job, market, since=TUESDAY - timedelta(hours=4))
            for back, state in enumerate(states):
                make_run(
                    entry, TUESDAY - back * MINUTE, state, reason=reasons.get(state, ""), term=7, hostname="data@desk"
                )
    make_bars("SPY", 390)
    make_bars("IBM", 90)


def refreshed(page: Page) -> None:
    """Wait until the page has refreshed itself once more."""
    page.evaluate("() => new Promise(done => document.addEventListener('thor:refreshed', done, { once: true }))")


def drawn(page: Page) -> Page:
    """Wait until the candles are drawn."""
    page.locator("#plot .boxlayer path.box").first.wait_for(state="attached")
    return page


def test_a_trader_logs_in_and_sees_markets_entries_and_candles(open_page: OpenPage, busy_day: None) -> None:
    page = drawn(open_page(path="/?symbol=SPY"))

    for market in Market.objects.all():
        expect(page.locator("#markets").get_by_role("rowheader", name=market.name, exact=False).first).to_be_visible()
    expect(page.locator("#entries").get_by_role("link", name="vwap_minute")).to_have_count(3)
    expect(page.locator("#status")).to_contain_text("beat-1:4711")
    expect(page.locator("#feeds")).to_contain_text("silent for 42.0 s")
    expect(page.locator("#chart-source")).to_have_text("SIMULATED")
    expect(page.locator("#plot .boxlayer path.box")).to_have_count(240)
    box = page.locator("#plot svg").first.bounding_box()
    assert box is not None
    assert box["width"] > 400
    assert box["height"] > 250
    assert page.locator("#plot .xtick").all_text_contents()[0].endswith("Jul 9, 2024")


def test_a_new_run_appears_without_a_reload(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator("#runs")).to_contain_text("No runs yet.")
    page.evaluate("window.sameDocument = true")

    make_run(make_entry())

    expect(page.locator("#runs")).to_contain_text("succeeded")
    expect(page.locator("#entries")).to_contain_text("succeeded")
    assert page.evaluate("window.sameDocument") is True


def test_a_refresh_moves_neither_focus_nor_scroll(open_page: OpenPage, busy_day: None) -> None:
    page = drawn(open_page(height=500))
    page.locator("#entries a").nth(4).focus()
    page.evaluate("scrollTo(0, 300)")
    refreshed(page)
    before = page.evaluate("[scrollY, document.activeElement.href]")

    make_run(make_entry("intraday", "crypto"), TUESDAY + MINUTE)
    refreshed(page)
    refreshed(page)

    assert page.evaluate("[scrollY, document.activeElement.href]") == before
    assert before[0] == 300


def test_countdowns_tick_between_refreshes(open_page: OpenPage) -> None:
    page = open_page()
    refreshed(page)
    countdown = page.locator("#markets tr", has_text="New York").locator(".countdown")
    before = countdown.inner_text()

    page.wait_for_function("text => document.querySelector('#markets').innerText.indexOf(text) < 0", arg=before)

    assert before.startswith("0")


def test_in_a_replay_business_time_runs_at_its_speed(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    # The server's clock stands, so whatever moves between two answers is moved by the page: ten minutes a second.
    wall = ManualClock(TUESDAY)
    replay = ReplayClock(TUESDAY, wall.now(), 600, timedelta(seconds=0.5), wall)
    monkeypatch.setattr("thor.dashboard.now.process_clock", lambda: replay)
    page = open_page()

    expect(page.locator("#status")).to_contain_text("REPLAY ×600")
    # Each answer sets it back to 14:00:00; in between it moves by ten minutes, at the wall's pace it would by seconds.
    page.wait_for_function("() => document.querySelector('#status [data-clock]').textContent > '14:05'")


def test_it_says_when_the_server_does_not_answer(open_page: OpenPage, complaints: list[str]) -> None:
    page = open_page()
    refreshed(page)

    page.route("**/live/", lambda route: route.abort())

    expect(page.get_by_role("status")).to_contain_text("No answer since")
    expect(page.locator("body")).to_have_class("stale")
    frozen = page.locator("#markets .countdown").first.inner_text()
    page.wait_for_timeout(1500)
    assert page.locator("#markets .countdown").first.inner_text() == frozen
    screenshot(page, "no-answer")

    page.unroute("**/live/")

    expect(page.get_by_role("status")).to_have_text("")
    expect(page.locator("body")).not_to_have_class("stale")
    complaints.clear()


def test_an_error_of_the_server_is_not_shown_as_live(
    open_page: OpenPage, complaints: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page()
    refreshed(page)

    page.route("**/live/", lambda route: route.fulfill(status=503, body="<section id='markets' data-live></section>"))

    expect(page.get_by_role("status")).to_contain_text("No answer since")
    expect(page.locator("#markets")).to_contain_text("New York")

    # What the browser says about an answer may come later than what the page does: after a good one all is said.
    page.unroute("**/live/")
    expect(page.get_by_role("status")).to_have_text("")
    complaints.clear()


def test_another_symbol_is_drawn_without_a_reload(open_page: OpenPage, busy_day: None) -> None:
    page = drawn(open_page(path="/?symbol=SPY"))
    page.evaluate("window.sameDocument = true")

    page.get_by_label("Symbol").select_option("IBM")

    expect(page.locator("#chart-caption")).to_contain_text("90 bars")
    expect(page.locator("#plot")).to_have_attribute("aria-label", re.compile("^IBM: last "))
    assert page.url.endswith("/?symbol=IBM&minutes=240")
    assert page.evaluate("window.sameDocument") is True

    page.get_by_label("Time span").select_option("1 hour")

    expect(page.locator("#chart-caption")).to_contain_text("60 bars")


def test_pointing_at_a_candle_tells_its_prices_and_utc(open_page: OpenPage, busy_day: None) -> None:
    page = drawn(open_page(path="/?symbol=SPY"))

    # What hears the mouse comes after the candles, and moves with the page until all of it is there.
    page.locator("#plot .nsewdrag").first.hover()

    label = page.locator("#plot .hoverlayer")
    expect(label).to_contain_text("2024-07-09")
    expect(label).to_contain_text("UTC")
    expect(label).to_contain_text("VWAP")
    expect(label).to_contain_text("Volume")
    screenshot(page, "candle")


def test_a_symbol_without_bars_says_when_to_expect_them(
    open_page: OpenPage, busy_day: None, clock: ManualClock
) -> None:
    clock.advance(timedelta(days=4))
    page = open_page(path="/?symbol=QQQ")

    expect(page.locator("#chart-caption")).to_contain_text("No bars of QQQ yet: its market")
    expect(page.locator("#chart-caption")).to_contain_text("opens at Mon 04:00 EDT.")


def test_new_bars_are_drawn_by_themselves(open_page: OpenPage, clock: ManualClock) -> None:
    make_bars("SPY", 30)
    page = drawn(open_page(path="/?symbol=SPY"))
    expect(page.locator("#chart-caption")).to_contain_text("30 bars")

    clock.advance(5 * MINUTE)
    make_bars("SPY", 5, until=clock.now())

    expect(page.locator("#chart-caption")).to_contain_text("35 bars")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1600])
def test_text_is_legible_in_every_width_and_scheme(
    open_page: OpenPage, busy_day: None, width: int, scheme: str
) -> None:
    page = drawn(open_page(width=width, height=800, scheme=scheme, path="/?symbol=SPY"))

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # The world clock fits as a whole; wider tables scroll within their frames.
    assert page.evaluate("(at => at.scrollWidth - at.clientWidth)(document.querySelector('#markets .scroll'))") == 0
    assert page.evaluate(CONTRAST) == []
    screenshot(page, f"now-{width}-{scheme}")


@pytest.mark.parametrize("width", [1100, 1280, 1440])
def test_the_chart_has_room_beside_long_tables(open_page: OpenPage, busy_day: None, width: int) -> None:
    page = drawn(open_page(width=width, height=800, path="/?symbol=SPY"))

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.querySelector('#bars').clientWidth") > width / 3


def test_dark_colours_reach_the_drawing_while_it_is_shown(open_page: OpenPage, busy_day: None) -> None:
    page = drawn(open_page(path="/?symbol=SPY"))
    background = "() => getComputedStyle(document.querySelector('#plot .main-svg')).backgroundColor"
    light = page.evaluate(background)

    page.emulate_media(color_scheme="dark")

    page.wait_for_function(f"light => ({background})() !== light", arg=light)
    assert page.evaluate(background) == "rgb(21, 28, 34)"


def test_everything_can_be_reached_with_the_keyboard(open_page: OpenPage, busy_day: None) -> None:
    page = drawn(open_page())
    reached = []

    for _ in range(10):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            "() => { const at = document.activeElement, style = getComputedStyle(at);"
            " return [at.innerText.split('\\n')[0] || at.id, style.outlineStyle + ' ' + style.outlineWidth] }"
        )
        assert outline == "solid 2px", f"no focus is seen on {name}"
        reached.append(name)

    assert reached[:8] == ["Skip to the content", "Thor", "Plan", "Captures", "Trading", "Admin", "Flower", "Log out"]
    screenshot(page, "keyboard")


def test_the_end_of_the_session_leads_to_the_log_in(open_page: OpenPage) -> None:
    page = open_page()
    refreshed(page)

    Session.objects.all().delete()

    page.wait_for_url("**/login/?next=/")
    expect(page.get_by_role("heading", name="Log in to Thor")).to_be_visible()
    screenshot(page, "log-in")


def test_logging_out_leads_to_the_log_in(open_page: OpenPage) -> None:
    page = open_page()

    page.get_by_role("button", name="Log out").click()

    page.wait_for_url("**/login/")
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_refresh_on_the_way_does_not_lead_away_from_where_a_log_out_leads(open_page: OpenPage) -> None:
    page = open_page()

    # The log-out is answered only after a refresh has said that nobody is logged in.
    held: list[Route] = []
    page.route("**/logout/", lambda route: held.append(route))
    with page.expect_response(re.compile("/login/")):
        page.get_by_role("button", name="Log out").click(no_wait_after=True)
        Session.objects.all().delete()
    page.wait_for_timeout(300)
    held[0].continue_()

    page.wait_for_url("**/login/")


def test_the_link_of_an_entry_leads_to_its_row_in_the_admin(open_page: OpenPage) -> None:
    make_entry()
    page = open_page()

    page.locator("#entries").get_by_role("link", name="vwap_minute").click()

    expect(page.get_by_role("heading", name="Change periodic task")).to_be_visible()
    expect(page.locator("#id_name")).to_have_value("vwap_minute @ us_equities")
