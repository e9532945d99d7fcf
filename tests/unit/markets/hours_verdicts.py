"""Who is right where Thor's sessions and the market hours database differ, and how that is known."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from tests.unit.markets.hours_database import HONG_KONG, Disagreement

THOR = "Thor"
#: The span of a Globex evening in New York, 18:00 to midnight.
EVENING = (1080, 1440)


@dataclass(frozen=True)
class Verdict:
    """A judgement over the disagreements of a market that `holds` accepts; the first that does is theirs."""

    market: str
    right: str
    why: str
    holds: Callable[[Disagreement], bool]


def verdict_on(found: Disagreement) -> Verdict | None:
    """Return the judgement over a disagreement, or None where nobody has looked at it yet."""
    return next((one for one in VERDICTS if one.market == found.market and one.holds(found)), None)


def _on(*days: str) -> Callable[[Disagreement], bool]:
    dates = {date.fromisoformat(day) for day in days}
    return lambda found: found.day in dates


def _shut(first: int, last: int) -> Callable[[Disagreement], bool]:
    return lambda found: first <= found.day.year <= last and found.thor == ()


def _evening_only_in(found: Disagreement, name: str) -> bool:
    return EVENING in getattr(found, name) and sum(EVENING in spans for spans in (found.database, found.thor)) == 1


def _halted(found: Disagreement) -> bool:
    # 16:15 to 16:30 in New York is 15:15 to 15:30 in Chicago.
    return {975, 990} <= {minute for span in found.thor for minute in span} and found.day < date(2021, 6, 28)


VERDICTS = (
    Verdict("japan", THOR, "the database lists holidays from 2016 on", _shut(2015, 2015)),
    Verdict("japan", THOR, "the exchange's system failed and nothing was traded all day", _on("2020-10-01")),
    Verdict("japan", THOR, "Autumnal Equinox Day", _on("2022-09-23")),
    Verdict(
        "japan",
        THOR,
        "Tokyo closes at 15:30 since 2024-11-05; the database gives one set of hours for all years. The recorded index "
        "of 2021-01-14 ends at 15:15",
        lambda found: found.day < date(2024, 11, 5) and found.thor[-1][1] == 15 * 60,
    ),
    Verdict(
        "india",
        "Thor, but for one hour",
        "Diwali: one hour of Muhurat trading, which neither has",
        _on("2015-11-11", "2017-10-19", "2018-11-07", "2021-11-04", "2022-10-24", "2024-11-01", "2025-10-21"),
    ),
    Verdict(
        "india",
        THOR,
        "holidays that move, and election days: from 2022 on the database lists hardly any but those of a fixed date",
        _shut(2022, 2026),
    ),
    Verdict(
        "india",
        THOR,
        "special trading days on a weekend, announced by the BSE (Thor corrects the library)",
        lambda found: found.database == () and found.day.weekday() >= 5,
    ),
    Verdict(
        "germany",
        THOR,
        "the last trading day of the year ends at 14:00",
        lambda found: found.day.month == 12 and found.thor == ((9 * 60, 14 * 60),),
    ),
    Verdict(
        "germany",
        THOR,
        "Xetra was closed on Whit Mondays and on 3 October until 2021, and on 31 October 2017",
        _shut(2016, 2021),
    ),
    Verdict(
        "us_equities",
        THOR,
        "half days: an early close ends the database's day, but shares trade on for four hours. The recorded GOOG "
        "trades of 2015-12-24 go on to 16:11",
        lambda found: found.thor == ((4 * 60, 17 * 60),) and found.database == ((4 * 60, 13 * 60),),
    ),
    Verdict(
        "globex",
        THOR,
        "national days of mourning: the night was traded until 08:30 in Chicago (CME Group press releases)",
        _on("2018-12-05", "2025-01-09"),
    ),
    Verdict(
        "globex",
        THOR,
        "half days of New York, 12:15 in Chicago, that the database misses",
        _on("2023-07-03", "2024-07-03", "2024-11-29"),
    ),
    Verdict(
        "globex",
        THOR,
        "Martin Luther King Day, closed at noon: the entry of ES says so too, but that of the whole market calls it a "
        "holiday",
        _on("2025-01-20"),
    ),
    Verdict("globex", THOR, "Christmas Day: only the evening is traded", _on("2025-12-25")),
    Verdict(
        "globex",
        THOR,
        "the database is not kept for 2027 yet; Thor follows the rules of the years before, and CME's calendar decides",
        lambda found: found.day.year == 2027,
    ),
    Verdict(
        "globex",
        THOR,
        "evenings before a date without a session: Globex stays closed. Until June 2021 with the halt, too",
        lambda found: _evening_only_in(found, "database"),
    ),
    Verdict(
        "globex",
        THOR,
        "evenings of holidays: the session of the next date opens at 17:00 in Chicago",
        lambda found: _evening_only_in(found, "thor"),
    ),
    Verdict(
        "globex",
        THOR,
        "the halt from 15:15 to 15:30 in Chicago until 2021-06-25, and the close at 16:15 until 2015-09-18 (CME Group "
        "notices); the recorded ES trades of October 2013 and of 2020-01-06 stop just so",
        _halted,
    ),
    Verdict(HONG_KONG, THOR, "the database lists dates from 2017 on", lambda found: found.day.year <= 2016),
    Verdict(
        HONG_KONG,
        THOR,
        "typhoons: the exchange stayed closed",
        _on("2017-08-23", "2020-10-13", "2021-10-13", "2023-07-17", "2024-09-06"),
    ),
    Verdict(HONG_KONG, THOR, "the eve of the Lunar New Year is a half day", _on("2017-01-27")),
    Verdict(
        HONG_KONG,
        THOR,
        "the database ends with 2026, but for a day in June 2027 that is a holiday in the United States",
        lambda found: found.day.year == 2027,
    ),
)
