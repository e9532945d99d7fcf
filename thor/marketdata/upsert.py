"""Insert many rows in one statement, and update those that exist, under a condition of the database's own.

Django's `bulk_create(update_conflicts=True)` cannot say *when* an existing row may be overwritten; here a WHERE does,
so that an older version of a row never replaces a newer one, whatever the order in which two processes commit.
Works on PostgreSQL and SQLite, whose `INSERT ... ON CONFLICT DO UPDATE ... WHERE` agree.

PostgreSQL is given an array a column: it reads ten thousand numbers of one text many times faster than as many
parameters, and plans the same short statement for one row and for a thousand.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connections, models, router

#: Python types whose text is what PostgreSQL reads, without quotes.
_PLAIN = frozenset({int, Decimal, float})
#: Fields whose values are not text that an array can hold as it is.
_NO_TEXT = (models.JSONField, models.BinaryField)


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
    has_arrays = connection.vendor == "postgresql" and not any(isinstance(field, _NO_TEXT) for field in fields)
    source, values = (_arrays if has_arrays else _values)(connection, fields, rows)
    statement = (
        f"INSERT INTO {quote(model._meta.db_table)} AS old ({', '.join(columns)}) "
        f"{source} ON CONFLICT ({', '.join(targets)}) DO UPDATE SET {changes}"
    )
    if unless:
        statement += f" WHERE NOT ({unless})"
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def _values(connection: Any, fields: list[Any], rows: Sequence[dict[str, Any]]) -> tuple[str, list[Any]]:
    """Return the rows as VALUES, a parameter each figure."""
    line = f"({', '.join(['%s'] * len(fields))})"
    values = [
        field.get_db_prep_save(value, connection)
        for row in rows
        for field, value in zip(fields, row.values(), strict=True)
    ]
    return f"VALUES {', '.join([line] * len(rows))}", values


def _arrays(connection: Any, fields: list[Any], rows: Sequence[dict[str, Any]]) -> tuple[str, list[str]]:
    """Return the rows as SELECT over arrays, a parameter each column.

    The arrays are those of the columns' own types; SELECT * is in their order.
    """
    columns = zip(*(row.values() for row in rows), strict=True)
    types = [field.db_type(connection) for field in fields]
    # WHERE true: after a SELECT, ON CONFLICT could be read as the ON of a join.
    source = f"SELECT * FROM unnest({', '.join(f'%s::{kind}[]' for kind in types)}) WHERE true"  # noqa: S608 - names of types
    return source, [_array(field, column, connection) for field, column in zip(fields, columns, strict=True)]


def _array(field: Any, column: Sequence[Any], connection: Any) -> str:
    """Return a column as the text of an array."""
    return f"{{{','.join([_text(field, value, connection) for value in column])}}}"


def _text(field: Any, value: Any, connection: Any) -> str:
    kind = type(value)
    if value is None:
        return "NULL"
    if kind in _PLAIN:
        return str(value)
    if kind is datetime:
        return f'"{value.isoformat()}"'
    if kind is not str:
        value = str(field.get_db_prep_save(value, connection))
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _field(model: type[models.Model], attribute: str) -> Any:
    return next(field for field in model._meta.concrete_fields if field.attname == attribute)
