"""The models of what is said of bars, volume-weighted prices, extremes and 24-hour sessions."""

from datetime import date, datetime

from ninja import Schema
from pydantic import Field

from thor.dashboard.api.marketdata.figures import Figure, of_row
from thor.dashboard.api.paging import NEXT
from thor.marketdata.models import Extreme, TwentyFourHour


class BarAnswer(Schema):
    """One minute of one instrument."""

    start_at: datetime
    open: Figure
    high: Figure
    low: Figure
    close: Figure
    volume: Figure
    trades: int
    vwap: Figure | None = Field(description="Null where nothing but empty sizes traded.")
    bid: Figure | None = Field(description="The last one quoted within the minute.")
    ask: Figure | None
    spread: Figure | None
    source: str


class BarsAnswer(Schema):
    """A page of bars, oldest first."""

    symbol: str
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    bars: list[BarAnswer]
    count: int = Field(description="How many are on this page.")
    simulated: bool = Field(description="True: some of them are made up.")
    next: str | None = NEXT


class WeightedPrice(Schema):
    """A volume-weighted average price of one stretch of time."""

    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    vwap: Figure | None = Field(description="Four places; null where nothing traded.")


class SessionPrice(WeightedPrice):
    """The volume-weighted average price of a session of the venue, so far."""

    date: date


class RollingPrice(WeightedPrice):
    """The volume-weighted average price of the last minutes."""

    window: int = Field(description="Minutes.")


class VwapAnswer(Schema):
    """Volume-weighted average prices of one instrument: of the stretch that was asked for, or else as of now."""

    symbol: str
    range: WeightedPrice | None = Field(description="Of the stretch that was asked for: every tick counts.")
    session: SessionPrice | None = Field(description="Of the venue's running session, or of its last one.")
    rolling: RollingPrice | None = Field(description="Of the last minutes, from minute samples.")


class ExtremeAnswer(Schema):
    """The extremes of one instrument, in today's shares."""

    symbol: str
    as_of: date = Field(description="The session date up to which the window of 365 days reaches.")
    high_52w: Figure
    high_52w_date: date
    low_52w: Figure
    low_52w_date: date
    all_time_high: Figure
    all_time_high_date: date
    all_time_low: Figure
    all_time_low_date: date
    last_price: Figure | None = Field(description="The last price that was checked.")
    updated_at: datetime

    @classmethod
    def of(cls, row: Extreme) -> "ExtremeAnswer":
        """Return what is said of a row."""
        return cls(symbol=row.instrument.symbol, **of_row(row, cls.model_fields))


class ExtremesAnswer(Schema):
    """A page of extremes, in the order of lists."""

    rows: list[ExtremeAnswer]
    count: int = Field(description="How many are on this page.")
    next: str | None = NEXT


class DayAnswer(Schema):
    """What one instrument did in one 24-hour session, from the open of Tokyo to the close of New York."""

    symbol: str
    session_date: date
    previous_close: Figure | None = Field(description="The close of the 24-hour session before.")
    open: Figure
    high: Figure
    low: Figure
    last: Figure = Field(description="The close, once finalized.")
    change: Figure | None = Field(description="The open less the previous close.")
    change_percent: Figure | None
    range: Figure
    range_percent: Figure | None = Field(description="Percent of the open.")
    volume: Figure
    finalized: bool = Field(description="New York has closed; nothing changes the row any more.")
    updated_at: datetime

    @classmethod
    def of(cls, row: TwentyFourHour) -> "DayAnswer":
        """Return what is said of a row."""
        return cls(symbol=row.instrument.symbol, **of_row(row, cls.model_fields))


class DaysAnswer(Schema):
    """A page of 24-hour sessions, the newest date first."""

    rows: list[DayAnswer]
    count: int = Field(description="How many are on this page.")
    next: str | None = NEXT
