"""The parameters of questions about market data, read as strictly as those about markets."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from ninja.errors import HttpError
from pydantic import BeforeValidator, Field, WithJsonSchema

from thor.dashboard.api.paging import MOST, Paged
from thor.dashboard.api.questions import Day, Instant, Strict
from thor.marketdata import selectors
from thor.marketdata.models import FeedIncident, Instrument, Kind, Outcome
from thor.markets import registry
from thor.markets.models import Market

#: The longest stretch of bars that one question may ask for, in all its pages, and of one volume-weighted price.
LONGEST_BARS: Final = timedelta(days=366)
LONGEST_VWAP: Final = timedelta(days=31)
#: What is asked for where no begin is given.
USUAL_STRETCH: Final = timedelta(days=1)
#: How many bars a page has at most, and how many quotes.
MOST_BARS: Final = 5000
MOST_SYMBOLS: Final = 200
LONGEST_SYMBOL: Final = 32


def read_symbol(text: Any) -> Any:
    """Return a symbol as it was written; raise ValueError with the reason why it can be none."""
    if not isinstance(text, str):
        return text
    if not text.strip() or not text.isprintable() or len(text) > LONGEST_SYMBOL:
        raise ValueError(f"{text[:40]!r} is no symbol, write for example ES")
    return text.strip()


def read_symbols(text: Any) -> Any:
    """Return the symbols of a list with commas between them; raise ValueError with the reason why it is none."""
    if not isinstance(text, str):
        return text
    parts = [read_symbol(part) for part in text.split(",")]
    if len(parts) > MOST_SYMBOLS:
        raise ValueError(f"{len(parts)} symbols are too many, ask for at most {MOST_SYMBOLS} at a time")
    return parts


Symbol = Annotated[str, BeforeValidator(read_symbol)]
#: Spelt out where it is used: in the document two enumerations of one name would become one.
IncidentKind = Annotated[FeedIncident.Kind, WithJsonSchema({"type": "string", "enum": FeedIncident.Kind.values})]

_SYMBOL: Any = Field(None, description="Only this instrument, in any of its spellings.")
_VENUE: Any = Field(None, max_length=32, description="Only instruments of this venue, by its key.")
_MARKET: Any = Field(None, max_length=32, description="Only this control market, by its key.")
_DATE: Any = Field(None, description="Only sessions of this date.", json_schema_extra={"example": "2026-11-27"})


class Instruments(Paged):
    """Which instruments are asked about."""

    symbol: Symbol | None = _SYMBOL
    venue: str | None = _VENUE

    def instruments(self) -> Any:
        """Return the query of them; raise `UnknownSymbol`, `UnknownMarket` or HttpError."""
        rows = Instrument.objects.all()
        if self.symbol is not None:
            rows = rows.filter(pk=selectors.find_instrument(self.symbol).pk)
        return rows if self.venue is None else rows.filter(venue=known_venue(self.venue))


class Quotes(Instruments):
    """Which quotes are asked for."""

    limit: int = Field(MOST, ge=1, le=MOST, description="Rows of a page.")


class Listed(Instruments):
    """Which instruments are to be listed."""

    kind: Kind | None = Field(None, description="Only instruments of this kind.")
    active: bool | None = Field(None, description="Only those that are watched, or only those that are not.")


class Symbols(Strict):
    """The symbols of some snapshots."""

    symbols: str = Field(description="With commas between them, at most 200.", json_schema_extra={"example": "YM,ES"})

    def written(self) -> list[str]:
        """Return them one by one; raise HttpError."""
        try:
            return list(read_symbols(self.symbols))
        except ValueError as error:
            raise HttpError(400, f"symbols cannot be used: {error}.") from None


class Opens(Paged):
    """Which captured rows are asked for."""

    market: str | None = _MARKET
    symbol: Symbol | None = Field(None, description="Only this symbol, or TOTAL.")
    outcome: Outcome | None = Field(None, description="Only rows that ended so, or are pending.")
    date: Day | None = _DATE


class Pending(Paged):
    """Which pending rows are asked for."""

    market: str | None = _MARKET


class Successes(Strict):
    """Whose successes are counted."""

    market: str | None = _MARKET
    symbol: Symbol | None = Field(None, description="Only this symbol, or TOTAL.")


class CapturedSessions(Paged):
    """Which captured sessions are asked for."""

    market: str | None = _MARKET
    date: Day | None = _DATE


class Stretch(Strict):
    """A stretch of time, half-open."""

    start: Instant | None = Field(None, alias="from", description="First instant; left out, a day before `to`.")
    end: Instant | None = Field(None, alias="to", description="The instant before which it ends; left out, now.")

    def bounds(self, now: datetime, longest: timedelta) -> tuple[datetime, datetime]:
        """Return begin and end with what was left out filled in; raise HttpError."""
        end = self.end or now
        start = self.start or end - USUAL_STRETCH
        if start >= end:
            raise HttpError(400, f"from and to cannot be used: {_iso(start)} is not before {_iso(end)}.")
        if end - start > longest:
            sentence = f"{_iso(start)} to {_iso(end)} is too long, ask for at most {longest.days} days at a time"
            raise HttpError(400, f"from and to cannot be used: {sentence}.")
        return start, end


class Bars(Stretch, Paged):
    """Which bars are asked for."""

    symbol: Symbol = Field(description="The instrument, in any of its spellings.")
    limit: int = Field(MOST, ge=1, le=MOST_BARS, description="Bars of a page.")


class Vwap(Stretch):
    """Which volume-weighted price is asked for."""

    symbol: Symbol = Field(description="The instrument, in any of its spellings.")
    window: int | None = Field(
        None,
        ge=1,
        le=1440,
        description="Minutes of the rolling price, 30 where nothing is given; not with from and to.",
    )


class Days(Instruments):
    """Which 24-hour sessions are asked for."""

    date: Day | None = Field(None, description="Only the session of this date.")


class Incidents(Paged):
    """Which incidents are asked for."""

    venue: str | None = Field(None, max_length=32, description="Only those of this venue, by its key.")
    symbol: Symbol | None = Field(None, description="Only those of this symbol, as the incident spells it.")
    kind: IncidentKind | None = Field(None, description="Only those of this kind.")
    open: bool | None = Field(None, description="Only those that are not over, or only those that are.")


def known_venue(key: str) -> str:
    """Return the key of a venue; raise `UnknownMarket`, or HttpError where it is another kind of market."""
    return _of_role(key, Market.Role.VENUE, "venue", "no venue; instruments trade on")


def known_control_market(key: str) -> str:
    """Return the key of a control market; raise `UnknownMarket`, or HttpError where it is another kind of market."""
    return _of_role(key, Market.Role.CONTROL, "market", "no control market; captures are of")


def _of_role(key: str, role: Market.Role, name: str, why: str) -> str:
    if registry.market(key).role != role:
        known = ", ".join(row.key for row in registry.markets() if row.role == role)
        raise HttpError(400, f"{name} cannot be used: {key!r} is {why} {known}.")
    return key


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
