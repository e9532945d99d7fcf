"""Answer whether this web process can work: the checks that a container or a load balancer asks for."""

import logging
from collections.abc import Callable

import redis
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from thor.connections import redis_client
from thor.errors import ThorError

log = logging.getLogger(__name__)

OK = "ok"
_agreed: list[bool] = []


class SchemaBehind(ThorError):
    """The database lacks migrations of this code."""


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when everything that a page needs answers, else 503; each check says "ok" or its reason."""
    found = {name: _verdict(name, check) for name, check in CHECKS.items()}
    return JsonResponse(found, status=200 if all(said == OK for said in found.values()) else 503)


def ask_database() -> None:
    """Send the database the smallest statement there is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


def ask_redis() -> None:
    """Send Redis a ping."""
    redis_client().ping()


def ask_schema() -> None:
    """Compare the database with the migrations of this code until they agree once; a process keeps its code."""
    if not _agreed:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            raise SchemaBehind(f"{len(missing)} migrations are not applied; run manage.py migrate.")
        _agreed.append(True)


CHECKS: dict[str, Callable[[], None]] = {"database": ask_database, "schema": ask_schema, "redis": ask_redis}


def _verdict(name: str, check: Callable[[], None]) -> str:
    """Return "ok" or why not; of a foreign error the kind alone, since its text can hold an address or a user."""
    try:
        check()
    except SchemaBehind as error:
        return str(error)
    except (DatabaseError, redis.RedisError, ThorError, OSError) as error:
        log.warning("thor.health.failed check=%s error=%s", name, error)
        return f"does not answer ({type(error).__name__})"
    return OK
