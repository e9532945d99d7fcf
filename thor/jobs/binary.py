"""Talk to PostgreSQL in its binary format, past the ORM: for the few statements that carry thousands of rows.

Django's own cursors put parameters into the text of a statement, which costs more than the statement itself once there
are a thousand rows in it. These share Django's connection, so time-outs, adapters and transactions are the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import connection

#: Rows that one fetch of a stream brings.
CHUNK = 2000


def execute(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Carry out a statement whose parameters are written `%(name)b`, and return its rows; it stays prepared."""
    import psycopg  # here: a process on SQLite needs no driver, and each command would begin a tenth later for it

    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement.encode(), parameters, prepare=True, binary=True)
        return cursor.fetchall() if cursor.description else []


def stream(query: str, parameters: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query as PostgreSQL sends them; memory holds a chunk at a time."""
    import psycopg  # as above

    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        psycopg.ServerCursor(connection.connection, "thor_stream", withhold=True) as cursor,
    ):
        cursor.itersize = CHUNK
        cursor.execute(query.encode(), parameters, binary=True)
        yield from cursor
