"""Measure "one symbol, one day" in a table of 100 million bars: `python -m benchmarks.bars_at_scale [--rows N]`.

Builds Thor's own table of bars in a private PostgreSQL in the order of life, minute by minute over all symbols, so that
the 390 bars of a symbol's day lie on 390 pages. Then it asks for 200 random days of random symbols, once with nothing
in memory and once more, and again after each thing that may help. 100 million bars take about 25 GB, twice that while
they are rearranged, and most of an hour; `--folder` keeps the table for another run.
"""

import argparse
import json
import random
import shutil
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psycopg

from benchmarks import machine
from benchmarks.scale_cluster import BUILDING, Cluster, cluster

SYMBOLS, MINUTES = 10_000, 390
GOAL_MS = 20.0
ARRANGEMENTS = ("plain", "covering", "ordered", "weekly")
FIRST = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
#: What the product asks for (selectors.bars), with the instrument already known.
COLUMNS = "start_at, open, high, low, close, volume, trades, vwap, bid, ask, spread, ticks, source"
#: The order matters: a day of one symbol must not be put in order by a disk that has just read it.
QUERY = (
    f"SELECT {COLUMNS} FROM {{table}} WHERE instrument_id = %s AND start_at >= %s AND start_at < %s ORDER BY start_at"
)
KEY = "marketdata_bar_once_a_minute"
INDEXES = """
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'marketdata_bar'::regclass AND NOT indisprimary
"""
SIZES = """
SELECT sum(pg_table_size(oid)), sum(pg_indexes_size(oid)) FROM pg_class
WHERE oid = %(table)s::regclass OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = %(table)s::regclass)
"""

INSTRUMENTS = """
INSERT INTO marketdata_instrument (id, symbol, venue, kind, name, currency, tick_size, decimals, aliases, inverted,
  sampled, captured, ribbon, active, sort_order)
SELECT 1000 + n, 'S' || n, 'us_equities', 'equity', '', 'USD', 0.01, 2, '[]', false, true, false, false, true, 100
FROM generate_series(1, %s) n ON CONFLICT DO NOTHING
"""
MINUTE = """
INSERT INTO marketdata_bar (instrument_id, start_at, open, high, low, close, volume, trades, vwap, bid, ask, spread,
  ticks, source)
SELECT i.id, %(at)s, p, p + 0.05, p - 0.04, p + 0.01, 100 * (i.id %% 90 + 1), i.id %% 40 + 1, p + 0.003127,
  p, p + 0.01, 0.01, i.id %% 40 + 9, 'SIMULATED'
FROM (SELECT id, 20 + id %% 480 + %(drift)s::numeric AS p FROM marketdata_instrument WHERE id > 1000 ORDER BY id) i
"""


def main() -> int:
    """Build what is not there, measure each arrangement, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bars_at_scale", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000_000, help="bars in the table; default 100 million")
    parser.add_argument("--queries", type=int, default=200, help="random days that are asked for; default 200")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of them, of which the middle counts; default 3")
    parser.add_argument(
        "--only", nargs="+", choices=ARRANGEMENTS, default=list(ARRANGEMENTS), help="these arrangements"
    )
    parser.add_argument("--folder", type=Path, help="keep the cluster there, and use it again")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    wanted = parser.parse_args()
    with cluster(wanted.folder) as server:
        minutes = -(-wanted.rows // SYMBOLS)
        report = {"machine": machine.facts(), "rows": minutes * SYMBOLS, "build": _build(server, minutes)}
        measured = Measured(server, minutes, wanted.queries, wanted.rounds)
        report["arrangements"] = measured.all(wanted.only)
        report["free_gb"] = round(shutil.disk_usage(server.folder).free / 2**30)
    print(_table(report))
    if wanted.json:
        Path(wanted.json).write_text(json.dumps(report, indent=1) + "\n")
    return 0


def _build(server: Cluster, minutes: int) -> dict[str, Any]:
    """Fill the table minute by minute, then build its indexes; nothing where it was built before."""
    server.start(BUILDING)
    server.migrate()
    began = time.monotonic()
    with server.connect() as connection:
        has_key = connection.execute("SELECT 1 FROM pg_class WHERE relname = %s", [KEY]).fetchone()
        stored = connection.execute("SELECT count(*) FROM (SELECT 1 FROM marketdata_bar LIMIT 1) one").fetchone()[0]
        if not (has_key and stored):
            _fill(connection, minutes)
            connection.execute("VACUUM (ANALYZE) marketdata_bar")
    return {"seconds": round(time.monotonic() - began)}


def _fill(connection: psycopg.Connection, minutes: int) -> None:
    connection.execute(INSTRUMENTS, [SYMBOLS])
    connection.execute("TRUNCATE marketdata_bar")
    indexes = [row[0] for row in connection.execute(INDEXES)]
    connection.execute(f"ALTER TABLE marketdata_bar DROP CONSTRAINT IF EXISTS {KEY}")
    for definition in indexes:
        connection.execute(f"DROP INDEX IF EXISTS {definition.split()[definition.split().index('INDEX') + 1]}")
    connection.execute("ALTER TABLE marketdata_bar SET (autovacuum_enabled = off)")
    for number in range(minutes):
        connection.execute(MINUTE, {"at": _minute(number), "drift": (number * 7 % 400) / 100})
        if number % 1000 == 0:
            _say(f"{number * SYMBOLS:,} bars")
    for definition in indexes:
        _say(definition)
        connection.execute(definition)
    if not any(KEY in definition for definition in indexes):
        connection.execute(f"CREATE UNIQUE INDEX {KEY} ON marketdata_bar (instrument_id, start_at)")
    connection.execute("CHECKPOINT")


def _minute(number: int) -> datetime:
    """Return the n-th minute of regular trading, of days that follow each other."""
    day, minute = divmod(number, MINUTES)
    return FIRST + timedelta(days=day, minutes=minute)


class Measured:
    """Ask for random days of random symbols, arrangement after arrangement."""

    def __init__(self, server: Cluster, minutes: int, queries: int, rounds: int) -> None:
        """Prepare; each round asks for other days, the same ones in every arrangement."""
        self._server = server
        choice, days = random.Random(5), max(1, minutes // MINUTES)
        self._rounds = [
            [(1000 + choice.randint(1, SYMBOLS), choice.randrange(days)) for _ in range(queries)] for _ in range(rounds)
        ]
        self._last_day = max(day for asked in self._rounds for _, day in asked)
        self._found: list[dict[str, Any]] = []

    def all(self, wanted: list[str]) -> list[dict[str, Any]]:
        """Return the figures of these arrangements."""
        for name in wanted:
            getattr(self, name)()
        return self._found

    def plain(self) -> None:
        """Measure the table as Thor has it, with PostgreSQL's own settings and with reads ahead."""
        self._take("rows in the order of life, unique index", "marketdata_bar", "-c effective_io_concurrency=1")
        for ahead in (32, 200):
            self._take(f"the same, {ahead} reads ahead", "marketdata_bar", f"-c effective_io_concurrency={ahead}")

    def covering(self) -> None:
        """Measure an index that holds the whole row."""
        self._step("covering", f"CREATE INDEX covering ON marketdata_bar (instrument_id, start_at) INCLUDE ({_rest()})")
        self._take("index that includes every column", "marketdata_bar")
        self._do("DROP INDEX covering")

    def ordered(self) -> None:
        """Measure rows in the order of symbol and time, with a unique index and with a block range index."""
        self._step("ordered", *_ordered("bars_ordered"))
        self._take("rows in the order of symbol and time, unique index", "bars_ordered")
        brin = "CREATE INDEX bars_brin ON bars_ordered USING brin (instrument_id, start_at) WITH (pages_per_range = 16)"
        self._step("brin", "DROP INDEX bars_ordered_key", brin)
        self._take("the same order, BRIN of 16 pages instead", "bars_ordered")
        self._do("DROP TABLE bars_ordered")

    def weekly(self) -> None:
        """Measure partitions of a week that were put in order once they were over."""
        self._step("weekly", *_weekly(self._last_day))
        self._take("partitions of a week, each in the order of symbol and time", "bars_weekly")
        self._do("DROP TABLE bars_weekly")

    def _take(self, title: str, table: str, settings: str = "") -> None:
        cold, warm = [], []
        for asked in self._rounds:
            self._server.cool(settings)
            with self._server.connect() as connection:
                cold.append(self._ask(connection, table, asked))
                warm.append(self._ask(connection, table, asked))
                explained = connection.execute(f"EXPLAIN {QUERY.format(table=table)}", _between(*asked[0])).fetchall()
                size = connection.execute(SIZES, {"table": table}).fetchone()
        found = {"cold": _middle(cold), "warm": _middle(warm), "table_gb": _gb(size[0]), "indexes_gb": _gb(size[1])}
        _say(f"{title}: {found}")
        self._found.append({"title": title, **found, "plan": [row[0] for row in explained]})

    def _ask(self, connection: psycopg.Connection, table: str, asked: list[tuple[int, int]]) -> tuple[float, float]:
        """Return the median and the 99th percentile of the milliseconds of these questions."""
        took = []
        for one in asked:
            began = time.perf_counter()
            rows = connection.execute(QUERY.format(table=table), _between(*one)).fetchall()
            took.append((time.perf_counter() - began) * 1000)
            assert len(rows) == MINUTES, f"{len(rows)} bars of a day"
        took.sort()
        return took[len(took) // 2], took[int(len(took) * 0.99)]

    def _step(self, name: str, *statements: str) -> None:
        began = time.monotonic()
        self._do("SET maintenance_work_mem = '2GB'", *statements)
        _say(f"{name}: {time.monotonic() - began:.0f} s")

    def _do(self, *statements: str) -> None:
        with self._server.connect() as connection:
            for statement in statements:
                connection.execute(statement)


def _between(instrument: int, day: int) -> tuple[int, datetime, datetime]:
    start = FIRST + timedelta(days=day)
    return instrument, start, start + timedelta(minutes=MINUTES)


def _middle(rounds: list[tuple[float, float]]) -> dict[str, float]:
    """Return the round of the middle: one in which the machine was disturbed does not count."""
    return {
        name: round(statistics.median(one[place] for one in rounds), 2) for place, name in enumerate(("p50", "p99"))
    }


def _rest() -> str:
    return COLUMNS.removeprefix("start_at, ")


def _ordered(name: str) -> list[str]:
    """Return what copies the table in the order of symbol and time: what CLUSTER leaves behind."""
    return [
        "SET work_mem = '2GB'",
        f"CREATE TABLE {name} AS SELECT * FROM marketdata_bar ORDER BY instrument_id, start_at",
        f"CREATE UNIQUE INDEX {name}_key ON {name} (instrument_id, start_at)",
        f"VACUUM (ANALYZE) {name}",
    ]


def _weekly(last_day: int) -> list[str]:
    """Return what copies the table into partitions of a week, each put in order once it is over."""
    statements = [
        "SET work_mem = '2GB'",
        "CREATE TABLE bars_weekly (LIKE marketdata_bar) PARTITION BY RANGE (start_at)",
    ]
    statements.append("CREATE UNIQUE INDEX bars_weekly_key ON bars_weekly (instrument_id, start_at)")
    for week in range(last_day // 7 + 1):
        start, end = (FIRST.date() + timedelta(days=7 * (week + offset)) for offset in (0, 1))
        part = f"bars_weekly_{week}"
        statements.append(f"CREATE TABLE {part} PARTITION OF bars_weekly FOR VALUES FROM ('{start}') TO ('{end}')")
        statements.append(
            f"INSERT INTO {part} SELECT * FROM marketdata_bar WHERE start_at >= '{start}' AND start_at < '{end}' "
            "ORDER BY instrument_id, start_at"
        )
    return [*statements, "VACUUM (ANALYZE) bars_weekly"]


def _table(report: dict[str, Any]) -> str:
    """Return the figures as a table in Markdown."""
    facts = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    lines = [f"{report['rows']:,} bars of {SYMBOLS:,} symbols; {facts}", ""]
    lines.append("| arrangement | cold p50 / p99 ms | warm p50 / p99 ms | table + indexes GB | |")
    lines.append("| --- | ---: | ---: | ---: | --- |")
    for one in report["arrangements"]:
        times = [f"{one[state]['p50']:.1f} / {one[state]['p99']:.1f}" for state in ("cold", "warm")]
        sizes = f"{one['table_gb']:.1f} + {one['indexes_gb']:.1f}"
        sign = "met" if one["cold"]["p50"] <= GOAL_MS and one["warm"]["p99"] <= GOAL_MS else "**missed**"
        lines.append(f"| {one['title']} | {' | '.join(times)} | {sizes} | {sign} |")
    return "\n".join(lines)


def _gb(size: Any) -> float:
    return round(float(size or 0) / 2**30, 2)


def _say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
