"""Entries spread over a stretch of time: each by its own share, none early, none twice."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from thor.timing import Cron, Entry, Every, jittered, next_at, plan
from thor.timing.jitter import share_of

AT = datetime(2027, 3, 14, 6, 59, 59, 999000, tzinfo=UTC)
SPACE = UUID("0b0e1d1c-0000-4000-8000-000000000003")
MINUTE = timedelta(minutes=1)
entries = st.integers(0, 10**6).map(lambda number: uuid5(SPACE, str(number)))
instants = st.datetimes(AT.replace(tzinfo=None), timezones=st.just(UTC))


def test_the_share_of_an_entry_is_the_same_everywhere_and_for_ever() -> None:
    entry = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")

    assert share_of(entry, MINUTE) == timedelta(microseconds=54_798_825)
    assert share_of(entry, MINUTE / 2) == timedelta(microseconds=27_399_412)


def test_a_thousand_entries_spread_over_the_whole_stretch() -> None:
    shares = [share_of(uuid5(SPACE, str(number)), MINUTE) for number in range(1000)]

    tenths = [sum(share // (MINUTE / 10) == tenth for share in shares) for tenth in range(10)]
    assert all(timedelta(0) <= share < MINUTE for share in shares)
    assert min(tenths) > 60
    assert max(tenths) < 140


@given(entries, instants)
def test_a_shifted_cadence_answers_as_the_plain_one_did_a_little_earlier(entry: UUID, at: datetime) -> None:
    plain, within = Every(seconds=7), timedelta(seconds=5)
    by = share_of(entry, within)
    shifted = jittered(plain, entry, within)

    assert shifted.next_after(at + by) == (plain.next_after(at) or at) + by
    assert shifted.last_at_or_before(at + by) == (plain.last_at_or_before(at) or at) + by
    assert shifted.count(at, at + 10 * MINUTE) in (85, 86)


@given(entries)
def test_through_a_change_of_clocks_every_slot_is_due_once(entry: UUID) -> None:
    cadence = jittered(Cron("*/15", zone="America/New_York"), entry, timedelta(minutes=3))
    timed = Entry(id=entry, cadence=cadence, since=AT)

    due, cursor = [], AT
    while (at := next_at(timed, after=cursor)) is not None and at < AT + timedelta(hours=6):
        due += plan(timed, after=cursor, now=at).due
        cursor = at

    assert len(due) == 24
    assert {one.nominal_at - due[0].nominal_at for one in due} == {timedelta(minutes=15) * n for n in range(24)}


def test_an_entry_without_a_share_keeps_its_cadence() -> None:
    plain = Every(seconds=7)
    assert jittered(plain, SPACE, timedelta(0)) is plain
