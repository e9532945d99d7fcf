"""Ask Alpaca's clock and calendar whether New York is open, and what its hours are today.

Two requests of the trading API: `GET /v2/clock` (timestamp, is_open, next_open, next_close) and `GET /v2/calendar` for
one date (date, open, close, in New York's time; half days included). Both tell the regular session. Documented at
https://docs.alpaca.markets/us/reference/legacyclock and https://docs.alpaca.markets/us/reference/legacycalendar.
"""

import json
import time
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from thor.markets.broker_clock import ClockAnswer, ClockUnavailable

if TYPE_CHECKING:
    import httpx

#: The zone in which Alpaca's calendar writes its hours.
NEW_YORK: Final = ZoneInfo("America/New_York")
#: Seconds that each wait for a request's answer may take, and its body as a whole. A head that comes a byte at a time
#: is not held to it: no single wait of it is long.
TIMEOUT: Final = 4.0
#: Bytes: an answer is a few hundred long, and what is longer is none.
LONGEST: Final = 1_000_000
#: Years in which an instant can lie and be told in any zone.
YEARS: Final = range(1970, 9999)


class AlpacaClock:
    """Alpaca's clock, at the address of its trading API."""

    name = "Alpaca's clock"
    #: New York's regular session, which NYSE and Nasdaq share.
    calendars = frozenset({"XNYS", "XNAS"})

    def __init__(self, url: str, key_id: str, secret_key: str, *, timeout: float = TIMEOUT) -> None:
        """Take the address and the account's keys; nothing is sent yet."""
        self._url, self._timeout = url, timeout
        self._headers = {"APCA-API-KEY-ID": key_id, "APCA-API-SECRET-KEY": secret_key}

    def ask(self) -> ClockAnswer:
        """Return what the clock says now and the hours of its day; raise `ClockUnavailable`."""
        import httpx  # here, since only the process that asks should pay for it

        with httpx.Client(base_url=self._url, headers=self._headers, timeout=self._timeout) as client:
            clock = self._get(client, "/v2/clock")
            today = _instant(clock, "timestamp").astimezone(NEW_YORK).date()
            text = today.isoformat()
            return _answer(clock, today, self._get(client, "/v2/calendar", start=text, end=text))

    def _get(self, client: "httpx.Client", path: str, **query: str) -> Any:
        """Return the JSON of an answer that came whole and in time."""
        import httpx

        try:
            with client.stream("GET", path, params=query) as response:
                if response.status_code != httpx.codes.OK:
                    raise ClockUnavailable(f"Alpaca answered {response.status_code} {response.reason_phrase} to {path}")
                return json.loads(self._body(response, path))
        except httpx.TimeoutException:
            raise self._too_slow(path) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ClockUnavailable(f"Alpaca cannot be reached for {path}: {error or type(error).__name__}") from None
        except (ValueError, RecursionError):
            raise ClockUnavailable(f"Alpaca's answer to {path} is no JSON") from None

    def _body(self, response: "httpx.Response", path: str) -> bytes:
        # The client's own time-out is for each piece: a server that sends a byte a second would never meet it.
        end, body = time.monotonic() + self._timeout, b""
        for piece in response.iter_bytes():
            body += piece
            if time.monotonic() > end:
                raise self._too_slow(path)
            if len(body) > LONGEST:
                raise ClockUnavailable(f"Alpaca's answer to {path} is longer than {LONGEST} bytes")
        return body

    def _too_slow(self, path: str) -> ClockUnavailable:
        return ClockUnavailable(f"Alpaca did not answer {path} within {self._timeout:g} s")


def _answer(clock: Any, today: date, calendar: Any) -> ClockAnswer:
    is_open = clock.get("is_open")
    if not isinstance(is_open, bool):
        raise ClockUnavailable(f"Alpaca's clock says is_open={is_open!r}, which is neither true nor false")
    timestamp, opens_at, closes_at = (_instant(clock, name) for name in ("timestamp", "next_open", "next_close"))
    if min(opens_at, closes_at) <= timestamp or is_open != (closes_at < opens_at):
        raise ClockUnavailable("Alpaca's clock contradicts itself: its next open and close do not fit its is_open")
    opened, closed = _hours(today, calendar)
    return ClockAnswer(timestamp, is_open, opens_at, closes_at, today, opened, closed)


def _instant(clock: Any, name: str) -> datetime:
    """Return an instant of the clock; one without an offset is UTC."""
    found = clock.get(name) if isinstance(clock, dict) else None
    try:
        at = datetime.fromisoformat(found)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        at = datetime.min.replace(tzinfo=UTC)
    if at.year not in YEARS:
        raise ClockUnavailable(f"Alpaca's clock says {name}={found!r}, which is no instant")
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def _hours(today: date, calendar: Any) -> tuple[datetime | None, datetime | None]:
    """Return the open and the close of this date, or twice None where the calendar does not have it."""
    if not isinstance(calendar, list) or not all(isinstance(row, dict) for row in calendar):
        raise ClockUnavailable("Alpaca's calendar is no list of days")
    row = next((row for row in calendar if row.get("date") == today.isoformat()), None)
    if row is None:
        return None, None
    try:
        opened, closed = (_local(today, row[name]) for name in ("open", "close"))
    except (KeyError, TypeError, ValueError):
        raise ClockUnavailable(f"Alpaca's calendar has no open and close that can be read for {today:%F}") from None
    return opened, closed


def _local(today: date, text: str) -> datetime:
    return datetime.fromisoformat(f"{today.isoformat()}T{text}").replace(tzinfo=NEW_YORK).astimezone(UTC)
