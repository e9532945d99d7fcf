"""Know the model that counts, if there is one that can be read."""

import logging
from collections.abc import Mapping
from typing import Any

from thor.trading.learning.model import Model, UnusableModel, read_model
from thor.trading.models import LearnedModel

logger = logging.getLogger("thor.trading")

#: The active model as it was read last, by its name, or why it could not be: what is stored under a name stays.
_read: dict[str, Model | str] = {}


def risk_score(features: Mapping[str, Any]) -> float | None:
    """Return the active model's probability of a bad trade; nothing where the rules are alone."""
    found = _active()
    return found.risk_score(features) if isinstance(found, Model) else None


def readable() -> str:
    """Return why the active model cannot be used; nothing where it can be, or where there is none."""
    found = _active()
    return found if isinstance(found, str) else ""


def active_name() -> str:
    """Return the name of the active model; nothing without one."""
    return LearnedModel.objects.filter(is_active=True).values_list("name", flat=True).first() or ""


def forget() -> None:
    """Read the model anew when it is asked next: for tests, which store another one under the same name."""
    _read.clear()


def _active() -> Model | str | None:
    name = active_name()
    if not name:
        return None
    if name not in _read:
        _read.clear()
        _read[name] = _reading(name)
    return _read[name]


def _reading(name: str) -> Model | str:
    try:
        return read_model(LearnedModel.objects.values_list("content", flat=True).get(name=name))
    except UnusableModel as error:
        reason = f"model {name} cannot be used, the rules go on alone: {error}"
    except LearnedModel.DoesNotExist:
        reason = f"model {name} was deleted while it was being read"
    logger.warning("thor.trading.model_unusable %s", reason)
    return reason
