"""`manage.py check` on trading: what can be told without the broker, the database or writing anything.

What has to be asked for, at the broker or in the database, is asked by `manage.py check --deploy` alone, with every
check of `preflight`: nobody wants to wait for a broker before each command, and a model that cannot be read must not
keep away the command that trains another one.

Settings and scope need no check of their own: `thor.env` refuses what makes no sense before Django has started, and the
app refuses strategies that nobody knows, since Celery's processes start whatever system checks say.
"""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register
from django.db import DatabaseError

from thor.env import Env, env
from thor.trading.preflight import Check, run_checks, why_not_market, why_not_writable
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


@register
def check_strategies(**_: Any) -> Sequence[CheckMessage]:
    """Refuse strategies that cannot be loaded or built."""
    sentence = unusable_strategies()
    return [Error(sentence, id="trading.E003")] if sentence else []


@register(deploy=True)
def check_before_trading(**_: Any) -> Sequence[CheckMessage]:
    """Say what `preflight` says: broker, clock, strategies, model and all the rest."""
    return [_message(one) for one in run_checks() if not one.ok]


def _message(check: Check) -> CheckMessage:
    kind = Error if check.is_failure else Warning
    return kind(f"{check.name}: {check.sentence}", id=f"trading.preflight.{check.name}")


def unusable_strategies() -> str:
    """Return why the strategies cannot be asked; nothing where they can. None of them needs numpy to be built."""
    try:
        from thor.trading.strategies.container import STRATEGIES

        for build in STRATEGIES:
            build()
    except Exception as error:  # whatever a module does when it is loaded, or a strategy when it is built
        return f"the strategies cannot be built ({type(error).__name__}: {error}); install Thor anew."
    return ""


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
