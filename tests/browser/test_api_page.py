"""The page on which people try the API: it works without another host and under the policy of every page."""

from playwright.sync_api import Request, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import OpenPage


def test_a_question_is_tried_and_answered_without_another_host(open_page: OpenPage, live_server: LiveServer) -> None:
    page = open_page()
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    page.goto(f"{live_server.url}/api/v1/docs")
    page.locator(".opblock-summary").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()

    expect(page.locator(".live-responses-table")).to_contain_text("Asia/Tokyo")
    assert f"{live_server.url}/api/v1/markets" in asked
    assert [url for url in asked if not url.startswith((live_server.url, "data:"))] == []
