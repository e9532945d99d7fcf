"""The file of overrides: what it says holds, nonsense is refused in one sentence, and the last good content stays."""

import os
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from thor.env import env
from thor.markets import override_copy, override_file, registry
from thor.markets.models import Market, Override
from thor.markets.override_file import BadOverrides, read
from thor.markets.selectors import coming_overrides, is_open
from thor.markets.sessions import sessions_of

FRIDAY = date(2026, 11, 20)
GOOD = """\
version: 1
overrides:
  - market: usa
    date: 2026-11-20
    close: 13:00
    reason: storm
  - {market: japan, date: 2026-11-24, closed: true, reason: mourning}
  - {market: globex, date: 2026-11-25, open: 09:30, reason: "outage: late"}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a good file that this process is configured with, and let every question look again."""
    path = tmp_path / "overrides.yaml"
    path.write_text(GOOD)
    monkeypatch.setattr(env(), "market_overrides", str(path))
    monkeypatch.setattr(override_file, "_held", override_file._Held())
    monkeypatch.setattr(registry, "FRESH", 0.0)
    return path


def rewrite(path: Path, text: str) -> None:
    """Replace the content, with a time stamp of its own however coarse the clock of the file system is."""
    later = path.stat().st_mtime_ns + 1_000_000_000
    path.write_text(text)
    os.utime(path, ns=(later, later))


def entry(**values: str) -> str:
    fields = {"market": "usa", "date": "2026-11-20", "closed": "true", "reason": "storm", **values}
    inner = ", ".join(f"{name}: {value}" for name, value in fields.items() if value)
    return f"version: 1\noverrides:\n  - {{{inner}}}\n"


def test_a_good_file_is_read_with_times_as_they_were_written(file):
    found = read(file)

    assert {key: [one.line for one in said] for key, said in found.items()} == {"usa": [3], "japan": [7], "globex": [8]}
    assert found["usa"][0].said.close == time(13)
    assert found["globex"][0].said.open == time(9, 30)
    assert found["japan"][0].said.closed


@pytest.mark.parametrize("text", ["version: 1\n", "version: 1\noverrides:\n", "version: 1\noverrides: []\n"])
def test_a_file_without_overrides_is_good(file, text):
    file.write_text(text)

    assert read(file) == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1: the file has to be written as version: 1"),
        ("just words", "line 1: the file has to be written as version: 1"),
        ("- 1\n- 2\n", "line 1: the file has to be written as version: 1"),
        ("overrides: []\n", "line 1: the file has to begin with version: 1"),
        ("version: 2\noverrides: []\n", "line 1: the file has to begin with version: 1"),
        ("version: 1\noverrides: soon\n", "line 2: overrides has to be a list"),
        ("version: 1\noverrides:\n  - usa\n", "line 3: an override has to be written as"),
        ("version: 1\nmarkets: []\n", "line 2: 'markets' is not a field of the file"),
        ("version: 1\noverrides: [\n", "this is no YAML"),
        ("version: 1\n\tx: 1\n", "line 2: this is no YAML"),
        ("version: 1\nversion: 1\n", "line 2: version is given twice"),
        ("version: *one\n", "line 1: this is no YAML"),
        ("--- 1\n--- 2\n", "this is no YAML"),
        ("\x00\x01", "is no YAML text"),
        ("[" * 5000, "nested too deeply"),
        (entry(date="2026-02-30"), "line 3: date '2026-02-30' is no date: write YYYY-MM-DD"),
        (entry(date="tomorrow"), "line 3: date 'tomorrow' is no date"),
        (entry(date="[2026]"), "line 3: date has to be one word"),
        (entry(date="2150-01-01"), "line 3: 2150-01-01 is out of range"),
        (entry(closed="", close="25:00"), "line 3: close '25:00' is no time of day: write HH:MM"),
        (entry(closed="", close="13:00:30"), "line 3: close '13:00:30' is no time of day"),
        (entry(closed="", open="1300"), "line 3: open '1300' is no time of day"),
        (entry(closed="maybe"), "line 3: closed 'maybe' is neither true nor false"),
        (entry(closed=""), "line 3: Say that the date is closed, or give another open or close"),
        (entry(close="13:00"), "line 3: A date that is closed has no hours"),
        (entry(reason=""), "line 3: the override has no reason"),
        (entry(reason="''"), "line 3: Give the reason"),
        (entry(reason="x" * 201), "line 3: Cut the reason to 200 characters"),
        (entry(market=""), "line 3: the override has no market"),
        (entry(until="2027"), "line 3: 'until' is not a field of an override"),
        (
            entry() + "  - {market: usa, date: 2026-11-20, closed: true, reason: x}\n",
            "line 4: usa on 2026-11-20 is already",
        ),
    ],
)
def test_nonsense_is_refused_with_its_line_and_what_to_write(file, text, sentence):
    file.write_text(text)

    with pytest.raises(BadOverrides) as refused:
        read(file)

    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path):
    (tmp_path / "noise").write_bytes(b"\xff\xfe\x80")
    (tmp_path / "large").write_bytes(b" " * 1_000_001)

    for name, sentence in (("gone", "no such file"), ("noise", "not UTF-8"), ("large", "megabyte"), (".", "directory")):
        with pytest.raises(BadOverrides, match=sentence):
            read(tmp_path / name)


@pytest.mark.django_db
def test_the_file_moves_its_markets_and_those_derived(file):
    usa, japan = sessions_of("usa").on(FRIDAY), sessions_of("japan").on(date(2026, 11, 24))

    assert usa.close == datetime(2026, 11, 20, 18, tzinfo=UTC)
    assert japan is None
    assert sessions_of("us_equities").on(FRIDAY).close == datetime(2026, 11, 20, 22, tzinfo=UTC)
    assert [one.said.source for one in coming_overrides(datetime(2026, 11, 20, 17, tzinfo=UTC))][:1] == ["file, line 3"]


@pytest.mark.django_db
def test_a_row_wins_over_the_file_for_the_same_market_and_date(file):
    market = Market.objects.get(key="usa")

    Override.objects.create(market=market, date=FRIDAY, close=time(14), reason="less of a storm")

    assert sessions_of("usa").on(FRIDAY).close == datetime(2026, 11, 20, 19, tzinfo=UTC)


@pytest.mark.django_db
def test_a_file_that_changes_is_taken_over_and_one_that_goes_bad_is_not(file, caplog):
    two = datetime(2026, 11, 20, 19, tzinfo=UTC)
    assert not is_open("usa", two)

    rewrite(file, GOOD.replace("13:00", "15:00"))
    assert is_open("usa", two)

    rewrite(file, GOOD.replace("13:00", "early"))
    kept = sessions_of("usa")
    assert [is_open("usa", two) for _ in range(3)] == [True] * 3
    file.unlink()
    assert sessions_of("usa") is kept
    alarms = [one.message for one in caplog.records if "thor.market.overrides_refused" in one.message]
    assert ["line 5: close 'early' is no time" in alarms[0], "cannot be read" in alarms[1], len(alarms)] == [
        True,
        True,
        2,
    ]

    file.write_text(GOOD)
    assert not is_open("usa", two)


def start_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what this process read, as one that starts now."""
    monkeypatch.setattr(override_file, "_held", override_file._Held())
    registry.forget()


@pytest.mark.django_db
def test_a_process_that_starts_while_the_file_is_bad_or_gone_has_the_last_good_content(file, monkeypatch, caplog):
    six = datetime(2026, 11, 20, 18, tzinfo=UTC)
    assert sessions_of("usa").on(FRIDAY).close == six

    rewrite(file, "half a fi")
    start_again(monkeypatch)
    assert sessions_of("usa").on(FRIDAY).close == six
    assert "line 1: the file has to be written as version: 1" in caplog.text
    assert f"the last good content, which came at {override_copy.kept(file)[1]:%F %T} UTC, is in force" in caplog.text

    file.unlink()
    start_again(monkeypatch)
    assert sessions_of("usa").on(FRIDAY).close == six
    monkeypatch.setattr(env(), "market_overrides", str(file.with_name("another.yaml")))
    start_again(monkeypatch)
    assert sessions_of("usa").on(FRIDAY).close > six
    assert caplog.records[-1].message.endswith("none of it is in force")


@pytest.mark.django_db
def test_the_copy_is_written_when_the_content_changes_and_kept_as_it_is_otherwise(file, monkeypatch, tmp_path, caplog):
    sessions_of("usa")
    copy = override_copy._copy_of(file)
    os.utime(copy, (1_700_000_000,) * 2)

    start_again(monkeypatch)
    sessions_of("usa")
    assert copy.stat().st_mtime == 1_700_000_000
    rewrite(file, "version: 1\n")
    sessions_of("usa")
    assert (copy.read_text(), copy.stat().st_mtime > 1_700_000_000) == ("version: 1\n", True)

    copy.write_text("damaged")
    rewrite(file, "half a fi")
    start_again(monkeypatch)
    assert registry.reading().overrides == {}
    assert caplog.records[-1].message.endswith("the copy of its last good content cannot be read either")


@pytest.mark.django_db
def test_a_folder_that_cannot_be_written_keeps_no_copy_and_the_file_holds(file, monkeypatch, tmp_path, caplog):
    (tmp_path / "in the way").write_text("")
    monkeypatch.setattr(override_copy, "_copy_of", lambda path: tmp_path / "in the way" / "copy.yaml")

    assert sessions_of("usa").on(FRIDAY).close == datetime(2026, 11, 20, 18, tzinfo=UTC)
    assert "thor.market.overrides_not_kept" in caplog.text


@pytest.mark.django_db
def test_a_market_that_does_not_exist_is_told_once_and_the_others_hold(file, caplog):
    rewrite(file, GOOD.replace("japan", "moon"))

    assert sessions_of("usa").on(FRIDAY).close == datetime(2026, 11, 20, 18, tzinfo=UTC)
    assert sessions_of("usa")
    assert caplog.text.count("thor.market.override_unknown: the file names moon") == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (entry(date="2026-02-30"), "overrides.yaml, line 3: date '2026-02-30' is no date"),
        (entry(market="moon"), "overrides.yaml, line 3: 'moon' is no market; there are japan,"),
        (entry(closed="", close="09:00"), "line 3: On 2026-11-20 the close would not come after the open"),
        (entry(closed="", close="13:00", date="2026-11-21"), "line 3: 2026-11-21 has no session by the calendar"),
    ],
)
def test_a_bad_file_is_refused_at_start(file, text, sentence):
    file.write_text(text)

    with pytest.raises(SystemCheckError) as refused:
        call_command("check")

    assert sentence in str(refused.value)


@pytest.mark.django_db
def test_a_good_file_and_no_file_are_accepted_at_start(file, monkeypatch):
    call_command("check")
    monkeypatch.setattr(env(), "market_overrides", "")

    call_command("check")
    assert registry.reading().overrides == {}
