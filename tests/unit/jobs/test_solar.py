"""Solar rows: right where the sun rises every day, and silent where it does not."""

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import ephem
import pytest

from tests.unit.timing.test_plan import entry
from thor.jobs.cadences import Solar
from thor.timing import next_at, plan

TROMSO = (69.65, 18.96)
STEP = timedelta(minutes=2)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def events(subject: Solar, start: datetime, end: datetime) -> list[datetime]:
    """Return the events of [start, end), found one from the other."""
    found, t = [], subject.next_after(start - timedelta(microseconds=1))
    while t is not None and t < end:
        found.append(t)
        t = subject.next_after(t)
    return found


def watched(latitude: float, longitude: float, start: datetime, end: datetime) -> list[datetime]:
    """Look at the sun every two minutes, and note when its upper edge has come over the horizon."""
    place, sun = ephem.Observer(), ephem.Sun()
    place.lat, place.lon, place.pressure = str(latitude), str(longitude), 0
    seen, up, t = [], None, start
    while t < end:
        place.date = t.replace(tzinfo=None)
        sun.compute(place)
        before, up = up, math.degrees(sun.alt + sun.radius) > -34 / 60
        if up and before is False:
            seen.append(t)
        t += STEP
    return seen


@pytest.mark.parametrize(
    ("place", "start", "end"),
    [
        (TROMSO, "2026-01-08", "2026-01-20"),  # the polar night ends
        (TROMSO, "2026-05-12", "2026-05-24"),  # the midnight sun begins
        (TROMSO, "2026-07-18", "2026-07-30"),  # the sun sets again, first after midnight
        ((-77.8, 166.7), "2026-02-12", "2026-02-26"),
        ((51.5, 0), "2024-02-26", "2024-03-03"),  # over a leap day
        ((66.56, -179.9), "2026-06-01", "2026-06-10"),
        ((0, 179.9), "2026-12-28", "2027-01-04"),
    ],
)
def test_the_sun_rises_when_it_is_seen_to_rise(place: tuple[float, float], start: str, end: str) -> None:
    seen = watched(*place, at(start), at(end))

    told = events(Solar("sunrise", *place), at(start), at(end))

    assert len(told) == len(seen)
    assert all(abs(one - other) < 2 * STEP for one, other in zip(told, seen, strict=True))


def test_the_polar_night_has_no_sunrise_and_neither_has_the_midnight_sun() -> None:
    rises = events(Solar("sunrise", *TROMSO), at("2026-01-01"), at("2027-01-01"))

    gaps = sorted((later - sooner, sooner) for sooner, later in pairwise(rises))

    assert gaps[-1][1].month == 5
    assert gaps[-1][0] > timedelta(days=65)
    assert rises[0] > at("2026-01-14")
    assert rises[-1] < at("2026-11-29")


def test_an_event_is_one_instant_whoever_asks_and_when() -> None:
    subject = Solar("sunset", 40.7, -74)
    known = events(subject, at("2026-03-01"), at("2026-04-01"))

    for one, following in pairwise(known):
        for fraction in (0, 1e-6, 0.25, 0.5, 0.75, 0.999999):
            between = one + fraction * (following - one)
            assert subject.next_after(between) == following
            assert subject.last_at_or_before(between) == one
    assert subject.count(at("2026-03-01"), at("2026-04-01")) == len(known) == 31


def test_what_never_comes_is_never_due_and_is_found_out_soon() -> None:
    pole = Solar("sunrise", 90, 0)

    assert pole.next_after(at("2026-01-01")) is None
    assert pole.last_at_or_before(at("2026-01-01")) is None
    assert pole.count(at("2020-01-01"), at("2026-01-01")) == 0
    assert next_at(entry(pole), after=at("2026-01-01")) is None


def test_the_ends_of_the_calendar_are_no_accident() -> None:
    noon, first, last = Solar("solar_noon", 10, 10), at("0001-01-01"), at("9999-12-31T23:59:59")

    assert noon.next_after(last) is noon.last_at_or_before(first) is None
    assert noon.count(first, first) == noon.count(last, last) == 0


def test_a_plan_over_the_polar_night_owes_and_drops_nothing() -> None:
    subject = entry(Solar("sunrise", *TROMSO), since=at("2026-12-05"))

    found = plan(subject, after=at("2026-12-05"), now=at("2027-01-10"))

    assert found.due == found.dropped == ()
    assert found.next_at is not None
    assert at("2027-01-14") < found.next_at < at("2027-01-17")


@pytest.mark.parametrize("what", [("moonrise", 0, 0), ("sunrise", 91, 0), ("sunrise", 0, 181)])
def test_what_celery_refuses_is_refused(what: tuple[str, float, float]) -> None:
    with pytest.raises(ValueError, match=r"event|[Ll]atitude|[Ll]ongitude"):
        Solar(*what)
