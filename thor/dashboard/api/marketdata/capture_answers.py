"""The models of what is said of captures."""

from collections.abc import Mapping
from datetime import date, datetime

from ninja import Schema
from pydantic import Field

from thor.dashboard.api.marketdata.figures import Figure, of_row, simulated
from thor.dashboard.api.paging import NEXT
from thor.marketdata.models import Capture, Outcome, SessionCapture, Signal
from thor.marketdata.selectors import Tally

Sources = Mapping[int, list[str]]


class CapturedSession(Schema):
    """One session of one control market as it was captured."""

    id: int
    market: str
    session_date: date
    opens_at: datetime
    captured_at: datetime = Field(description="Data time of the prices: the open, or later where late.")
    late: bool = Field(description="The feed was not running at the open.")
    graded_until: datetime | None = Field(description="Every tick before this data time has been judged.")
    closed_at: datetime | None = Field(description="Data time of the close figures.")
    incomplete: bool = Field(description="The feed had not reached the close.")
    sources: list[str] = Field(description="Where prices around the capture came from; empty where nobody knows.")
    simulated: bool = Field(description="True: the prices are made up.")

    @classmethod
    def of(cls, row: SessionCapture, sources: Sources) -> "CapturedSession":
        """Return what is said of a session."""
        found = sources.get(row.pk, [])
        return cls(**of_row(row, cls.model_fields), sources=found, simulated=simulated(*found))


class CapturedSessions(Schema):
    """A page of captured sessions, the newest date first."""

    rows: list[CapturedSession]
    count: int = Field(description="How many are on this page.")
    next: str | None = NEXT


class OpenAnswer(Schema):
    """One instrument, or TOTAL, at one open: its signal, its trade, what became of it, and the session's figures.

    A figure whose base is zero or unknown is null.
    """

    id: int
    session: CapturedSession
    symbol: str
    number: int = Field(description="The how manieth row of this symbol at this market.")
    signal: Signal | None
    weight: int = Field(description="Weight of the signal; of TOTAL the sum of all.")
    weighted_sum: Figure | None = Field(description="Of TOTAL only.")
    weighted_average: Figure | None = Field(description="Of TOTAL only.")
    instrument_count: int | None = Field(description="Of TOTAL only.")
    priced_at: datetime | None = Field(description="Data time of the price.")
    last_price: Figure | None
    previous_close: Figure | None
    net_change: Figure | None
    bid: Figure | None
    ask: Figure | None
    bid_size: Figure | None
    ask_size: Figure | None
    spread: Figure | None
    volume: Figure | None = Field(description="Of the UTC day until the open.")
    entry: Figure | None
    target_high: Figure | None
    target_low: Figure | None
    judged_on: str = Field(description="quotes, or trades where the feed gave no quotes; empty without a trade.")
    outcome: Outcome
    touched: str = Field(description="target, stop, or empty; in capitals.")
    touched_at: datetime | None
    touched_price: Figure | None
    session_open: Figure | None
    session_high: Figure | None = Field(description="Of the trades since the open.")
    session_low: Figure | None
    session_close: Figure | None
    session_range: Figure | None
    session_volume: Figure | None = Field(description="What was traded since the open.")
    high_pct_open: Figure | None
    low_pct_open: Figure | None = Field(description="Run-up of the last price from the low.")
    high_pct_close: Figure | None
    low_pct_close: Figure | None
    close_vs_open_pct: Figure | None
    range_pct: Figure | None
    previous_close_24h: Figure | None
    open_24h: Figure | None
    high_24h: Figure | None
    low_24h: Figure | None
    close_24h: Figure | None
    change_24h: Figure | None
    change_pct_24h: Figure | None
    range_24h: Figure | None
    range_pct_24h: Figure | None = Field(description="Percent of the open.")
    high_52w: Figure | None
    high_pct_52w: Figure | None
    low_52w: Figure | None
    low_pct_52w: Figure | None
    range_52w: Figure | None
    range_pct_52w: Figure | None
    backtest: dict[str, float | int | str | None] = Field(
        description="The 17 figures of the track record before this open; empty where it was not computed."
    )

    @classmethod
    def of(cls, row: Capture, sources: Sources) -> "OpenAnswer":
        """Return what is said of a row."""
        session = CapturedSession.of(row.session, sources)
        return cls(**{**of_row(row, cls.model_fields), "session": session, "signal": row.signal or None})


class OpensAnswer(Schema):
    """A page of captured rows, the newest date first."""

    rows: list[OpenAnswer]
    count: int = Field(description="How many are on this page.")
    next: str | None = NEXT


class NewestSession(Schema):
    """The newest captured session of one market, with all its rows."""

    session: CapturedSession
    rows: list[OpenAnswer]


class NewestAnswer(Schema):
    """The newest captured session of every control market that has one, in the order of markets."""

    markets: list[NewestSession]
    count: int = Field(description="How many rows there are in all.")


class TallyAnswer(Schema):
    """How often captured trades ended how."""

    total: int
    worked: int
    didnt_work: int
    neutral: int
    pending: int
    win_rate: Figure | None = Field(description="WORKED / (WORKED + DIDNT_WORK) × 100, two places; null without any.")

    @classmethod
    def of(cls, found: Tally) -> "TallyAnswer":
        """Return what is said of a tally."""
        return cls(**of_row(found, cls.model_fields))


class MarketTally(TallyAnswer):
    """How often the trades of one market ended how."""

    market: str

    @classmethod
    def at(cls, market: str, found: Tally) -> "MarketTally":
        """Return what is said of a market's tally."""
        return cls(market=market, **of_row(found, TallyAnswer.model_fields))


class StatsAnswer(Schema):
    """How often captured trades ended how: in all, by market, and of the last seven days, today included."""

    all: TallyAnswer
    markets: list[MarketTally]
    last_7_days: TallyAnswer
    since: date = Field(description="The first of the last seven days, in UTC.")
