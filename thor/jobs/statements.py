"""The statements of a worker in plain SQL: every run costs two of them, and the ORM takes longer than the database.

Each is one round trip, and its own transaction.
"""

from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection

#: Take the run, if all is well with it: token, worker, host name, uid.
TAKE = """
UPDATE jobs_run
   SET state = 'started', token = %s, worker = %s, hostname = %s, attempt = attempt + 1, started_at = {now}
 WHERE uid = %s AND state = 'due' AND deadline_at > {now} AND NOT {paused}
   AND (not_before IS NULL OR not_before <= {soon})
RETURNING name, attempt, time_limit, {lateness}, {window}
"""
#: Look why it could not be taken, or whether it was: token, uid.
LOOK = """
SELECT state, token = %s, deadline_at <= {now}, {paused}, name, attempt, time_limit, {lateness}, {window}
  FROM jobs_run WHERE uid = %s
"""
#: End the run that is ours with its result: result, uid, token.
SUCCEED = """
UPDATE jobs_run SET state = 'succeeded', result = %s, finished_at = {now}
 WHERE uid = %s AND token = %s AND state = 'started'
RETURNING 1
"""

#: By how many seconds a worker's clock may be fast when it begins the next attempt of a retry.
EARLY = 1
_PAUSED = "EXISTS (SELECT 1 FROM jobs_control c WHERE c.entry_id = jobs_run.entry AND c.paused)"
_WINDOW = """(SELECT e."window" FROM jobs_entry e WHERE e.id = jobs_run.entry)"""
_DIALECTS = {
    "postgresql": {
        "now": "statement_timestamp()",
        "soon": f"statement_timestamp() + interval '{EARLY} seconds'",
        "lateness": "(extract(epoch FROM started_at - due_at) * 1000)::float8",
    },
    "sqlite": {
        "now": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')",
        "soon": f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '+{EARLY} seconds')",
        "lateness": "(julianday(started_at) - julianday(due_at)) * 86400000.0",
    },
}


def row(statement: str, *parameters: Any) -> tuple[Any, ...] | None:
    """Run a statement; return the one row that it gives, if any."""
    with connection.cursor() as cursor:
        cursor.execute(_spelt(statement, connection.vendor), [_adapted(value) for value in parameters])
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found


@cache
def _spelt(statement: str, vendor: str) -> str:
    return statement.format(paused=_PAUSED, window=_WINDOW, **_DIALECTS[vendor])


def _adapted(value: Any) -> Any:
    return value.hex if isinstance(value, UUID) and not connection.features.has_native_uuid_field else value
