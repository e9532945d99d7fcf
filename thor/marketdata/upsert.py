"""Insert many rows in one statement, and update those that exist, under a condition of the database's own.

Django's `bulk_create(update_conflicts=True)` cannot say *when* an existing row may be overwritten; here a WHERE does,
so that an older version of a row never replaces a newer one, whatever the order in which two processes commit.
Works on PostgreSQL and SQLite, whose `INSERT ... ON CONFLICT DO UPDATE ... WHERE` agree.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connections, models, router


def upsert(
    model: type[models.Model],
    rows: Sequence[dict[str, Any]],
    *,
    unique: Sequence[str],
    unless: str = "",
) -> int:
    """Insert `rows` (attribute name to value, all with the same names); return how many were inserted or changed.

    `unique` names the attributes of the unique constraint; each combination may occur once in `rows`. `unless` is SQL
    under which an existing row (`old`) keeps its values although `excluded` differs; without it the new row stands.
    """
    if not rows:
        return 0
    connection = connections[router.db_for_write(model)]
    fields = [_field(model, name) for name in rows[0]]
    quote = connection.ops.quote_name
    columns = [quote(field.column) for field in fields]
    targets = [quote(_field(model, name).column) for name in unique]
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in targets)
    line = f"({', '.join(['%s'] * len(columns))})"
    statement = (
        f"INSERT INTO {quote(model._meta.db_table)} AS old ({', '.join(columns)}) "  # noqa: S608 - names of the model
        f"VALUES {', '.join([line] * len(rows))} ON CONFLICT ({', '.join(targets)}) DO UPDATE SET {changes}"
    )
    if unless:
        statement += f" WHERE NOT ({unless})"
    values = [
        field.get_db_prep_save(value, connection)
        for row in rows
        for field, value in zip(fields, row.values(), strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def _field(model: type[models.Model], attribute: str) -> Any:
    return next(field for field in model._meta.concrete_fields if field.attname == attribute)
