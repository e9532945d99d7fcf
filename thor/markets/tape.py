"""Lay recorded trades beside a table of sessions, and find the minutes in which they disagree.

Trades are the one witness that no published table can argue with: a trade while the table says closed means that the
table is wrong, or that the trade belongs to other hours (an after-hours print, another product).
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from thor.markets.table import EPOCH, SessionTable

MINUTE = timedelta(minutes=1)


class Stretch(NamedTuple):
    """Minutes that belong together: `start` to `end`, which is not included; `minutes` of them are meant.

    `what` is closed or break for trades that should not be, silent for minutes that had none.
    """

    start: datetime
    end: datetime
    minutes: int
    what: str


def traded_while_closed(minutes: Sequence[int], table: SessionTable) -> list[Stretch]:
    """Return one stretch for each closed stretch of the table that holds trades.

    `minutes` are whole minutes since the epoch that hold at least one trade, in order, each once. `start` and `end`
    are the first and the last of them inside that closed stretch.
    """
    closed = [minute for minute in minutes if not table.is_open_at(minute * 60)]
    found: list[Stretch] = []
    for minute in closed:
        at = EPOCH + minute * MINUTE
        if found and not _opens_between(table, found[-1].start, at):
            found[-1] = found[-1]._replace(end=at + MINUTE, minutes=found[-1].minutes + 1)
        else:
            found.append(Stretch(at, at + MINUTE, 1, "break" if _in_break(table, at) else "closed"))
    return found


def silent_while_open(minutes: Sequence[int], table: SessionTable) -> list[Stretch]:
    """Return the stretches of open minutes without a trade, between the first recorded minute and the last."""
    if not minutes:
        return []
    traded = set(minutes)
    silent = (
        minute
        for minute in range(minutes[0], minutes[-1] + 1)
        if minute not in traded and table.is_open_at(minute * 60)
    )
    return [
        Stretch(EPOCH + first * MINUTE, EPOCH + (last + 1) * MINUTE, last + 1 - first, "silent")
        for first, last in _runs(silent)
    ]


def _runs(minutes: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for minute in minutes:
        if runs and minute == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], minute)
        else:
            runs.append((minute, minute))
    return runs


def _opens_between(table: SessionTable, start: datetime, end: datetime) -> bool:
    """Say whether trading starts after `start` and by `end`, which are both closed."""
    spans = [span for session in table.around(start, end) for span in session.trading_spans()]
    starts = sorted(span.start for span in spans)
    return bisect_right(starts, start) < bisect_right(starts, end)


def _in_break(table: SessionTable, at: datetime) -> bool:
    return any(pause.contains(at) for session in table.around(at, at) for pause in session.breaks)
