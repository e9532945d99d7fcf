"""Put a forecast into one order and into words: bells, changes of phase and occurrences, as a person reads a day."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from thor.jobs.forecast import Forecast
from thor.jobs.forecast_markets import BellOfDay, MarketDay, SessionOfDay
from thor.jobs.forecast_series import Series

#: What a market does where a phase begins without a bell.
_BEGINS = {
    "pre_open": "pre-open begins",
    "open": "resumes",
    "break": "break begins",
    "pre_close": "pre-close begins",
    "post_close": "post-close begins",
    "closed": "post-close ends",
}


@dataclass(frozen=True, slots=True)
class Item:
    """Tell one line of the day: a market's bell or change of phase, or occurrences of an entry.

    `bell` is empty for occurrences, else opens, closes or phase. `zone` is the market's, in which its local time is
    read; it is empty for an entry that belongs to no market.
    """

    first_at: datetime
    last_at: datetime
    what: str
    market: str
    zone: str
    count: int
    cadence: str
    window: str
    session_date: date | None
    provisional: bool
    bell: str = ""


def agenda(forecast: Forecast) -> list[Item]:
    """Return the whole day in order; at the same instant bells come before what they set off."""
    zones = {market.key: market.zone for market in forecast.markets}
    found = [_bell(market, bell) for market in forecast.markets for bell in market.bells]
    found += [_occurrences(series, zones.get(series.market, "")) for series in forecast.series]
    return sorted(found, key=lambda item: (item.first_at, not item.bell))


def session_remarks(session: SessionOfDay) -> list[str]:
    """Return what a person must know about a session: what is unusual, and how sure it is."""
    said = f"override: {session.override}" if session.override else ""
    return [one for one in (*session.remarks, said, "provisional" if session.provisional else "") if one]


def market_remarks(market: MarketDay) -> list[str]:
    """Return what a person must know about a market on a date for which it has no session."""
    said = f"override: {market.override}" if market.override else ""
    return [one for one in (market.remark, said, "provisional" if market.provisional else "") if one]


def clock_text(at: datetime, zone: str, day: date | None = None) -> str:
    """Write the time of day in a zone: seconds and milliseconds where there are any, the weekday on another day."""
    local = at.astimezone(ZoneInfo(zone))
    text = f"{local:%H:%M:%S}.{local.microsecond // 1000:03}" if local.microsecond else f"{local:%H:%M:%S}"
    text = text[:5] if not local.second and not local.microsecond else text
    return text if day is None or local.date() == day else f"{local:%a} {text}"


def zone_name(at: datetime, zone: str) -> str:
    """Return the short name of a zone at an instant: EST, JST, or its offset where it has no name."""
    name = f"{at.astimezone(ZoneInfo(zone)):%Z}"
    return f"UTC{name}" if name[:1] in "+-" else name


def column_text(at: datetime, forecast: Forecast) -> str:
    """Write the time of day in the zone of the date, with the zone's name where the clocks change on that date.

    Without the name nobody could tell the two 01:30s of a date with 25 hours apart.
    """
    text = clock_text(at, forecast.zone)
    names = (zone_name(end, forecast.zone) for end in (forecast.start, forecast.end))
    return text if len(set(names)) == 1 else f"{text} {zone_name(at, forecast.zone)}"


def ends_text(first: datetime, last: datetime, zone: str, day: date | None = None) -> tuple[str, str]:
    """Write both ends of a stretch of time in a zone: what the reader must know to tell them apart is at both.

    That is the weekday where they lie on two dates, and the name of the zone where it changes between them.
    """
    dates = {at.astimezone(ZoneInfo(zone)).date() for at in (first, last)}
    begins, ends = (clock_text(at, zone, day if len(dates) == 1 else date.min) for at in (first, last))
    if zone_name(first, zone) == zone_name(last, zone):
        return begins, ends
    return f"{begins} {zone_name(first, zone)}", f"{ends} {zone_name(last, zone)}"


def span_text(first: datetime, last: datetime, zone: str, day: date | None = None, *, named: bool = True) -> str:
    """Write a stretch of time in a zone: `09:30 to 15:59:59 EST`, `Sat 18:00 CST to Sun 18:59 CDT`.

    Where `named` is false the zone's name is left out, unless it changes in between.
    """
    begins, ends = ends_text(first, last, zone, day)
    name = zone_name(last, zone)
    text = begins if first == last else f"{begins} to {ends}"
    return f"{text} {name}" if named and not text.endswith(f" {name}") else text


def _bell(market: MarketDay, bell: BellOfDay) -> Item:
    kind = bell.what if bell.what in ("opens", "closes") else "phase"
    words = bell.what if kind != "phase" else _BEGINS[bell.phase.value]
    what = f"{market.name} {words}" if kind != "phase" else f"{market.name}: {words}"
    provisional = market.known_until is not None and bell.session_date > market.known_until
    return Item(
        bell.at,
        bell.at,
        what,
        market.key,
        market.zone,
        1,
        "",
        "",
        bell.session_date,
        provisional=provisional,
        bell=kind,
    )


def _occurrences(series: Series, zone: str) -> Item:
    return Item(
        first_at=series.first_at,
        last_at=series.last_at,
        what=series.entry,
        market=series.market,
        zone=zone,
        count=series.count,
        cadence="at a bell, besides its cadence" if series.by == "bell" else series.cadence,
        window="" if series.window == "always" else series.window,
        session_date=series.session_date,
        provisional=series.provisional,
    )
