"""The models of what is said of quotes and instruments."""

from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from thor.dashboard.api.marketdata.figures import Figure, of_row, simulated
from thor.dashboard.api.paging import NEXT
from thor.marketdata.models import Instrument, Kind, Signal
from thor.marketdata.row_metrics import Distance
from thor.marketdata.selectors import QuoteRow


class InstrumentAnswer(Schema):
    """An instrument as operators have entered it."""

    id: int
    symbol: str
    name: str
    venue: str = Field(description="The key of the market on which it trades.")
    kind: Kind
    currency: str
    tick_size: Figure
    tick_value: Figure | None = Field(description="Worth of one tick of one contract.")
    decimals: int = Field(description="Decimals shown.")
    aliases: list[str] = Field(description="Other spellings that feeds use.")
    threshold: Figure | None = Field(description="Points of net change beyond which it is a plain signal.")
    strong_threshold: Figure | None = Field(description="Points of net change beyond which the signal is strong.")
    signal_weight: Figure | None = Field(description="Its weight in the composite of all captured instruments.")
    inverted: bool = Field(description="A safe haven: its rise is a fall of the composite.")
    sampled: bool
    captured: bool
    ribbon: bool
    active: bool = Field(description="False: not watched.")
    sort_order: int

    @classmethod
    def of(cls, row: Instrument) -> "InstrumentAnswer":
        """Return what is said of a row."""
        return cls(**of_row(row, cls.model_fields))


class InstrumentsAnswer(Schema):
    """A page of instruments, in the order of lists."""

    rows: list[InstrumentAnswer]
    count: int = Field(description="How many are on this page.")
    next: str | None = NEXT


class DistanceAnswer(Schema):
    """How far one price lies from another; null where one of them is not known."""

    diff: Figure | None
    pct: Figure | None = Field(description="Percent of the other price, four places; null on a base of zero.")

    @classmethod
    def of(cls, found: Distance) -> "DistanceAnswer":
        """Return what is said of a distance."""
        return cls(diff=found.diff, pct=found.pct)


class QuotedInstrument(Schema):
    """What a row of quotes says of its instrument."""

    id: int
    symbol: str
    name: str
    exchange: str = Field(description="The key of its venue.")
    currency: str
    display_precision: int = Field(description="Decimals shown.")
    is_active: bool
    sort_order: int
    tick_size: Figure
    tick_value: Figure | None

    @classmethod
    def of(cls, row: Instrument) -> "QuotedInstrument":
        """Return what is said of a row."""
        names = {"exchange": row.venue, "display_precision": row.decimals, "is_active": row.active}
        return cls(**of_row(row, cls.model_fields), **names)


class Context(Schema):
    """What is known of an instrument beside its quote."""

    high_52w: Figure | None
    low_52w: Figure | None
    signal: Signal | None = Field(description="What the net change against the previous close says.")
    stat_value: Figure | None = Field(description="The threshold that the net change has passed, with its sign.")
    signal_weight: int = Field(description="Weight of the signal: +2 to -2, turned round for a safe haven.")
    contract_weight: Figure = Field(description="Weight of the instrument in the composite.")

    @classmethod
    def of(cls, row: QuoteRow) -> "Context":
        """Return what is said beside a quote."""
        read, prices = row.reading, row.prices
        weights = {"signal_weight": read.weight, "contract_weight": read.contract_weight}
        years = {"high_52w": prices.high_52w, "low_52w": prices.low_52w}
        return cls(signal=read.signal, stat_value=read.stat, **weights, **years)


class QuoteAnswer(Schema):
    """The latest quote of an instrument, with everything that is derived from it."""

    instrument: QuotedInstrument
    source: str
    simulated: bool = Field(description="True: the prices are made up.")
    timestamp: datetime = Field(description="The time of the source's last tick.")
    last_at: datetime | None = Field(description="The time of the last trade.")
    price: Figure | None = Field(description="The same as last.")
    last: Figure | None
    bid: Figure | None
    ask: Figure | None
    bid_size: Figure | None
    ask_size: Figure | None
    volume: Figure | None = Field(description="Of the day so far.")
    open_price: Figure | None = Field(description="Of the source's day, else of the 24-hour session.")
    high_price: Figure | None
    low_price: Figure | None
    close_price: Figure | None = Field(description="The same as previous_close.")
    previous_close: Figure | None
    change: Figure | None = Field(description="The source's own net change, else last less previous close.")
    change_percent: Figure | None
    spread: Figure | None
    last_prev: DistanceAnswer = Field(description="The last price against the previous close.")
    open_prev: DistanceAnswer
    high_prev: DistanceAnswer
    low_prev: DistanceAnswer
    range: DistanceAnswer = Field(description="High less low, and percent of the previous close.")
    above_low_52w: DistanceAnswer = Field(description="The last price above the 52-week low; percent of the low.")
    below_high_52w: DistanceAnswer = Field(description="The last price below the 52-week high; percent of the high.")
    extended_data: Context

    @classmethod
    def of(cls, row: QuoteRow) -> "QuoteAnswer":
        """Return what is said of a row."""
        return cls(
            instrument=QuotedInstrument.of(row.instrument),
            source=row.snapshot["source"],
            simulated=simulated(row.snapshot["source"]),
            timestamp=row.snapshot["at"],
            last_at=row.snapshot.get("last_at"),
            extended_data=Context.of(row),
            **_prices(row),
            **_derived(row),
        )


class QuotesAnswer(Schema):
    """A page of quotes, in the order of lists; instruments without a quote are left out."""

    rows: list[QuoteAnswer]
    total: int = Field(description="How many quotes there are on all pages.")
    next: str | None = NEXT


class SnapshotAnswer(Schema):
    """A quote as the feed wrote it; what its source does not say is null."""

    symbol: str
    venue: str
    source: str
    simulated: bool = Field(description="True: the prices are made up.")
    at: datetime
    last: Figure | None = None
    last_at: datetime | None = Field(None, description="The time of the last trade.")
    bid: Figure | None = None
    ask: Figure | None = None
    bid_size: Figure | None = None
    ask_size: Figure | None = None
    size: Figure | None = None
    volume: Figure | None = None
    previous_close: Figure | None = None
    open: Figure | None = None
    high: Figure | None = None
    low: Figure | None = None
    high_52w: Figure | None = None
    low_52w: Figure | None = None

    @classmethod
    def of(cls, snapshot: dict[str, Any]) -> "SnapshotAnswer":
        """Return what is said of a snapshot."""
        known = {name: value for name, value in snapshot.items() if name in cls.model_fields}
        return cls(**{**known, "simulated": simulated(snapshot["source"])})


class SnapshotsAnswer(Schema):
    """The quotes of some symbols as the feeds wrote them."""

    quotes: list[SnapshotAnswer]
    count: int
    source: str = Field(description="redis_snapshot: where they were read.")
    missing: list[str] = Field(description="Instruments of which no feed has published anything.")


class RibbonEntry(Schema):
    """One instrument of the ribbon."""

    symbol: str
    name: str
    decimals: int
    last: Figure | None
    change: Figure | None
    change_percent: Figure | None
    signal: Signal | None
    source: str
    simulated: bool = Field(description="True: the prices are made up.")
    at: datetime

    @classmethod
    def of(cls, row: QuoteRow) -> "RibbonEntry":
        """Return what the ribbon says of a row."""
        return cls(
            **of_row(row.instrument, {"symbol": None, "name": None, "decimals": None}),
            last=row.prices.last,
            change=row.metrics.change,
            change_percent=row.metrics.change_percent,
            signal=row.reading.signal,
            source=row.snapshot["source"],
            simulated=simulated(row.snapshot["source"]),
            at=row.snapshot["at"],
        )


class RibbonAnswer(Schema):
    """The active instruments that are marked for the ribbon and have a quote, in the order of lists."""

    symbols: list[RibbonEntry]
    count: int
    last_updated: datetime | None = Field(description="The time of the newest of these quotes.")


def _prices(row: QuoteRow) -> dict[str, Any]:
    prices, snapshot = row.prices, row.snapshot
    return {
        **{name: snapshot.get(name) for name in ("bid_size", "ask_size", "volume")},
        **{name: getattr(prices, name) for name in ("last", "bid", "ask", "previous_close")},
        **{f"{name}_price": getattr(prices, name) for name in ("open", "high", "low")},
        "price": prices.last,
        "close_price": prices.previous_close,
    }


def _derived(row: QuoteRow) -> dict[str, Any]:
    metrics = row.metrics
    against = {f"{name}_prev": DistanceAnswer.of(getattr(metrics, name)) for name in ("last", "open", "high", "low")}
    others = ("range", "above_low_52w", "below_high_52w")
    single = {name: getattr(metrics, name) for name in ("change", "change_percent", "spread")}
    return {**against, **{name: DistanceAnswer.of(getattr(metrics, name)) for name in others}, **single}
