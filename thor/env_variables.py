"""Declare variables: a name in the environment, a default, a meaning and a range; and say these again for people.

Nothing here reads the environment: `thor.env` alone does.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field


def named(name: str, default: Any, description: str, **limits: Any) -> Any:
    """Declare a variable: its name in the environment, its default, what it is for and its range."""
    return Field(default, validation_alias=AliasChoices(name), description=description, **limits)


def lowered(value: Any) -> Any:
    """Return a word as it is compared; anything but text stays as it is."""
    return value.strip().lower() if isinstance(value, str) else value


def name_of(field: Any) -> str:
    """Return the variable's name in the environment."""
    return str(field.validation_alias.choices[0])


def default_of(field: Any) -> str:
    """Return the default as somebody would write it."""
    value = field.default
    return value.name if isinstance(value, Path) else text_of(value)


def text_of(value: Any) -> str:
    """Return a value as somebody would write it."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, tuple):
        return ",".join(text_of(one) for one in value)
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def range_of(field: Any) -> str:
    """Return which values are taken; nothing where the type says it all."""
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits = [
        f"{signs[name]} {getattr(part, name)}" for part in field.metadata for name in signs if hasattr(part, name)
    ]
    return ", ".join(limits)


def refusal(field: Any, given: Any, text: str, *, is_secret: bool = False) -> str:
    """Return the sentence that refuses a value: the variable, the value, what is wrong with it, what is taken."""
    written = ",".join(given) if isinstance(given, tuple) else given
    shown = name_of(field) if is_secret else f"{name_of(field)}={written!r}"
    allowed = f" (allowed: {range_of(field)})" if range_of(field) else ""
    return f"{shown} cannot be used: {text[0].lower()}{text[1:]}{allowed}."
