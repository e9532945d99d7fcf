"""Read overrides from a versioned YAML file, for those who keep them under review rather than in the admin.

`THOR_MARKET_OVERRIDES` names the file. Its time stamp is looked at each time markets are read; new content is taken
over when all of it can be read, and otherwise the last good content stays in force and an alarm is raised once. A copy
of that content is kept for processes that start meanwhile.

    version: 1
    overrides:
      - market: usa
        date: 2026-12-24
        close: 13:00
        reason: half day, announced on 2026-12-01

YAML would read 13:00 as the number 780: every value is taken as the text that was written, and understood here.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, time
from pathlib import Path
from typing import Any, Final

from thor.env import BASE_DIR, env
from thor.errors import ThorError
from thor.markets.override_copy import keep, kept
from thor.markets.overrides import DayOverride, fault

#: A node of PyYAML, which is imported only where there is a file.
Node = Any

log = logging.getLogger(__name__)

VERSION: Final = "1"
FIELDS: Final = ("market", "date", "closed", "open", "close", "reason")
WORDS: Final = {"true": True, "yes": True, "false": False, "no": False}
EXAMPLE: Final = "{market: usa, date: 2026-12-24, close: 13:00, reason: half day}"
#: A file of overrides is a page or two; what is larger is another file.
LARGEST: Final = 1_000_000


class BadOverrides(ThorError):
    """The file of overrides cannot be used."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the file: the market that it names, what it says of it, and the line where it begins."""

    market: str
    said: DayOverride
    line: int

    @property
    def date(self) -> date:
        """Return the date that it is about."""
        return self.said.date

    def override(self, zone: str) -> DayOverride:
        """Return what it says, in the zone of its market."""
        return replace(self.said, zone=zone)


Entries = Mapping[str, tuple[Entry, ...]]


def place() -> Path | None:
    """Return where the file is, relative to the project's root; None where none is configured."""
    name = env().market_overrides
    return BASE_DIR / Path(name).expanduser() if name else None


def current() -> Entries:
    """Return the entries of each market, as last read without a fault; none where no file is configured."""
    path = place()
    if path is None:
        return {}
    stamp = _stamp(path)
    if _held.stamp != (path, stamp):
        _held.stamp = (path, stamp)
        _take_over(path)
    return _held.entries or {}


def read(path: Path) -> Entries:
    """Return the entries of a file by market; raise `BadOverrides`, which names the line and what to change."""
    return _understood(path, _text(path))


def _understood(path: Path, text: str) -> Entries:
    found: dict[tuple[str, date], Entry] = {}
    for entry in _entries(path, text):
        first = found.setdefault((entry.market, entry.date), entry)
        if first is not entry:
            what = f"{entry.market} on {entry.date} is already in line {first.line}: leave one of the two"
            raise BadOverrides(f"{path.name}, line {entry.line}: {what}.")
    by_market: dict[str, tuple[Entry, ...]] = {}
    for entry in found.values():
        by_market[entry.market] = (*by_market.get(entry.market, ()), entry)
    return by_market


@dataclass(slots=True)
class _Held:
    """What this process holds of the file: the last good entries, and the stamp that was looked at last."""

    stamp: Any = None
    entries: Entries | None = None


_held = _Held()


def _take_over(path: Path) -> None:
    try:
        text = _text(path)
        _held.entries = _understood(path, text)
    except BadOverrides as error:
        log.error("thor.market.overrides_refused: %s %s", error, _stay_in_force(path))
        return
    keep(path, text)


def _stay_in_force(path: Path) -> str:
    """See to it that the last good content is in force, this process's own or else the copy, and say what is."""
    if _held.entries is None:
        return _start_from_copy(path)
    return "the last good content stays in force"


def _start_from_copy(path: Path) -> str:
    _held.entries, found = {}, kept(path)
    if found is None:
        return "none of it is in force"
    text, since = found
    try:
        _held.entries = _understood(path, text)
    except BadOverrides:
        return "none of it is in force: the copy of its last good content cannot be read either"
    return f"the last good content, which came at {since:%F %T} UTC, is in force"


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise BadOverrides(f"{path} is larger than a megabyte: THOR_MARKET_OVERRIDES has to name a YAML file.")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadOverrides(f"{path} cannot be read ({reason}): correct THOR_MARKET_OVERRIDES or the file.") from error
    except UnicodeDecodeError as error:
        raise BadOverrides(f"{path} is not UTF-8 text: THOR_MARKET_OVERRIDES has to name a YAML file.") from error


def _entries(path: Path, text: str) -> Iterator[Entry]:
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
        yield from _listed(root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadOverrides(f"{path.name}, line {line}: this is no YAML ({error.problem}).") from error
    except yaml.YAMLError as error:
        raise BadOverrides(f"{path.name} is no YAML text: {str(error).splitlines()[0]}.") from error
    except RecursionError as error:
        raise BadOverrides(f"{path.name} is nested too deeply: write one list of overrides.") from error
    except _Fault as wrong:
        raise BadOverrides(f"{path.name}, line {wrong.line}: {wrong}") from wrong


class _Fault(ThorError):
    """What is wrong, and in which line; the name of the file comes on top."""

    def __init__(self, node: Node, message: str) -> None:
        super().__init__(message)
        self.line = node.start_mark.line + 1 if node else 1


def _listed(root: Node) -> Iterator[Entry]:
    top = _fields(root, ("version", "overrides"), "the file")
    version = top.get("version")
    if version is None or version.value != VERSION:
        raise _Fault(version or root, f"the file has to begin with version: {VERSION}.")
    rows = top.get("overrides")
    if rows is None or (rows.id == "scalar" and rows.value in ("", "null", "~")):
        return
    if rows.id != "sequence":
        raise _Fault(rows, f"overrides has to be a list, for example - {EXAMPLE}")
    for row in rows.value:
        yield _entry(row)


def _entry(node: Node) -> Entry:
    values = _fields(node, FIELDS, "an override")
    for name in ("market", "date", "reason"):
        if name not in values:
            raise _Fault(node, f"the override has no {name}; write for example - {EXAMPLE}")
    said = DayOverride(
        date=_date(values["date"]),
        closed=_flag(values.get("closed")),
        open=_time("open", values.get("open")),
        close=_time("close", values.get("close")),
        reason=_scalar(values["reason"], "reason"),
        source=f"file, line {node.start_mark.line + 1}",
    )
    wrong = fault(said)
    if wrong:
        raise _Fault(values.get(wrong[0], node), wrong[1])
    return Entry(_scalar(values["market"], "market"), said, node.start_mark.line + 1)


def _fields(node: Node, known: tuple[str, ...], what: str) -> dict[str, Node]:
    if node is None or node.id != "mapping":
        wanted = "version: 1 and a list of overrides" if "version" in known else f"- {EXAMPLE}"
        raise _Fault(node, f"{what} has to be written as {wanted}")
    found: dict[str, Node] = {}
    for key, value in node.value:
        name = str(key.value)
        if name not in known:
            raise _Fault(key, f"{name!r} is not a field of {what}; there are {', '.join(known)}.")
        if name in found:
            raise _Fault(key, f"{name} is given twice: leave one of the two.")
        found[name] = value
    return found


def _scalar(node: Node, name: str) -> str:
    if node.id != "scalar":
        raise _Fault(node, f"{name} has to be one word or line of text, not a list.")
    return str(node.value).strip()


def _date(node: Node) -> date:
    text = _scalar(node, "date")
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _Fault(node, f"date {text!r} is no date: write YYYY-MM-DD, for example 2026-12-24.")


def _time(name: str, node: Node) -> time | None:
    if node is None:
        return None
    text = _scalar(node, name)
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", text)
    if found and int(found[1]) < 24 and int(found[2]) < 60:
        return time(int(found[1]), int(found[2]))
    raise _Fault(node, f"{name} {text!r} is no time of day: write HH:MM, for example 13:00.")


def _flag(node: Node) -> bool:
    if node is None:
        return False
    text = _scalar(node, "closed")
    if text.lower() not in WORDS:
        raise _Fault(node, f"closed {text!r} is neither true nor false.")
    return WORDS[text.lower()]
