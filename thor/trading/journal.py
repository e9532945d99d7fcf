"""Write down what happened: once, in order, for ever."""

import logging
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Max

from thor.trading.models import Event, Happening

logger = logging.getLogger("thor.trading")

#: What a person should look at.
LOUD: Final = frozenset(
    {Happening.ALERT, Happening.ERROR, Happening.UNKNOWN, Happening.REJECTED, Happening.PROTECTION, Happening.SWITCH}
)


def record(
    kind: Happening, *, at: datetime, key: str, symbol: str = "", run: UUID | None = None, **fields: Any
) -> Event:
    """Write an event while the desk is held; what was said before under this key is not said again.

    Decimals are kept as text, so that a journal read back says what was written.
    """
    known = Event.objects.filter(key=key).first()
    if known is not None:
        return known
    last = Event.objects.aggregate(last=Max("number"))["last"] or 0
    plain = {name: _plain(value) for name, value in fields.items()}
    event = Event.objects.create(number=last + 1, key=key, at=at, kind=kind, symbol=symbol, run=run, fields=plain)
    words = " ".join(f"{name}={value}" for name, value in plain.items())
    logger.log(logging.WARNING if kind in LOUD else logging.INFO, "thor.trading.%s %s %s", kind.value, symbol, words)
    return event


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
