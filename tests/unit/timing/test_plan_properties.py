"""Hold `plan()` against a bookkeeper who lists every slot there is, one by one."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.timing.worlds import (
    CRYPTO_TABLE,
    GLOBEX_TABLE,
    LONG_AGO,
    NEW_YORK_TABLE,
    TOKYO_TABLE,
    entry,
    utc,
    utc_moments,
)
from thor.timing import (
    EPOCH,
    All,
    Always,
    Between,
    Cadence,
    Cron,
    During,
    Entry,
    Every,
    Latest,
    Once,
    OncePerSession,
    Plan,
    Skip,
    next_at,
    occurrences,
    plan,
)

TICK = timedelta(microseconds=1)
ZERO = timedelta(0)
AGES = st.timedeltas(timedelta(seconds=1), timedelta(days=4))

moments = st.one_of(
    utc_moments(utc(2026, 3, 5), utc(2026, 3, 11)),  # New York changes its clocks on the 8th
    utc_moments(utc(2026, 10, 24), utc(2026, 11, 3)),  # Europe on 25 October, New York on 1 November
    utc_moments(utc(2026, 11, 25), utc(2026, 11, 29)),  # Thanksgiving and the half day
    st.sampled_from([utc(2026, 2, 27, 23, 59, 59, 999_000), utc(2026, 3, 9, 13, 30)]),
)
grids = st.sampled_from([60, 601, 2220, 3600, 86_400]).map(lambda seconds: Every(seconds=seconds))
crons = st.builds(
    Cron,
    minute=st.sampled_from(["*/10", "0", "30", "5-50/15"]),
    hour=st.sampled_from(["*", "1-2", "9-16", "*/6"]),
    day_of_week=st.sampled_from(["*", "1-5"]),
    zone=st.sampled_from(["UTC", "America/New_York", "Europe/London", "Asia/Tokyo"]),
)
cadences: st.SearchStrategy[Cadence] = st.one_of(grids, grids, crons, moments.map(Once), st.just(OncePerSession()))
windows = st.sampled_from(
    [
        Always(),
        During("open"),
        During("pre_open", "post_close"),
        Between("open+5m", "open+30m"),
        Between("close-25m", "close"),
        Between("close+10m", "next open"),
        Between("open", "next open"),
    ]
)
tables = st.sampled_from([NEW_YORK_TABLE, TOKYO_TABLE, GLOBEX_TABLE, CRYPTO_TABLE])
marks = st.sampled_from([frozenset(), frozenset(), frozenset({"session_end", "break_start"})])
policies = st.one_of(st.just(Skip()), AGES.map(Latest), AGES.map(All))
entries = st.builds(
    entry,
    cadence=cadences,
    window=windows,
    sessions=tables,
    also_at=marks,
    catch_up=policies,
    since=st.one_of(st.just(LONG_AGO), moments),
    start=st.one_of(st.none(), st.none(), moments),
    until=st.one_of(st.none(), st.none(), moments),
    deadline=st.one_of(st.none(), st.timedeltas(timedelta(seconds=1), timedelta(hours=2))),
    paused=st.sampled_from([False, False, False, True]),
)
lengths = st.timedeltas(timedelta(microseconds=1), timedelta(days=3))


def book(subject: Entry, after: datetime, until: datetime) -> list[datetime]:
    """List what is decided in (after, until]: the nominal instants, bells last."""
    own = list(own_slots(subject, after, until))
    return own + [t for t in bells(subject, after, until) if t not in own]


def own_slots(subject: Entry, after: datetime, until: datetime) -> list[datetime]:
    begins = max(subject.since, subject.start or subject.since)
    if isinstance(subject.cadence, OncePerSession):
        sessions = session_moments(subject, begins, after, until)
        return [t for t in sessions if after < t <= until and (subject.until is None or t < subject.until)]
    if isinstance(subject.cadence, Once):
        owed = subject.cadence.at >= subject.since - timedelta(seconds=60)
        decided_at = max(subject.cadence.at, subject.since)
        listed = [subject.cadence.at] if owed and after < decided_at <= until else []
    else:
        listed = [t for t in candidates(subject.cadence, after, until) if t > subject.since]
    return [t for t in listed if allowed(subject, t)]


def candidates(cadence: Cadence, after: datetime, until: datetime) -> list[datetime]:
    if isinstance(cadence, Every):
        first = (after - EPOCH) // cadence.period + 1
        return [EPOCH + n * cadence.period for n in range(first, (until - EPOCH) // cadence.period + 1)]
    listed, t = [], cadence.next_after(after)
    while t is not None and t <= until:
        listed.append(t)
        t = cadence.next_after(t)
    return listed


def allowed(subject: Entry, t: datetime) -> bool:
    if (subject.start is not None and t < subject.start) or (subject.until is not None and t >= subject.until):
        return False
    return any(span.start <= t < span.end for span in subject.window.spans(subject.sessions, t, t))


def session_moments(subject: Entry, begins: datetime, after: datetime, until: datetime) -> list[datetime]:
    window = Between("open", "close") if subject.window == Always() else subject.window
    spans = window.spans(subject.sessions, after - timedelta(days=9), until + timedelta(days=9))
    firsts: dict[object, datetime] = {}
    for span in spans:
        if span.end > begins:
            firsts.setdefault(span.session_date, max(span.start, begins))
    return list(firsts.values())


def bells(subject: Entry, after: datetime, until: datetime) -> list[datetime]:
    if not subject.also_at:
        return []
    listed = subject.sessions.around(after, until + TICK)
    rung = {s.close for s in listed} | {b.start for s in listed for b in s.breaks}
    low = max(after, subject.since, (subject.start - TICK) if subject.start else after)
    return sorted(t for t in rung if low < t <= until and (subject.until is None or t < subject.until))


def cut(after: datetime, length: timedelta, shares: list[float]) -> list[tuple[datetime, datetime]]:
    points = sorted({after, after + length, *(after + length * share for share in shares)})
    return list(pairwise(points))


def decided(subject: Entry, parts: list[tuple[datetime, datetime]], *, fold: bool = False) -> list[Plan]:
    return [plan(subject, after=low, now=high, fold=fold) for low, high in parts]


shares = st.lists(st.floats(0, 1), max_size=5)


@settings(deadline=None, max_examples=200)
@given(entries, moments, lengths, shares)
def test_every_slot_is_decided_exactly_once_however_time_is_cut(subject, after, length, cuts):
    plans = decided(subject, cut(after, length, cuts))

    due = Counter(o.nominal_at for p in plans for o in p.due)
    counted = sum(d.count for p in plans for d in p.dropped)
    slots = book(subject, after, after + length)
    assert set(due.values()) <= {1}
    assert set(due) <= set(slots)
    assert len(due) + counted == len(slots)


@settings(deadline=None, max_examples=150)
@given(entries, moments, lengths)
def test_nothing_is_early_outside_its_window_or_past_its_limit(subject, after, length):
    now = after + length
    grace = subject.deadline or max(timedelta(seconds=5), subject.cadence.period or timedelta(minutes=10))
    rung = bells(subject, after, now)

    due = plan(subject, after=after, now=now).due

    assert all(o.nominal_at <= now < o.deadline_at for o in due)
    own = [o for o in due if o.nominal_at not in rung]
    if isinstance(subject.cadence, OncePerSession):
        assert len(own) <= 1
        return
    within = grace - TICK if isinstance(subject.catch_up, Skip) else subject.catch_up.within
    assert isinstance(subject.catch_up, All) or len(own) <= 1
    assert all(allowed(subject, o.nominal_at) and now - o.nominal_at <= within for o in own)
    assert not own or subject.window.spans(subject.sessions, now, now)[0].start <= now


@settings(deadline=None, max_examples=100)
@given(entries, moments, lengths)
def test_what_is_dropped_lies_between_real_slots_and_has_one_run_a_reason(subject, after, length):
    decision = plan(subject, after=after, now=after + length)

    slots = book(subject, after, after + length)
    assert all(run.first_at in slots and run.last_at in slots for run in decision.dropped)
    assert all(run.first_at <= run.last_at for run in decision.dropped)
    assert len({run.reason for run in decision.dropped}) == len(decision.dropped)
    assert {run.reason for run in decision.dropped} <= ({"paused"} if subject.paused else {"superseded", "deadline"})


@settings(deadline=None, max_examples=100)
@given(entries.map(lambda e: replace(e, window=Always())), moments, lengths, shares)
def test_a_policy_that_runs_all_gives_the_same_runs_however_time_is_cut(subject, after, length, cuts):
    subject = replace(subject, catch_up=All(timedelta(days=30)), deadline=None, until=None, paused=False)
    if isinstance(subject.cadence, OncePerSession):  # its limit is the end of the session, not the policy
        return

    whole = plan(subject, after=after, now=after + length)
    plans = decided(subject, cut(after, length, cuts))

    assert [o for p in plans for o in p.due] == list(whole.due)
    assert [o.nominal_at for o in whole.due] == sorted(book(subject, after, after + length))
    assert whole.dropped == ()


@settings(deadline=None, max_examples=100)
@given(entries.map(lambda e: replace(e, paused=False)), moments, lengths, shares)
def test_a_replay_covers_every_slot_and_drops_none(subject, after, length, cuts):
    plans = decided(subject, cut(after, length, cuts), fold=True)

    covered = sum(o.folded + 1 for p in plans for o in p.due)
    assert covered == len(book(subject, after, after + length))
    assert not any(p.dropped for p in plans)
    for occurrence in (o for p in plans for o in p.due):
        assert (occurrence.folded > 0) == (occurrence.folded_from is not None)
        assert occurrence.folded_from is None or occurrence.folded_from < occurrence.nominal_at


@settings(deadline=None, max_examples=100)
@given(entries, moments, lengths)
def test_the_plan_looked_at_beforehand_is_what_next_at_will_say(subject, start, length):
    end = start + min(length, timedelta(hours=30))

    listed = [o.nominal_at for o in occurrences(subject, start, end)]
    stepped, t = [], next_at(subject, after=start - TICK)
    while t is not None and t < end:
        stepped.append(t)
        following = next_at(subject, after=t)
        assert following is None or following > t
        t = following

    assert len(listed) == len(stepped)
    assert isinstance(subject.cadence, Once) or listed == stepped
    assert listed == sorted(listed)
    assert sorted(book(subject, start - TICK, end - TICK)) == listed


@settings(deadline=None, max_examples=150)
@given(entries, moments, lengths)
def test_asking_again_at_the_next_time_finds_a_slot_and_before_it_none(subject, after, length):
    now = after + length

    decision = plan(subject, after=after, now=now)

    assert decision.next_at == next_at(subject, after=now)
    if decision.next_at is not None:
        waiting = plan(subject, after=now, now=decision.next_at - TICK)
        arrived = plan(subject, after=decision.next_at - TICK, now=decision.next_at)
        assert waiting.due == waiting.dropped == ()
        assert len(arrived.due) + sum(run.count for run in arrived.dropped) == 1


@settings(deadline=None, max_examples=100)
@given(entries, moments, lengths)
def test_a_successor_that_decides_again_owes_nothing_new(subject, after, length):
    now = after + length
    first = plan(subject, after=after, now=now)

    again = plan(subject, after=after - timedelta(seconds=2), now=now)

    known = {o.run_id for o in first.due}
    fresh = [o for o in again.due if o.run_id not in known]
    assert all(o.nominal_at <= max(after, subject.since) for o in fresh)
