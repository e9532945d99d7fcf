"""Notice that trading days or splits have changed, so that what was computed from them is computed again.

Whoever changes them stores a new token once the change is committed; whoever keeps windows of days compares tokens.
Rows that are edited in the admin do so by themselves. Where Redis has lost the token, everything is computed once more.
"""

import secrets
from typing import Any, cast

from django.db import transaction
from django.db.models.signals import post_delete, post_save

from thor.connections import redis_client
from thor.marketdata import keys


def current() -> str:
    """Return the token of the days and splits as they are."""
    return (cast("bytes | None", redis_client().get(keys.DAILY_VERSION)) or b"").decode()


def change() -> None:
    """Say that days or splits have changed; call it after the commit."""
    redis_client().set(keys.DAILY_VERSION, secrets.token_hex(8))


def watch_edits() -> None:
    """Notice rows that are saved or deleted one by one."""
    from thor.marketdata.models import DailyBar, Split

    for model in (DailyBar, Split):
        for signal in (post_save, post_delete):
            signal.connect(_edited, sender=model, dispatch_uid=f"thor.marketdata.daily.{model.__name__}.{id(signal)}")


def _edited(**_: Any) -> None:
    transaction.on_commit(change, robust=True)
