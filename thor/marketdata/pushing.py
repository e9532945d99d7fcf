"""Push batches to a Thor elsewhere: what runs beside Excel, where Thor itself does not.

    state       what happens                                                             left by
    well        each reading is sent as it is made                                       a failure
    failing     readings wait, the newest WAITING of them; tries after 1, 2, 4 … 30 s    a batch that is taken

| the answer                               | what becomes of the batch                                        |
|------------------------------------------|------------------------------------------------------------------|
| 200, or "taken already"                  | done                                                             |
| 400, 413                                 | dropped and said: it would be refused again                      |
| none, 401, 404, 409, 5xx, a redirection, | it waits; why is said once, until it is another reason           |
| a 200 of something that is no Thor       |                                                                  |

A batch whose answer was lost is sent again as it is, signed anew if a minute has passed: a Thor knows for a quarter of
an hour which batches it took, so it cannot be taken twice. Quotes carry the time at which they were read, to the
microsecond: no two readings are the same batch, and what waited is put in its place where it arrives.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from thor.errors import ThorError
from thor.marketdata.events import emit, warn
from thor.marketdata.signing import SIGNATURE, TIMESTAMP, VALID_FOR, sign

#: Batches that wait at most; beyond, the oldest are dropped.
WAITING: Final = 600
#: Batches sent at once, so that reading goes on while many wait.
AT_ONCE: Final = 40
#: Seconds to wait for an answer, and between tries at most.
PATIENCE: Final = 3.0
LONGEST_PAUSE: Final = 30.0

_FOR_GOOD: Final = (400, 413)
_NO_THOR: Final = "this is no Thor; correct --push."


class PushRefused(ThorError):
    """Pushing cannot begin as it was asked for; the message names what to change."""


class _NotTaken(ThorError):
    """A batch was not taken and is to be sent again."""


@dataclass(slots=True)
class _Letter:
    """A batch that waits, and the signature under which it was tried."""

    body: bytes
    signed_at: float = 0.0
    headers: dict[str, str] | None = None


class Pusher:
    """Send batches to `POST /api/v1/push/{venue}` of a Thor, in their order."""

    def __init__(self, url: str, venue: str, key: str, *, now: Callable[[], float], client: Any = None) -> None:
        """Prepare; `url` is where the other Thor's pages are, `now` gives seconds since 1970."""
        self.address = _address(url, venue)
        self._venue, self._key, self._now = venue, _usable(key), now
        self._client = client or httpx.Client(timeout=PATIENCE)
        self._waiting: deque[_Letter] = deque()
        #: How many batches were given up so far: what they said has to be said again.
        self.dropped = 0
        self._failing, self._full = "", False
        self._pause, self._again_at = 0.0, 0.0

    @property
    def waiting(self) -> int:
        """Return how many batches wait."""
        return len(self._waiting)

    def put(self, text: str) -> None:
        """Add a batch as JSON to those that wait."""
        self._waiting.append(_Letter(text.encode()))
        if len(self._waiting) > WAITING:
            self._waiting.popleft()
            self.dropped += 1
            if not self._full:
                warn("thor.push.dropped", venue=self._venue, reason=f"{WAITING} batches wait; the oldest are dropped")
            self._full = True

    def send(self) -> int:
        """Send what waits, unless a failure is too fresh to try again; return how many batches were taken."""
        taken = 0
        if time.monotonic() < self._again_at:
            return taken
        while self._waiting and taken < AT_ONCE:
            try:
                self._post(self._waiting[0])
            except _NotTaken as error:
                self._fail(str(error))
                return taken
            self._waiting.popleft()
            taken += 1
        if taken:
            self._recover()
        return taken

    def _post(self, letter: _Letter) -> None:
        """Send one batch; raise `_NotTaken` where it is to be sent again."""
        try:
            answer = self._client.post(self.address, content=letter.body, headers=self._signed(letter))
        except httpx.HTTPError as error:
            raise _NotTaken(f"{self.address} does not answer ({type(error).__name__}: {error})") from None
        if answer.status_code == 200:
            _tell_refused(self._venue, _taken(answer, self.address))
        elif answer.status_code in _FOR_GOOD:
            self.dropped += 1
            warn("thor.push.refused", venue=self._venue, status=answer.status_code, reason=_reason(answer))
        elif answer.headers.get("Thor-Push") != "taken":
            if answer.status_code == 401:
                letter.headers = None  # nothing was taken under it, and its time may be what is wrong
            raise _NotTaken(f"{self.address} answers {answer.status_code}: {_reason(answer)}")

    def _signed(self, letter: _Letter) -> dict[str, str]:
        """Return the headers of a batch: the same ones again as long as they are good."""
        now = self._now()
        if letter.headers is None or not letter.signed_at <= now < letter.signed_at + VALID_FOR - 10:
            timestamp = f"{now:.6f}"
            signature = sign(self._key, timestamp, self._venue, letter.body)
            letter.signed_at = now
            letter.headers = {TIMESTAMP: timestamp, SIGNATURE: signature, "Content-Type": "application/json"}
        return letter.headers

    def _fail(self, reason: str) -> None:
        self._pause = min(2 * self._pause or 1.0, LONGEST_PAUSE)
        self._again_at = time.monotonic() + self._pause
        if reason != self._failing:
            warn("thor.push.failing", venue=self._venue, reason=reason, next="trying again, at most every 30 s")
        self._failing = reason

    def _recover(self) -> None:
        if self._failing:
            emit("thor.push.back", venue=self._venue, waiting=self.waiting)
        self._failing, self._full, self._pause, self._again_at = "", False, 0.0, 0.0


def _address(url: str, venue: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.path.strip("/"):
        raise PushRefused(f"--push {url} is no address of a Thor; write, for example, https://thor.example:8000.")
    return f"{parts.scheme}://{parts.netloc}/api/v1/push/{venue}"


def _usable(key: str) -> str:
    if not key:
        raise PushRefused("there is no key to sign with; set THOR_PUSH_KEY to that of the Thor that is pushed to.")
    return key


def _taken(answer: httpx.Response, address: str) -> dict[str, Any]:
    """Return what a Thor answers that took a batch; raise `_NotTaken` where something else has answered."""
    try:
        said = answer.json()
    except ValueError:  # a page, or bytes that are no text
        said = None
    if not isinstance(said, dict) or type(said.get("accepted")) is not int:
        raise _NotTaken(f"{address} answers 200: {_NO_THOR}")
    return said


def _tell_refused(venue: str, said: dict[str, Any]) -> None:
    refused = said.get("refused")
    for one in refused[:10] if isinstance(refused, list) else []:
        if isinstance(one, dict):
            warn("thor.push.refused", venue=venue, symbol=one.get("symbol", ""), reason=one.get("reason", ""))


def _reason(answer: httpx.Response) -> str:
    """Return the sentence of an answer, or what else it says of itself."""
    if answer.is_redirect:
        return f"it is at {answer.headers.get('Location')}; correct --push."
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return _NO_THOR
