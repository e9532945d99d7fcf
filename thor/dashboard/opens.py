"""Gather what was captured at opens as pages show it: trades with target and stop on their sides, and their ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from thor.dashboard.now import Now
from thor.marketdata import selectors
from thor.marketdata.models import TOTAL, Capture, Outcome, SessionCapture
from thor.marketdata.signals import SHORT
from thor.markets.models import Market
from thor.markets.registry import markets

#: So many rows of one session are shown; the API has all of them.
SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Trade:
    """One row with its target and stop on the sides where its signal puts them."""

    row: Capture
    decimals: int | None
    target: Any
    stop: Any


@dataclass(frozen=True, slots=True)
class Opened:
    """One captured session of one market as a page shows it; `of_today` by the market's own date."""

    session: SessionCapture
    name: str
    zone: str
    of_today: bool
    sources: list[str]
    total: Trade | None
    trades: list[Trade]
    left_out: int
    tally: selectors.Tally

    @property
    def labels(self) -> list[str]:
        """Return where its prices came from, as a label shows it."""
        return [source.upper() for source in self.sources]


def opened(now: Now, day: date | None = None) -> list[Opened]:
    """Return the captured sessions of a date, or the newest one of each control market, in the order of markets."""
    sessions = selectors.newest_sessions() if day is None else selectors.sessions_on(day)
    known = {row.key: row for row in markets()}
    sources = selectors.sources(sessions)
    return [_opened(one, known.get(one.market), sources.get(one.pk, []), now) for one in sessions]


def latest_total(found: Sequence[Opened]) -> Opened | None:
    """Return the session with the newest composite."""
    return max((one for one in found if one.total), key=lambda one: one.session.captured_at, default=None)


def _opened(session: SessionCapture, market: Market | None, sources: list[str], now: Now) -> Opened:
    rows = list(session.rows.all())
    total = next((row for row in rows if row.symbol == TOTAL), None)
    trades = [_trade(row) for row in rows if row is not total]
    today = now.at.astimezone(market.zone_info).date() if market else now.at.date()
    return Opened(
        session=session,
        name=market.name if market else session.market,
        zone=market.zone if market else "UTC",
        of_today=session.session_date == today,
        sources=sources,
        total=_trade(total) if total else None,
        trades=trades[:SHOWN],
        left_out=max(0, len(trades) - SHOWN),
        tally=_tally(rows),
    )


def _trade(row: Capture) -> Trade:
    sides = (row.target_low, row.target_high) if row.signal in SHORT else (row.target_high, row.target_low)
    return Trade(row, row.instrument.decimals if row.instrument else None, *sides)


def _tally(rows: Sequence[Capture]) -> selectors.Tally:
    ended = [row.outcome for row in rows]
    return selectors.Tally(**{outcome.name.lower(): ended.count(outcome.value) for outcome in Outcome})
