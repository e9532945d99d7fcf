"""Turn an event of the journal into a line of `trades.jsonl`, and know a line again."""

import json
from datetime import datetime
from typing import Any, Final

from thor.trading.models import Event
from thor.trading.records.printing import printed

#: JSON lets these stand in a string, and many programs take them for the end of a line.
ENDS_OF_LINES: Final = {"\u0085": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def line_of(event: Event) -> str:
    """Return the line: number, at, event, symbol, run, then the event's own fields by name.

    A field that has one of these five names gets an underscore behind it.
    """
    fixed = {
        "number": event.number,
        "at": printed(event.at),
        "event": event.kind,
        "symbol": event.symbol,
        "run": str(event.run) if event.run else None,
    }
    own = {f"{name}_" if name in fixed else name: event.fields[name] for name in sorted(event.fields)}
    return json_of({**fixed, **own}) + "\n"


def json_of(value: dict[str, Any], *, by_name: bool = False) -> str:
    """Return the JSON, in one line whatever a text in it says; `by_name` orders it, as databases keep no order."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=by_name)
    for sign, escaped in ENDS_OF_LINES.items():
        text = text.replace(sign, escaped)
    return text


def said_by(line: bytes) -> dict[str, Any] | None:
    """Return what a line says, or None where it is no line of a journal."""
    try:
        said = json.loads(line)
        said["at"] = datetime.fromisoformat(said["at"])
        is_numbered = type(said["number"]) is int
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return said if is_numbered else None


def is_about(said: dict[str, Any], event: Event) -> bool:
    """Tell whether a line was made from this event, in whatever zone it was printed."""
    run = str(event.run) if event.run else None
    wanted = {"number": event.number, "at": event.at, "event": event.kind, "symbol": event.symbol, "run": run}
    return all(said.get(name) == value for name, value in wanted.items())
