"""Start Chromium once, and give each test a page of its own that must not complain."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.integration.dashboard.rows import TUESDAY, make_person
from thor.timing import ManualClock

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
SCREENSHOTS = Path(__file__).resolve().parents[2] / "artifacts" / "screenshots"

#: How long a busy machine may take until a page shows what it must, in milliseconds.
PATIENCE = 60_000

#: Opens a page that is logged in, in a window of this width, in these colours.
OpenPage = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, and skip it where there is no Chromium."""
    absent = pytest.mark.skip(reason=f"none of {', '.join(NAMES)} is installed")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not _executable():
                item.add_marker(absent)


def _executable() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium; Playwright keeps an event loop in this thread, which Django must be told is harmless."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=_executable(), args=ARGUMENTS, timeout=2 * PATIENCE)
        yield started
        started.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """Let the pages live by a clock that stands at 10:00 in New York until a test moves it."""
    manual = ManualClock(TUESDAY)
    monkeypatch.setattr("thor.dashboard.now.process_clock", lambda: manual)
    return manual


@pytest.fixture
def complaints() -> list[str]:
    """Collect what the browser complains about; a test that provokes it clears the list."""
    return []


@pytest.fixture
def open_page(
    browser: Browser, transactional_db: None, live_server: LiveServer, clock: ManualClock, complaints: list[str]
) -> Iterator[OpenPage]:
    """Return what opens a logged-in page; in the end no page may have complained."""
    contexts: list[BrowserContext] = []
    make_person()

    def opened(width: int = 1600, height: int = 1000, scheme: str = "light", path: str = "/") -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        _listen(page, complaints)
        page.goto(live_server.url + path)
        log_in(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def log_in(page: Page) -> None:
    """Fill in the form as a person does."""
    page.get_by_label("User name").fill("trader")
    page.get_by_label("Password").fill("a long password")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_load_state("load")


def screenshot(page: Page, name: str) -> None:
    """Keep a picture of the whole page for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def _note(said: ConsoleMessage, complaints: list[str]) -> None:
    if said.type in ("error", "warning"):
        complaints.append(f"{said.text} {said.location.get('url', '')}")


def _listen(page: Page, complaints: list[str]) -> None:
    # Violations of the Content-Security-Policy are errors on the console.
    page.on("console", lambda said: _note(said, complaints))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda got: complaints.append(f"{got.status} {got.url}") if got.status >= 400 else None)
