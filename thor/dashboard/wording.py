"""Put instants, durations and states into words and signs; pure, so that a page and a test say the same."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
#: What of an event is shown nowhere but in the journal: a table of numbers says nothing on a page.
LEFT_OUT = frozenset({"features"})
#: Characters of one value of an event.
LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class Mark:
    """Say one state three ways: a word, a sign for those who see no colours, and the name of a colour."""

    word: str
    sign: str
    tone: str


PHASES = {
    "open": Mark("open", "●", "good"),
    "pre_close": Mark("closing soon", "◕", "warn"),
    "pre_open": Mark("pre-open", "◔", "info"),
    "break": Mark("break", "◐", "warn"),
    "post_close": Mark("post-close", "◑", "info"),
    "closed": Mark("closed", "○", "calm"),
    "holiday": Mark("holiday", "◇", "calm"),
}

#: What a market does next, as a verb.
EVENTS = {
    "open": "opens",
    "close": "closes",
    "break": "breaks",
    "resume": "resumes",
}

STATES = {
    "due": Mark("due", "◔", "info"),
    "started": Mark("running", "▶", "info"),
    "succeeded": Mark("succeeded", "✓", "good"),
    "failed": Mark("failed", "✕", "bad"),
    "skipped": Mark("skipped", "↷", "calm"),
    "missed": Mark("missed", "!", "warn"),
    "lost": Mark("lost", "?", "bad"),
    "handed_over": Mark("handed over", "→", "calm"),
}

SIGNALS = {
    "STRONG_BUY": Mark("strong buy", "▲", "good"),
    "BUY": Mark("buy", "△", "good"),
    "HOLD": Mark("hold", "◇", "calm"),
    "SELL": Mark("sell", "▽", "bad"),
    "STRONG_SELL": Mark("strong sell", "▼", "bad"),
    "": Mark("no signal", "·", "calm"),
}

OUTCOMES = {
    "PENDING": Mark("pending", "◔", "info"),
    "WORKED": Mark("worked", "✓", "good"),
    "DIDNT_WORK": Mark("didn't work", "✕", "bad"),
    "NEUTRAL": Mark("neutral", "○", "calm"),
}


SWITCHES = {
    "active": Mark("active", "●", "good"),
    "reducing": Mark("reducing", "◐", "warn"),
    "halted": Mark("halted", "✕", "bad"),
}

READINESS = {
    "READY": Mark("READY", "✓", "good"),
    "SAFE_MODE": Mark("SAFE_MODE", "!", "warn"),
    "EXIT_ONLY": Mark("EXIT_ONLY", "!", "warn"),
    "FAILED": Mark("FAILED", "✕", "bad"),
}

ORDERS = {
    "planned": Mark("planned", "◔", "info"),
    "sending": Mark("sending", "→", "info"),
    "unknown": Mark("unknown", "?", "bad"),
    "absent": Mark("absent", "?", "bad"),
    "working": Mark("working", "▶", "info"),
    "partial": Mark("partly filled", "◑", "info"),
    "filled": Mark("filled", "✓", "good"),
    "cancelled": Mark("cancelled", "↷", "calm"),
    "expired": Mark("expired", "○", "calm"),
    "rejected": Mark("rejected", "✕", "bad"),
    "dropped": Mark("dropped", "↷", "warn"),
}


def mark_of(marks: dict[str, Mark], value: str | None) -> Mark:
    """Return the mark of a state; one that is not in the table is shown by its own name."""
    return marks.get(value or "", Mark((value or "none").replace("_", " "), "·", "calm"))


def price_text(value: Decimal | None, decimals: int | None = None, *, signed: bool = False) -> str:
    """Write a price with its instrument's decimals, or with as many as it has; a dash where there is none."""
    if value is None:
        return "–"
    sign = "+" if signed else ""
    return f"{value:{sign},.{decimals}f}" if decimals is not None else f"{_plain(value):{sign},f}"


def percent_text(value: Decimal | None) -> str:
    """Write a percentage with two places; a dash where there is none."""
    return "–" if value is None else f"{value:.2f} %"


def change_mark(change: Decimal | None, percent: Decimal | None, decimals: int) -> Mark:
    """Return how a price has moved: by a sign, a colour, and points with percent."""
    if change is None:
        return Mark("–", "·", "calm")
    tone, sign = ("good", "▲") if change > 0 else ("bad", "▼") if change < 0 else ("calm", "◇")
    return Mark(f"{price_text(change, decimals, signed=True)} ({percent_text(percent)})", sign, tone)


def _plain(value: Decimal) -> Decimal:
    return value.normalize() if value else Decimal(0)


def local_text(at: datetime, zone: str, now: datetime) -> str:
    """Write an instant in its market's time: no date today, a weekday within six days, else the date.

    Seconds are written where there are any, milliseconds never.
    """
    local, today = at.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
    days = (local.date() - today).days
    day = "" if days == 0 else f"{local:%a} " if abs(days) < 7 else f"{local:%Y-%m-%d} "
    return f"{day}{local:%H:%M:%S}" if local.second else f"{day}{local:%H:%M}"


def zone_text(at: datetime, zone: str) -> str:
    """Return the zone's short name at an instant: EST, JST, or an offset where a zone has no name."""
    name = f"{at.astimezone(ZoneInfo(zone)):%Z}"
    return f"UTC{name}" if name[:1] in "+-" else name


def utc_text(at: datetime) -> str:
    """Write an instant in UTC to the second, with milliseconds where there are any."""
    utc = at.astimezone(ZoneInfo("UTC"))
    part = f".{utc.microsecond // 1000:03}" if utc.microsecond >= 1000 else ""
    return f"{utc:%Y-%m-%d %H:%M:%S}{part} UTC"


def countdown_text(left: timedelta) -> str:
    """Write the time that is left as `2 d 03:04:05`, `03:04:05` or `04:05`; "now" when none is left.

    `countdown` in live.js writes the same text, so that a refresh does not make it jump.
    """
    seconds = int(left.total_seconds())
    if seconds <= 0:
        return "now"
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    clock = f"{rest // 60:02}:{rest % 60:02}"
    if days:
        return f"{days} d {hours:02}:{clock}"
    return f"{hours:02}:{clock}" if hours else clock


def duration_text(milliseconds: float | None) -> str:
    """Write a duration with the two or three figures that matter: `12 ms`, `1.4 s`, `3 min 20 s`, `3 d`."""
    if milliseconds is None:
        return "–"
    if milliseconds < 0:
        return f"-{duration_text(-milliseconds)}"
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"{milliseconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return _long_text(round(seconds))


def _long_text(seconds: int) -> str:
    if seconds < 3_600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    if seconds < 172_800:
        return f"{seconds // 3_600} h {seconds % 3_600 // 60:02} min"
    return f"{seconds // 86_400} d"


def brief_text(value: Any) -> str:
    """Say a value of an event in a few words: of several things how many there are, of a long text its beginning."""
    if isinstance(value, list | dict):
        return f"({len(value)})" if value else "(none)"
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def whole_text(value: Any) -> str:
    """Say the same in full, for a title."""
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "(none)"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {one}" for name, one in value.items()) or "(none)"
    return str(value)
