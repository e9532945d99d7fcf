"""`manage.py check` on trading: what can be told without the broker or writing anything.

Settings and scope need no check of their own: `thor.env` refuses what makes no sense before Django has started, and the
app refuses strategies that nobody knows, since Celery's processes start whatever system checks say.
"""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.db import DatabaseError

from thor.env import Env, env
from thor.trading.preflight import why_not_market, why_not_writable
from thor.trading.scope import scope


@register
def check_storage(**_: Any) -> Sequence[CheckMessage]:
    """Refuse a BASE_DIR in which nothing can be kept."""
    sentence = unusable_folder()
    return [Error(sentence, id="trading.E001")] if sentence else []


@register
def check_market(**_: Any) -> Sequence[CheckMessage]:
    """Refuse a THOR_TRADING_MARKET on which no window of trading can be found."""
    sentence = unusable_market()
    return [Error(sentence, id="trading.E002")] if sentence else []


def unusable_folder() -> str:
    """Return why nothing can be kept in BASE_DIR; nothing where it can."""
    return why_not_writable(scope().logs) or why_not_writable(scope().state)


def unusable_market() -> str:
    """Return why the market that was chosen cannot be; the one of the box is not looked up, for the sake of commands.

    A database that is away or has no tables yet says nothing: whoever needs it will say that.
    """
    if env().trading_market == Env.model_fields["trading_market"].default:
        return ""
    try:
        return why_not_market()
    except DatabaseError:
        return ""
