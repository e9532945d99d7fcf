from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from tests.unit.timing.worlds import (
    CRYPTO_TABLE,
    ENTRY,
    GLOBEX_TABLE,
    NEW_YORK_TABLE,
    TOKYO,
    TOKYO_TABLE,
    Table,
    at,
    entry,
)
from thor.timing import (
    All,
    Between,
    Cron,
    During,
    Entry,
    Every,
    Latest,
    Once,
    OncePerSession,
    Plan,
    Session,
    next_at,
    occurrences,
    plan,
    run_id,
)

BELLS = frozenset({"session_end", "break_start"})


def decide(subject: Entry, after: str, now: str, *, fold: bool = False) -> Plan:
    return plan(subject, after=at(after), now=at(now), fold=fold)


def due(decision: Plan) -> list[str]:
    return [f"{occurrence.nominal_at:%m-%d %H:%M:%S}" for occurrence in decision.due]


def dropped(decision: Plan) -> list[tuple[str, str, int, str]]:
    return [(f"{d.first_at:%H:%M:%S}", f"{d.last_at:%H:%M:%S}", d.count, d.reason) for d in decision.dropped]


class TestIdentity:
    def test_two_leaders_name_the_same_run(self):
        one = decide(entry(), "2026-03-08 06:59:59.5", "2026-03-08 07:00:00.001").due[0]
        other = decide(entry(), "2026-03-08 06:59:57", "2026-03-08 07:00:00.9").due[0]

        assert one.run_id == other.run_id == run_id(ENTRY, at("2026-03-08 07:00"))

    def test_a_run_by_hand_has_a_name_of_its_own(self):
        nominal = at("2026-03-08 07:00")

        assert run_id(ENTRY, nominal, "manual:1") != run_id(ENTRY, nominal)
        assert run_id(UUID(int=1), nominal) != run_id(ENTRY, nominal)

    def test_the_name_never_changes_between_versions(self):
        namespace = UUID("6f0d2c1e-5b7a-5c55-9a3e-74686f720000")

        assert run_id(ENTRY, at("1970-01-01 00:00:01")) == uuid5(namespace, f"{ENTRY}:1000000:")


class TestGrid:
    def test_a_slot_is_due_at_its_instant_and_not_a_microsecond_before(self):
        assert due(decide(entry(), "2026-03-01 11:59:59", "2026-03-01 11:59:59.999999")) == []
        assert due(decide(entry(), "2026-03-01 11:59:59", "2026-03-01 12:00:00")) == ["03-01 12:00:00"]

    def test_a_decided_slot_is_not_decided_again(self):
        decision = decide(entry(), "2026-03-01 12:00:00", "2026-03-01 12:00:00.999")

        assert decision.due == decision.dropped == ()
        assert decision.next_at == at("2026-03-01 12:00:01")

    def test_time_that_stands_still_or_runs_back_decides_nothing(self):
        assert decide(entry(), "2026-03-01 12:00:05", "2026-03-01 12:00:00") == Plan((), (), at("2026-03-01 12:00:06"))

    def test_the_instant_of_enabling_is_no_old_slot(self):
        subject = entry(since=at("2026-03-01 12:00:00"))

        assert due(decide(subject, "2026-03-01 11:00", "2026-03-01 12:00:00")) == []
        assert due(decide(subject, "2026-03-01 11:00", "2026-03-01 12:00:01")) == ["03-01 12:00:01"]

    def test_start_and_until_bound_the_slots_half_open(self):
        subject = entry(
            Every(seconds=10), start=at("2026-03-01 12:00"), until=at("2026-03-01 12:01"), catch_up=All(ONE_DAY)
        )

        decision = decide(subject, "2026-03-01 00:00", "2026-03-01 12:00:59.9")

        assert due(decision)[0] == "03-01 12:00:00"
        assert due(decision)[-1] == "03-01 12:00:50"
        assert decision.next_at is None
        assert dropped(decide(subject, "2026-03-01 00:00", "2026-03-01 12:01")) == [
            ("12:00:00", "12:00:50", 6, "deadline")
        ]

    def test_a_deadline_is_the_grace_after_the_slot_unless_it_is_given(self):
        assert self.deadline(entry()) == timedelta(seconds=5)
        assert self.deadline(entry(Every(minutes=1))) == timedelta(minutes=1)
        assert self.deadline(entry(Cron())) == timedelta(minutes=10)
        assert self.deadline(entry(deadline=timedelta(seconds=2))) == timedelta(seconds=2)
        assert self.deadline(entry(catch_up=All(ONE_DAY))) == ONE_DAY + timedelta(seconds=5)

    @staticmethod
    def deadline(subject: Entry) -> timedelta:
        occurrence = decide(subject, "2026-03-01 11:59:59.5", "2026-03-01 12:00").due[0]
        return occurrence.deadline_at - occurrence.nominal_at


ONE_DAY = timedelta(days=1)


class TestCatchUp:
    def test_skip_runs_the_newest_and_says_what_became_of_the_others(self):
        decision = decide(entry(), "2026-03-01 12:00:00", "2026-03-01 12:00:30.5")

        assert due(decision) == ["03-01 12:00:30"]
        assert dropped(decision) == [
            ("12:00:01", "12:00:25", 25, "deadline"),
            ("12:00:26", "12:00:29", 4, "superseded"),
        ]

    def test_skip_lets_a_slow_entry_be_late_by_a_period(self):
        hourly = entry(Every(hours=1))

        assert due(decide(hourly, "2026-03-01 11:30", "2026-03-01 12:59:59")) == ["03-01 12:00:00"]

    def test_a_fixed_time_may_be_ten_minutes_late(self):
        daily = entry(Cron("0", "12"))

        assert due(decide(daily, "2026-03-01 11:30", "2026-03-01 12:09:59.999")) == ["03-01 12:00:00"]
        assert dropped(decide(daily, "2026-03-01 11:30", "2026-03-01 12:10")) == [
            ("12:00:00", "12:00:00", 1, "deadline")
        ]

    def test_latest_runs_one_however_many_were_missed(self):
        subject = entry(Every(minutes=1), catch_up=Latest(timedelta(minutes=10)))

        decision = decide(subject, "2026-03-01 00:00", "2026-03-01 12:00:30")

        assert due(decision) == ["03-01 12:00:00"]
        assert dropped(decision) == [
            ("00:01:00", "11:50:00", 710, "deadline"),
            ("11:51:00", "11:59:00", 9, "superseded"),
        ]

    def test_latest_reaches_back_to_its_limit_inclusive(self):
        subject = entry(Cron("0"), catch_up=Latest(timedelta(minutes=30)))

        assert due(decide(subject, "2026-03-01 11:30", "2026-03-01 12:30")) == ["03-01 12:00:00"]
        assert due(decide(subject, "2026-03-01 11:30", "2026-03-01 12:30:00.000001")) == []

    def test_all_runs_every_slot_up_to_its_limit_inclusive(self):
        subject = entry(Every(minutes=1), catch_up=All(timedelta(minutes=3)))

        decision = decide(subject, "2026-03-01 00:00", "2026-03-01 12:00:00")

        assert due(decision) == ["03-01 11:57:00", "03-01 11:58:00", "03-01 11:59:00", "03-01 12:00:00"]
        assert dropped(decision) == [("00:01:00", "11:56:00", 716, "deadline")]
        assert all(occurrence.deadline_at > at("2026-03-01 12:00") for occurrence in decision.due)

    def test_a_weekend_down_is_one_dropped_run(self):
        decision = decide(entry(), "2026-02-28 00:00", "2026-03-02 00:00:00.5")

        assert due(decision) == ["03-02 00:00:00"]
        assert [d.count for d in decision.dropped] == [2 * 86_400 - 5, 4]

    def test_a_paused_entry_decides_time_all_the_same(self):
        decision = decide(entry(paused=True), "2026-03-01 12:00:00", "2026-03-01 13:00:00")

        assert decision.due == ()
        assert dropped(decision) == [("12:00:01", "13:00:00", 3600, "paused")]
        assert decision.next_at == at("2026-03-01 13:00:01")


class TestWindows:
    def test_the_bell_itself_is_owed_and_the_closing_bell_is_not(self):
        subject = entry(window=During("open"), sessions=NEW_YORK_TABLE, market="usa")

        opening = decide(subject, "2026-03-09 13:29:59.5", "2026-03-09 13:30:00")
        closing = decide(subject, "2026-03-09 19:59:59.5", "2026-03-09 20:00:00")

        assert due(opening) == ["03-09 13:30:00"]
        assert opening.due[0].market == "usa"
        assert opening.due[0].session_date == date(2026, 3, 9)
        assert closing.due == closing.dropped == ()
        assert closing.next_at == at("2026-03-10 13:30")

    def test_the_last_slot_may_not_run_past_the_end_of_its_window(self):
        subject = entry(window=During("open"), sessions=NEW_YORK_TABLE)

        last = decide(subject, "2026-11-27 17:59:58.5", "2026-11-27 17:59:59.2")
        late = decide(subject, "2026-11-27 17:59:58.5", "2026-11-27 18:00:00")

        assert last.due[0].deadline_at == at("2026-11-27 18:00")
        assert due(late) == []
        assert dropped(late) == [("17:59:59", "17:59:59", 1, "deadline")]

    def test_a_lunch_break_has_no_slots(self):
        subject = entry(Every(minutes=1), window=During("open"), sessions=TOKYO_TABLE)

        decision = decide(subject, "2026-11-05 02:29", "2026-11-05 03:30")

        assert due(decision) == ["11-05 03:30:00"]
        assert decision.dropped == ()

    def test_a_market_around_the_clock_does_not_close_between_its_sessions(self):
        subject = entry(window=During("open"), sessions=CRYPTO_TABLE)

        decision = decide(subject, "2026-03-01 23:59:58.5", "2026-03-01 23:59:59.999")
        hesitant = decide(subject, "2026-03-01 23:59:58.5", "2026-03-02 00:00:01.001")
        stalled = decide(subject, "2026-03-01 23:59:49.5", "2026-03-02 00:00:20")

        assert decision.due[0].deadline_at == at("2026-03-02 00:00:04")
        assert due(hesitant) == ["03-02 00:00:01"]
        assert dropped(hesitant) == [("23:59:59", "00:00:00", 2, "superseded")]
        assert due(stalled) == ["03-02 00:00:20"]
        assert [d.count for d in stalled.dropped] == [26, 4]

    def test_the_bell_that_was_decided_is_not_decided_again(self):
        subject = entry(window=During("open"), sessions=NEW_YORK_TABLE)

        decision = decide(subject, "2026-03-09 13:30:00", "2026-03-09 13:30:00.5")

        assert decision.due == decision.dropped == ()

    def test_an_evening_open_belongs_to_the_next_date(self):
        subject = entry(window=During("open"), sessions=GLOBEX_TABLE)

        assert next_at(subject, after=at("2026-03-06 23:00")) == at("2026-03-08 22:00")
        sunday = decide(subject, "2026-03-08 21:59:59.5", "2026-03-08 22:00:00")
        assert sunday.due[0].session_date == date(2026, 3, 9)

    def test_a_holiday_is_passed_over(self):
        subject = entry(window=During("open"), sessions=NEW_YORK_TABLE)

        assert next_at(subject, after=at("2026-11-25 21:00")) == at("2026-11-27 14:30")

    def test_an_entry_whose_times_never_meet_its_window_is_never_due(self):
        subject = entry(Cron("0", "3", zone="America/New_York"), window=During("open"), sessions=NEW_YORK_TABLE)

        assert next_at(subject, after=at("2026-01-05 00:00")) is None

    def test_a_market_without_sessions_is_closed(self):
        subject = entry(window=During("open"), sessions=Table([]))

        assert decide(subject, "2026-03-09 00:00", "2026-03-10 00:00") == Plan((), (), None)

    def test_a_year_of_seconds_in_sessions_is_counted_a_session_at_a_time(self):
        subject = entry(window=During("open"), sessions=NEW_YORK_TABLE)

        decision = decide(subject, "2026-01-01 00:00", "2027-01-01 00:00")

        trading_seconds = sum(
            int((s.close - s.open).total_seconds()) for s in NEW_YORK_TABLE.sessions if s.date.year == 2026
        )
        assert [d.count for d in decision.dropped] == [trading_seconds]


class TestOnceASession:
    subject = entry(OncePerSession(), window=Between("close-25m", "close"), sessions=NEW_YORK_TABLE)

    def test_it_is_due_at_the_first_instant_of_its_window_until_its_end(self):
        decision = decide(self.subject, "2026-11-27 17:34:59", "2026-11-27 17:35:00")

        assert due(decision) == ["11-27 17:35:00"]
        assert decision.due[0].deadline_at == at("2026-11-27 18:00")
        assert decision.next_at == at("2026-11-30 20:35")

    def test_late_but_inside_the_window_it_still_runs_under_its_own_time(self):
        decision = decide(self.subject, "2026-11-27 12:00", "2026-11-27 17:59:59.999")

        assert due(decision) == ["11-27 17:35:00"]

    def test_a_passed_window_is_a_missed_run(self):
        decision = decide(self.subject, "2026-11-24 00:00", "2026-11-27 18:00")

        assert due(decision) == []
        assert dropped(decision) == [("20:35:00", "17:35:00", 3, "deadline")]

    def test_enabled_inside_its_window_it_is_owed_at_once(self):
        subject = entry(
            OncePerSession(),
            window=Between("close-25m", "close"),
            sessions=NEW_YORK_TABLE,
            since=at("2026-11-27 17:40:00.25"),
        )

        decision = decide(subject, "2026-11-27 17:00", "2026-11-27 17:40:01")

        assert [o.nominal_at for o in decision.due] == [subject.since]
        assert decide(subject, "2026-11-27 17:40:01", "2026-11-27 17:40:02").due == ()

    def test_a_lunch_break_does_not_make_a_second_run(self):
        subject = entry(OncePerSession(), window=During("open"), sessions=TOKYO_TABLE)

        assert due(decide(subject, "2026-11-05 02:00", "2026-11-05 04:00")) == []
        assert next_at(subject, after=at("2026-11-05 02:00")) == at("2026-11-06 00:00")

    def test_missed_in_the_morning_it_runs_in_the_afternoon_but_not_over_lunch(self):
        subject = entry(OncePerSession(), window=During("open"), sessions=TOKYO_TABLE)

        afternoon = decide(subject, "2026-11-04 12:00", "2026-11-05 04:00")
        lunch = decide(subject, "2026-11-04 12:00", "2026-11-05 03:00")

        assert due(afternoon) == ["11-05 00:00:00"]
        assert afternoon.due[0].deadline_at == at("2026-11-05 06:30")
        assert dropped(lunch) == [("00:00:00", "00:00:00", 1, "deadline")]

    def test_without_a_window_it_has_the_whole_session(self):
        subject = entry(OncePerSession(), sessions=NEW_YORK_TABLE)

        assert next_at(subject, after=at("2026-03-06 22:00")) == at("2026-03-09 13:30")
        assert decide(entry(OncePerSession()), "2026-03-06", "2026-03-10") == Plan((), (), None)

    def test_a_window_before_the_open_is_minutes_long_and_no_longer(self):
        subject = entry(OncePerSession(), window=Between("open-60s", "open"), sessions=NEW_YORK_TABLE)

        assert due(decide(subject, "2026-03-09 13:00", "2026-03-09 13:29:59")) == ["03-09 13:29:00"]
        assert due(decide(subject, "2026-03-09 13:00", "2026-03-09 13:30:00")) == []


class TestOnce:
    def test_a_clocked_time_is_owed_once(self):
        subject = entry(Once(at("2026-03-01 12:00")))

        assert due(decide(subject, "2026-03-01 11:00", "2026-03-01 12:05")) == ["03-01 12:00:00"]
        assert decide(subject, "2026-03-01 12:05", "2026-03-01 12:06") == Plan((), (), None)

    @pytest.mark.parametrize(("seconds", "owed"), [(0, True), (60, True), (61, False)])
    def test_a_clocked_time_just_before_its_row_was_made_is_owed(self, seconds: int, owed: bool):
        clocked = at("2026-03-01 12:00")
        subject = entry(Once(clocked), since=clocked + timedelta(seconds=seconds))

        first = plan(subject, after=at("2026-03-01 00:00"), now=subject.since + timedelta(seconds=1))
        second = plan(subject, after=subject.since + timedelta(seconds=1), now=at("2026-03-01 13:00"))

        assert [o.nominal_at for o in first.due] == ([clocked] if owed else [])
        assert second.due == second.dropped == ()

    def test_it_is_due_when_its_row_was_made_and_not_before(self):
        subject = entry(Once(at("2026-03-01 12:00")), since=at("2026-03-01 12:00:30"))

        assert next_at(subject, after=at("2026-03-01 11:00")) == subject.since
        assert decide(subject, "2026-03-01 11:00", "2026-03-01 12:00:29").due == ()

    def test_a_clocked_time_that_nobody_decided_for_ten_minutes_is_missed(self):
        subject = entry(Once(at("2026-03-01 12:00")))

        assert dropped(decide(subject, "2026-03-01 11:00", "2026-03-01 12:10")) == [
            ("12:00:00", "12:00:00", 1, "deadline")
        ]


class TestBells:
    flush = entry(Every(seconds=60), window=During("open"), sessions=TOKYO_TABLE, also_at=BELLS | {"system_start"})

    def test_the_closing_bell_and_the_break_are_slots_of_their_own(self):
        times = [t.nominal_at for t in occurrences(self.flush, at("2026-11-05 02:28"), at("2026-11-05 06:31"))]

        assert [f"{t:%H:%M}" for t in times[:4]] == ["02:28", "02:29", "02:30", "03:30"]
        assert f"{times[-1]:%H:%M}" == "06:30"

    def test_a_bell_is_due_beside_the_slots_and_not_superseded(self):
        decision = decide(self.flush, "2026-11-05 06:28:30", "2026-11-05 06:31")

        assert due(decision) == ["11-05 06:30:00"]
        assert dropped(decision) == [("06:29:00", "06:29:00", 1, "deadline")]
        assert decision.due[0].deadline_at == at("2026-11-05 06:40")
        assert decision.due[0].session_date == date(2026, 11, 5)

    def test_a_bell_that_nobody_heard_in_time_is_missed(self):
        assert dropped(decide(self.flush, "2026-11-05 06:29:30", "2026-11-05 06:40")) == [
            ("06:30:00", "06:30:00", 1, "deadline")
        ]

    def test_enabled_at_the_bell_the_bell_is_past(self):
        late = replace(self.flush, since=at("2026-11-05 06:30"))

        assert decide(late, "2026-11-05 06:29:30", "2026-11-05 06:31") == Plan((), (), at("2026-11-06 00:00"))

    def test_a_bell_on_the_grid_is_one_slot(self):
        subject = entry(Every(seconds=60), sessions=TOKYO_TABLE, also_at=BELLS)

        assert due(decide(subject, "2026-11-05 06:29:30", "2026-11-05 06:30:00")) == ["11-05 06:30:00"]

    def test_the_next_time_is_the_bell_where_it_comes_first(self):
        assert next_at(self.flush, after=at("2026-11-05 06:29")) == at("2026-11-05 06:30")
        assert next_at(self.flush, after=at("2026-11-05 06:30")) == at("2026-11-06 00:00")

    def test_a_paused_bell_is_said_to_be_paused(self):
        subject = entry(Every(seconds=60), window=During("open"), sessions=TOKYO_TABLE, also_at=BELLS, paused=True)

        assert dropped(decide(subject, "2026-11-05 06:29:30", "2026-11-05 06:31")) == [
            ("06:30:00", "06:30:00", 1, "paused")
        ]


class TestReplay:
    def test_the_slots_between_two_ticks_are_one_run_that_says_how_many(self):
        subject = entry(window=During("open"), sessions=NEW_YORK_TABLE)

        decision = decide(subject, "2026-03-09 14:00:00", "2026-03-09 14:00:30", fold=True)

        assert due(decision) == ["03-09 14:00:30"]
        assert decision.due[0].folded == 29
        assert decision.due[0].folded_from == at("2026-03-09 14:00:01")
        assert decision.dropped == ()

    def test_a_tick_over_the_close_loses_nothing_and_leaves_the_run_its_time(self):
        subject = entry(window=During("open"), sessions=NEW_YORK_TABLE, also_at=frozenset({"session_end"}))

        decision = decide(subject, "2026-03-09 19:59:50", "2026-03-09 20:00:20", fold=True)

        assert due(decision) == ["03-09 19:59:59", "03-09 20:00:00"]
        assert [o.folded for o in decision.due] == [8, 0]
        assert all(o.deadline_at > at("2026-03-09 20:00:20") for o in decision.due)
        assert decision.dropped == ()

    def test_a_tick_over_a_whole_window_still_runs_what_is_once_a_session(self):
        subject = entry(OncePerSession(), window=Between("open-60s", "open"), sessions=NEW_YORK_TABLE)

        decision = decide(subject, "2026-03-09 13:28", "2026-03-09 13:31", fold=True)

        assert due(decision) == ["03-09 13:29:00"]

    def test_a_tick_over_a_lunch_break_is_still_one_run(self):
        subject = entry(window=During("open"), sessions=TOKYO_TABLE)

        decision = decide(subject, "2026-11-05 02:29:58.5", "2026-11-05 03:30:01", fold=True)

        assert due(decision) == ["11-05 03:30:01"]
        assert decision.due[0].folded == 2
        assert decision.due[0].folded_from == at("2026-11-05 02:29:59")

    def test_a_single_slot_is_not_folded(self):
        decision = decide(entry(), "2026-03-09 14:00:00", "2026-03-09 14:00:01", fold=True)

        assert decision.due[0].folded == 0
        assert decision.due[0].folded_from is None

    def test_a_pause_holds_in_a_replay(self):
        assert decide(entry(paused=True), "2026-03-09 14:00:00", "2026-03-09 14:00:30", fold=True).due == ()


def test_looking_ahead_stops_at_its_limit():
    listed = list(occurrences(entry(), at("2026-03-01"), at("2027-03-01"), limit=3))

    assert [f"{o.nominal_at:%H:%M:%S}" for o in listed] == ["00:00:00", "00:00:01", "00:00:02"]


def test_a_day_can_be_looked_at_before_it_happens():
    subject = entry(Every(minutes=30), window=During("open"), sessions=NEW_YORK_TABLE)

    times = [o.nominal_at for o in occurrences(subject, at("2026-11-27"), at("2026-11-28"))]

    assert [f"{t:%H:%M}" for t in times] == ["14:30", "15:00", "15:30", "16:00", "16:30", "17:00", "17:30"]


def test_an_entry_takes_the_hours_of_a_new_table():
    early = Table([Session(date(2026, 3, 2), at("2026-03-02 14:30"), at("2026-03-02 18:00"))])
    subject = entry(Every(hours=1), window=During("open"), sessions=NEW_YORK_TABLE)
    assert next_at(subject, after=at("2026-03-02 17:30")) == at("2026-03-02 18:00")

    moved = replace(subject, sessions=early)

    assert next_at(moved, after=at("2026-03-02 17:30")) is None


def test_an_instant_in_another_zone_is_the_same_instant():
    now = datetime(2026, 3, 1, 21, 0, tzinfo=TOKYO)

    decision = plan(entry(), after=now - timedelta(seconds=1), now=now)

    assert decision.due[0].nominal_at == at("2026-03-01 12:00")
