"""Pushing: what waits, what is sent again and under which signature, and what is given up."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest

from thor.marketdata import pushing
from thor.marketdata.pushing import Pusher, PushRefused
from thor.marketdata.signing import SIGNATURE, TIMESTAMP, check

KEY = "a secret of the tests, long enough"
OK = httpx.Response(200, json={"accepted": 1, "refused": [], "entry": "1-0"})


class Elsewhere:
    """Another Thor: it gives one answer after the other, and remembers what it was sent."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else OK
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def bodies(self) -> list[bytes]:
        return [request.content for request in self.requests]

    @property
    def signatures(self) -> list[str]:
        return [request.headers[SIGNATURE] for request in self.requests]


class Clock:
    """Seconds since 1970, and the monotonic ones by which tries are spaced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 1_772_461_800.0
        monkeypatch.setattr(pushing.time, "monotonic", lambda: self.at)

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def pusher(elsewhere: Callable[[httpx.Request], httpx.Response], clock: Clock) -> Pusher:
    client = httpx.Client(transport=httpx.MockTransport(elsewhere))
    return Pusher("http://thor.example:8000/", "globex", KEY, now=clock, client=client)


def test_batches_are_sent_signed_and_in_order(clock: Clock) -> None:
    elsewhere = Elsewhere()
    mine = pusher(elsewhere, clock)
    for number in range(3):
        mine.put(f"{number}")

    assert (mine.send(), mine.waiting) == (3, 0)

    assert elsewhere.bodies == [b"0", b"1", b"2"]
    assert str(elsewhere.requests[0].url) == "http://thor.example:8000/api/v1/push/globex"
    for request in elsewhere.requests:
        check(KEY, request.headers[TIMESTAMP], request.headers[SIGNATURE], "globex", request.content, now=clock.at)


@pytest.mark.parametrize(
    "failure",
    [httpx.ConnectError("refused"), httpx.ReadTimeout("late"), httpx.Response(503, json={"error": "Redis is away."})],
)
def test_a_batch_whose_answer_is_unknown_is_sent_again_under_the_same_signature(
    clock: Clock, failure: Any, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = Elsewhere(failure, failure, httpx.Response(401, headers={"Thor-Push": "taken"}))
    mine = pusher(elsewhere, clock)
    mine.put("a")

    with caplog.at_level("INFO", logger="thor.marketdata"):
        sent = []
        for _ in range(4):
            sent.append(mine.send())
            clock.at += 2

    assert sent == [0, 0, 1, 0]
    assert len(set(elsewhere.signatures)) == 1
    said = [record.getMessage().split()[0] for record in caplog.records if record.name == "thor.marketdata"]
    assert said == ["thor.push.failing", "thor.push.back"], "once, although it was tried twice"


def test_a_signature_that_has_grown_old_is_made_anew(clock: Clock) -> None:
    elsewhere = Elsewhere(httpx.ConnectError("refused"))
    mine = pusher(elsewhere, clock)
    mine.put("a")
    mine.send()
    clock.at += 55

    assert mine.send() == 1
    assert len(set(elsewhere.signatures)) == 2


def test_tries_are_spaced_further_and_further_apart(clock: Clock) -> None:
    elsewhere = Elsewhere(*[httpx.ConnectError("refused")] * 100)
    mine = pusher(elsewhere, clock)
    mine.put("a")
    tried = []
    for second in range(200):
        before = len(elsewhere.requests)
        mine.send()
        if len(elsewhere.requests) > before:
            tried.append(second)
        clock.at += 1

    assert [after - before for before, after in pairwise(tried)][:8] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_only_the_newest_wait_and_a_few_are_sent_at_once(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pushing, "WAITING", 5)
    monkeypatch.setattr(pushing, "AT_ONCE", 3)
    elsewhere = Elsewhere(httpx.ConnectError("refused"))
    mine = pusher(elsewhere, clock)
    with caplog.at_level("WARNING", logger="thor.marketdata"):
        for number in range(9):
            mine.put(f"{number}")
            mine.send()
    clock.at += 10

    assert [mine.send(), mine.send()] == [3, 2]
    assert elsewhere.bodies[1:] == [b"4", b"5", b"6", b"7", b"8"]
    assert sum("thor.push.dropped" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.parametrize("status", [400, 413])
def test_what_would_be_refused_again_is_given_up_and_said(
    clock: Clock, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    mine = pusher(Elsewhere(httpx.Response(status, json={"error": "none of the 2 quotes can be used."})), clock)
    mine.put("a")
    mine.put("b")

    with caplog.at_level("WARNING", logger="thor.marketdata"):
        assert (mine.send(), mine.waiting) == (2, 0)

    assert "none of the 2 quotes can be used." in caplog.text


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(401, json={"error": "set the clock right."}), "answers 401: set the clock right."),
        (httpx.Response(404, json={"error": "there is no market."}), "answers 404: there is no market."),
        (httpx.Response(404, text="<html>"), "answers 404: this is no Thor; correct --push."),
        (httpx.Response(200, text="<html>welcome</html>"), "answers 200: this is no Thor; correct --push."),
        (httpx.Response(200, content=b"\xff"), "answers 200: this is no Thor; correct --push."),
        (httpx.Response(200, json=[1]), "answers 200: this is no Thor; correct --push."),
        (httpx.Response(200, json={"accepted": True}), "answers 200: this is no Thor; correct --push."),
        (httpx.Response(404, json=[1]), "answers 404: this is no Thor; correct --push."),
        (httpx.Response(301, headers={"Location": "https://x/"}), "it is at https://x/; correct --push."),
    ],
)
def test_what_a_person_must_mend_waits_and_says_so(
    clock: Clock, answer: httpx.Response, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    mine = pusher(Elsewhere(answer), clock)
    mine.put("a")

    with caplog.at_level("WARNING", logger="thor.marketdata"):
        assert (mine.send(), mine.waiting) == (0, 1)
    clock.at += 2

    assert reason in caplog.text
    assert mine.send() == 1


@pytest.mark.parametrize("url", ["thor.example", "ftp://thor.example", "http://", "http://thor.example/api?x=1", "/a"])
def test_an_address_that_is_none_is_refused(url: str, clock: Clock) -> None:
    with pytest.raises(PushRefused, match="is no address of a Thor; write"):
        Pusher(url, "globex", KEY, now=clock)


def test_without_a_key_nothing_is_pushed(clock: Clock) -> None:
    with pytest.raises(PushRefused, match="set THOR_PUSH_KEY"):
        Pusher("http://thor.example", "globex", "", now=clock)
