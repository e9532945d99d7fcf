from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.timing.worlds import (
    CRYPTO_TABLE,
    GLOBEX_TABLE,
    NEW_YORK_TABLE,
    TOKYO_TABLE,
    Table,
    at,
    utc,
    utc_moments,
)
from thor.timing import Always, BadWindow, Between, During, Session, Window, WindowSpan, parse_window
from thor.timing.spans import SpanIndex, span_index

TABLES = [NEW_YORK_TABLE, TOKYO_TABLE, GLOBEX_TABLE, CRYPTO_TABLE]
WINDOWS: list[Window] = [
    During("open"),
    During("pre_open", "open"),
    During("break"),
    During("post_close"),
    Between("open+5m", "open+30m"),
    Between("close-25m", "close"),
    Between("open-60s", "open"),
    Between("close+10m", "next open"),
    Between("open", "next open"),
    Between("open-2h", "next open"),
    Between("next open-1h", "next open+90h"),
    Between("close+30h", "close+40h"),
]
instants = utc_moments(utc(2026, 2, 1), utc(2026, 12, 20))


def shown(spans: list[WindowSpan]) -> list[str]:
    return [f"{span.start:%m-%d %H:%M} {span.end:%m-%d %H:%M}" for span in spans]


def test_open_covers_the_last_call_but_not_the_break():
    spans = During("open").spans(TOKYO_TABLE, at("2026-11-05 00:00"), at("2026-11-05 10:00"))

    assert shown(spans) == ["11-05 00:00 11-05 02:30", "11-05 03:30 11-05 06:30"]


def test_phases_that_touch_are_one_span():
    spans = During("open", "break", "pre_open").spans(TOKYO_TABLE, at("2026-11-05 00:00"), at("2026-11-05 10:00"))

    assert shown(spans) == ["11-04 23:00 11-05 06:30"]


def test_a_half_day_moves_the_window_before_the_close():
    spans = Between("close-25m", "close").spans(NEW_YORK_TABLE, at("2026-11-25 00:00"), at("2026-11-28 00:00"))

    assert shown(spans) == ["11-25 20:35 11-25 21:00", "11-27 17:35 11-27 18:00"]


def test_a_window_until_the_next_open_lasts_over_the_weekend_and_the_change_of_the_clocks():
    spans = Between("close+10m", "next open").spans(NEW_YORK_TABLE, at("2026-03-07 00:00"), at("2026-03-08 00:00"))

    assert shown(spans) == ["03-06 21:10 03-09 13:30"]
    assert spans[0].session_date == date(2026, 3, 6)


def test_a_session_too_short_for_its_window_has_none():
    short = Table([Session(date(2026, 3, 2), at("2026-03-02 10:00"), at("2026-03-02 10:20"))])

    assert Between("open+15m", "close-10m").spans(short, at("2026-03-01"), at("2026-03-03")) == []


def test_a_window_whose_end_is_not_known_yet_stays_closed():
    last = Table([Session(date(2026, 3, 2), at("2026-03-02 10:00"), at("2026-03-02 18:00"))])

    assert Between("close", "next open").spans(last, at("2026-03-02"), at("2026-03-05")) == []


def test_where_two_sessions_claim_an_instant_the_later_one_has_it():
    spans = Between("open-2h", "next open").spans(CRYPTO_TABLE, at("2026-03-02 12:00"), at("2026-03-03 12:00"))

    assert shown(spans) == ["03-01 22:00 03-02 22:00", "03-02 22:00 03-03 22:00"]


def test_the_post_close_of_a_market_is_its_own():
    table = Table(NEW_YORK_TABLE.sessions)
    table.post_close = timedelta(hours=6)  # type: ignore[attr-defined]

    spans = During("post_close").spans(table, at("2026-03-02 22:00"), at("2026-03-02 22:00"))

    assert shown(spans) == ["03-02 21:00 03-03 03:00"]


def test_without_sessions_only_always_is_open():
    assert During("open").spans(None, at("2026-03-01"), at("2026-03-03")) == []
    assert Between("open", "close").spans(None, at("2026-03-01"), at("2026-03-03")) == []
    assert len(Always().spans(None, at("2026-03-01"), at("2026-03-03"))) == 1


@given(st.sampled_from(WINDOWS), st.sampled_from(TABLES), instants, st.timedeltas(timedelta(0), timedelta(days=9)))
def test_spans_are_whole_ordered_disjoint_and_none_is_missing(window, table, start, length):
    end = start + length

    spans = window.spans(table, start, end)
    wider = window.spans(table, start - timedelta(days=20), end + timedelta(days=20))

    assert spans == [span for span in wider if span.end > start and span.start <= end]
    assert all(span.start < span.end for span in wider)
    assert all(a.end <= b.start for a, b in pairwise(wider))


@given(st.sampled_from(WINDOWS), st.sampled_from(TABLES), instants, st.timedeltas(timedelta(0), timedelta(days=99)))
def test_the_index_answers_what_the_window_would(window, table, start, length):
    index, end = span_index(window, table), start + length

    told = [(span.start, span.end) for span in index.touching(start, end)]
    ahead = index.ending_after(start)

    asked = [(span.start, span.end) for span in window.spans(table, start, end + timedelta(days=400))]
    assert told == [(opens, closes) for opens, closes in asked if opens <= end]
    assert ([(ahead.start, ahead.end)] if ahead else []) == asked[:1]


def test_a_table_that_changes_in_place_says_so_by_its_version():
    table = Table(NEW_YORK_TABLE.sessions[:200])
    table.version = 1  # type: ignore[attr-defined]
    index = SpanIndex(Between("open", "close"), table)
    assert index.ending_after(at("2026-03-02 15:00")).end == at("2026-03-02 21:00")

    half_day = Session(date(2026, 3, 2), at("2026-03-02 14:30"), at("2026-03-02 18:00"))
    table.sessions = [half_day if s.date == half_day.date else s for s in table.sessions]
    table.version = 2  # type: ignore[attr-defined]

    assert index.ending_after(at("2026-03-02 15:00")).end == at("2026-03-02 18:00")


@pytest.mark.parametrize("window", [Always(), *WINDOWS])
def test_what_a_window_says_can_be_read_back(window: Window):
    assert parse_window(window.text()) == window


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("Always", Always()),
        ("always()", Always()),
        ("DURING open", During("open")),
        ("During('pre_open', 'open')", During("pre_open", "open")),
        ("during open, pre_close", During("open")),
        ("Between(open+5m, open+30m)", Between("open+5m", "open+30m")),
        ('Between("close+10m", "next open")', Between("close+10m", "next open")),
        ("between  close - 25m  and  close", Between("close-25m", "close")),
        ("between open+90s and close", Between("open+90s", "close")),
    ],
)
def test_a_window_is_read_as_people_write_it(text: str, window: Window):
    assert parse_window(text) == window


@pytest.mark.parametrize(
    "text",
    [
        *("", "sometimes", "during", "during lunch", "during closed", "between open", "between open and"),
        *("always open", "between noon and close", "between open+5 and close", "open"),
        "between open and close and open",
    ],
)
def test_nonsense_is_refused_with_what_is_allowed(text: str):
    with pytest.raises(BadWindow, match=r"open") as refusal:
        parse_window(text)

    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    ("start", "end", "possible"),
    [
        ("open+5m", "open+30m", True),
        ("open+30m", "open+5m", False),
        ("open", "open", False),
        ("close-25m", "close", True),
        ("close", "open+5m", False),
        ("close-25m", "open", False),
        ("open+6h", "close-1h", True),
        ("open+200h", "close", False),
        ("close+10m", "next open", True),
        ("open", "next open", True),
        ("next open", "close", False),
        ("next open-60s", "next open", True),
    ],
)
def test_a_window_that_can_never_open_is_known_beforehand(start: str, end: str, possible: bool):
    assert Between(start, end).can_open() is possible
