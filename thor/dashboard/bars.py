"""Answer a chart's question: the bars of a symbol as a figure, or the sentence that says why there are none."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, Max, Min, OuterRef, Sum

from thor.dashboard import charts
from thor.dashboard.now import Now
from thor.dashboard.wording import DAY, EVENTS, local_text, zone_text
from thor.errors import ThorError
from thor.marketdata import selectors
from thor.marketdata.models import Bar, Instrument
from thor.markets.selectors import MarketStatus, status_board
from thor.markets.sessions import sessions_of

MINUTE = timedelta(minutes=1)
DEFAULT_MINUTES = 240
LONGEST = timedelta(days=7)
#: The choices of the page: minutes, and how they are called.
SPANS = [(60, "1 hour"), (240, "4 hours"), (480, "8 hours"), (1440, "24 hours")]
#: Bars are looked for between these two.
BEGINNING, END = datetime(1970, 1, 2, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class BadQuestion(ThorError):
    """The chart's parameters cannot be read."""


@dataclass(frozen=True, slots=True)
class Question:
    """Ask for the bars that start in [start, end); `rolling` when no bounds were given but the last minutes asked."""

    start: datetime
    end: datetime
    rolling: bool


def read_question(given: Mapping[str, str], now: Now) -> Question:
    """Read `from` and `to`, or `minutes` (240 where nothing is given); raise `BadQuestion` with one sentence."""
    span = timedelta(minutes=_minutes(given.get("minutes", str(DEFAULT_MINUTES))))
    end = _instant("to", given["to"]) if "to" in given else now.at
    start = _instant("from", given["from"]) if "from" in given else end - span
    if start >= end:
        raise BadQuestion(f"from={start.isoformat()} is not before to={end.isoformat()}.")
    if end - start > LONGEST:
        raise BadQuestion("from and to are more than 7 days apart; ask for 7 days or less.")
    return Question(start, end, rolling=not ({"from", "to"} & set(given)))


def fingerprint(instrument: Instrument, question: Question) -> str:
    """Return a mark of the bars asked for, which changes with any of them; empty where there are none.

    A page asks every two seconds and bars change once a minute: one aggregate saves building the same figure again.
    """
    shown = selectors.bars(instrument.symbol, question.start, question.end)
    found = shown.aggregate(bars=Count("pk"), first=Min("start_at"), last=Max("start_at"), ticks=Sum("ticks"))
    if not found["bars"]:
        return ""
    text = "|".join(str(part) for part in (instrument.symbol, instrument.decimals, *found.values()))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'


def answer(instrument: Instrument, question: Question, now: Now) -> dict[str, Any]:
    """Return the figure and its one-line summary, or no figure and a message that says why."""
    style = charts.Style(instrument.symbol, _zone(instrument, now), instrument.decimals)
    shown, message = _shown(instrument, question, style, now)
    return {
        "symbol": instrument.symbol,
        "zone": style.zone,
        "bars": len(shown),
        "sources": sorted({bar.source for bar in shown}),
        "message": message,
        "summary": charts.summary(shown, style) if shown else "",
        "figure": charts.figure(shown, _vwaps(instrument, shown), style) if shown else None,
    }


def default_symbol(symbols: list[str], now: Now) -> str:
    """Return the first symbol that traded within a day, so that there is something to see; else the first."""
    today = Bar.objects.filter(instrument=OuterRef("pk"), start_at__gte=now.at - DAY, start_at__lt=now.at)
    traded = Instrument.objects.filter(Exists(today), symbol__in=symbols).first()
    return traded.symbol if traded else next(iter(symbols), "")


def _minutes(text: str) -> int:
    most = LONGEST // MINUTE
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= most):
        raise BadQuestion(f"minutes={text!r} cannot be read: write a whole number from 1 to {most}.")
    return int(text)


def _instant(name: str, text: str) -> datetime:
    try:
        # In an address a plus sign means a space, and people forget to write it as %2B.
        found = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
        if found.tzinfo is None:
            raise ValueError
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadQuestion(
            f"{name}={text!r} cannot be read: write an instant with its offset, like 2013-10-07T13:30:00Z."
        ) from None
    if not BEGINNING <= found < END:
        raise BadQuestion(f"{name}={text!r} is out of range: write one from 1970 to 2099.")
    return found


def _shown(instrument: Instrument, question: Question, style: charts.Style, now: Now) -> tuple[list[Bar], str]:
    """Return the bars asked for; where the last minutes are empty, those that end with the last bar there is."""
    found = list(selectors.bars(instrument.symbol, question.start, question.end))
    if found:
        return found, ""
    if not question.rolling:
        return [], f"No bars of {instrument.symbol} between these two instants."
    last = selectors.bars(instrument.symbol, BEGINNING, now.at).last()
    if last is None:
        return [], f"No bars of {instrument.symbol} yet: {_expectation(instrument, style, now)}"
    end = last.start_at + MINUTE
    older = selectors.bars(instrument.symbol, end - (question.end - question.start), end)
    stamp = f"{local_text(last.start_at, style.zone, now.at)} {zone_text(last.start_at, style.zone)}"
    return list(older), f"the last bar is of {stamp}: {_expectation(instrument, style, now)}"


def _expectation(instrument: Instrument, style: charts.Style, now: Now) -> str:
    """Say when bars can be expected, by the status of the symbol's market."""
    market = _market(instrument, now)
    if market is None or not market.active:
        return f"its market {instrument.venue} is not active."
    if market.is_open:
        return f"its market {market.name} is open, and a bar is stored within two minutes of its end."
    if market.next_event_at is None:
        return f"its market {market.name} is closed, and no next session is known."
    does = EVENTS.get(str(market.next_event), str(market.next_event))
    stamp = f"{local_text(market.next_event_at, style.zone, now.at)} {zone_text(market.next_event_at, style.zone)}"
    return f"its market {market.name} {does} at {stamp}."


def _market(instrument: Instrument, now: Now) -> MarketStatus | None:
    return next((one for one in status_board(now.at) if one.key == instrument.venue), None)


def _zone(instrument: Instrument, now: Now) -> str:
    market = _market(instrument, now)
    return market.zone if market else "UTC"


def _opens(instrument: Instrument, first: datetime, last: datetime) -> list[datetime]:
    """Return the opens around some bars; none where the calendar is not known, and then the average has no session."""
    try:
        return [session.open for session in sessions_of(instrument.venue).around(first, last)]
    except ThorError:
        return []


def _vwaps(instrument: Instrument, shown: list[Bar]) -> list[Any]:
    """Return the VWAP of the session after each shown bar; the average begins at the session's open, drawn or not."""
    first, last = shown[0].start_at, shown[-1].start_at
    opens = _opens(instrument, first, last)
    begin = max((at for at in opens if at <= first), default=first)
    earlier = list(selectors.bars(instrument.symbol, begin, first))
    return list(charts.running_vwap([*earlier, *shown], opens))[len(earlier) :]
