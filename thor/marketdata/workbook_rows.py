"""Turn the cells of a workbook into quotes: headers, symbols, figures (pure).

| in the sheet                                          | what becomes of it                                         |
|-------------------------------------------------------|------------------------------------------------------------|
| a header of another spelling (52 Week High, Volume …) | its figure; one that nobody knows costs its column         |
| no header Symbol or the like                          | the first column, or the second where the first is a kind  |
| an empty row                                          | nothing                                                    |
| a row without a symbol, twice the same one, no figure | that row is left out, and said                             |
| an empty cell                                         | nothing; a quote without Last is a quote all the same      |
| #N/A, a word, a date, a volume below zero             | that cell is left out, and said                            |
| 111-16+ in a column of prices                         | 111.515625                                                 |
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import Any, Final

from thor.marketdata.ingress_quotes import AMOUNTS, LARGEST, BadQuote, quote_of
from thor.marketdata.symbols import canonical
from thor.marketdata.thirtyseconds import thirty_seconds
from thor.marketdata.workbook import Area, CellError, Cells, WorkbookAway

#: Spellings of headers, without blanks and signs, in lower case.
HEADERS: Final = {
    "last": ("last", "lastprice", "price", "mark"),
    "bid": ("bid",),
    "ask": ("ask", "offer"),
    "bid_size": ("bidsize", "bidsz"),
    "ask_size": ("asksize", "asksz"),
    "volume": ("volume", "vol"),
    "previous_close": ("close", "prevclose", "previousclose"),
    "open": ("open",),
    "high": ("24high", "24hhigh", "24hrhigh", "worldhigh", "high"),
    "low": ("24low", "24hlow", "24hrlow", "worldlow", "low"),
    "high_52w": ("52wkhigh", "52weekhigh", "52high", "52whigh"),
    "low_52w": ("52wklow", "52weeklow", "52low", "52wlow"),
}
SYMBOLS: Final = ("symbol", "ticker", "contract", "underlying", "root")
#: Columns that may be there and are worked out elsewhere.
UNUSED: Final = ("netchange", "change", "weight", "wgt", "signal", "hbs", "type", "assettype", "name", "description")
#: What a column of kinds holds, where it stands before the symbols.
KINDS: Final = frozenset(
    ("future", "futures", "stock", "stocks", "equity", "equities", "index", "indices", "etf", "forex", "crypto", "bond")
)

_FIELDS: Final = {spelling: name for name, spellings in HEADERS.items() for spelling in spellings}
_PLAIN: Final = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A cell or row that was left out: which, whose, and why."""

    cell: str
    symbol: str
    reason: str

    def text(self) -> str:
        """Return the trouble in one line."""
        return f"{self.cell}: {self.reason}"


@dataclass(slots=True)
class Sheet:
    """What was read: quotes as `ingress_quotes` takes them, and the cells and rows that were left out."""

    quotes: list[dict[str, Any]] = field(default_factory=list)
    bad_cells: list[Trouble] = field(default_factory=list)
    bad_rows: list[Trouble] = field(default_factory=list)

    @property
    def without_last(self) -> list[str]:
        """Return the symbols of the quotes that have no last price."""
        return [quote["symbol"] for quote in self.quotes if "last" not in quote]

    @property
    def troubles(self) -> list[Trouble]:
        """Return everything that was left out."""
        return [*self.bad_cells, *self.bad_rows]


def quotes_of(cells: Cells) -> Sheet:
    """Return the quotes of an area whose first row holds the headers; raise `WorkbookAway` where it holds none."""
    found = Sheet()
    head, rows = cells.rows[0], cells.rows[1:]
    symbol_column = _symbol_column(head, rows)
    columns = _columns(head, symbol_column, cells.area, found)
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        if any(_is_filled(cell) for cell in row):
            _take_row(found, cells.area, number, row, symbol_column, columns, seen)
    return found


def _columns(head: Sequence[Any], symbol_column: int, area: Area, found: Sheet) -> dict[int, str]:
    """Return the figure of each column that holds one."""
    columns: dict[int, str] = {}
    for place, cell in enumerate(head):
        name = _plain(cell)
        figure = _FIELDS.get(name)
        if place == symbol_column or not name or name in (*SYMBOLS, *UNUSED):
            continue
        if figure is None or figure in columns.values():
            reason = "is there twice" if figure else "is the name of no figure"
            found.bad_cells.append(
                Trouble(area.name(0, place), "", f"{_shown(cell)} {reason}; the column is left out.")
            )
        else:
            columns[place] = figure
    if not {"last", "bid", "ask"} & set(columns.values()):
        raise WorkbookAway(
            f"the row of headers ({area.name(0, 0)} and on) names neither Last, Bid nor Ask; correct THOR_EXCEL_RANGE."
        )
    return columns


def _symbol_column(head: Sequence[Any], rows: Sequence[Sequence[Any]]) -> int:
    names = [_plain(cell) for cell in head]
    for spelling in SYMBOLS:
        if spelling in names:
            return names.index(spelling)
    kinds = {_plain(row[0]) for row in rows if _is_filled(row[0])}
    is_kind = names[0] in ("type", "assettype") or (bool(kinds) and kinds <= KINDS)
    return 1 if is_kind and len(names) > 1 else 0


def _take_row(
    found: Sheet,
    area: Area,
    number: int,
    row: Sequence[Any],
    symbol_column: int,
    columns: dict[int, str],
    seen: set[str],
) -> None:
    symbol = _symbol(row[symbol_column])
    quote: dict[str, Any] = {"symbol": symbol}
    troubles = []
    for place, name in columns.items():
        value, reason = _figure(row[place], name)
        if reason:
            troubles.append(Trouble(area.name(number, place), symbol, reason))
        elif value is not None:
            quote[name] = value
    found.bad_cells += troubles
    reason = _why_no_quote(quote, seen)
    if reason:
        found.bad_rows.append(Trouble(area.name(number, symbol_column), symbol, reason))
    else:
        seen.add(canonical(symbol))
        found.quotes.append(quote)


def _why_no_quote(quote: dict[str, Any], seen: Iterable[str]) -> str:
    if not quote["symbol"]:
        return "the row has no symbol."
    if canonical(quote["symbol"]) in seen:
        return f"{quote['symbol']} has a row already."
    try:
        quote_of(quote)
    except BadQuote as error:
        return str(error)
    return ""


def _symbol(cell: Any) -> str:
    """Return the symbol of a cell; some are numbers."""
    if isinstance(cell, (int, float)) and not isinstance(cell, bool) and float(cell).is_integer():
        return str(int(cell))
    return cell.strip() if isinstance(cell, str) else ""


def _figure(cell: Any, name: str) -> tuple[float | None, str]:
    """Return the figure of a cell, or why there is none; neither where the cell is empty."""
    if not _is_filled(cell):
        return None, ""
    value = _number(cell, name)
    if value is None:
        return None, f"{_shown(cell)} is no figure."
    if not abs(value) <= LARGEST:
        return None, f"{_shown(cell)} is out of range."
    if name in AMOUNTS and value < 0:
        return None, f"{_shown(cell)} is below zero."
    return value, ""


def _number(cell: Any, name: str) -> float | None:
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return float(cell)
    if not isinstance(cell, str):
        return None
    text = cell.strip()
    if _PLAIN.fullmatch(text):
        return float(text.replace(",", ""))
    return None if name in AMOUNTS else thirty_seconds(text)


def _shown(cell: Any) -> str:
    if isinstance(cell, CellError):
        return cell.text
    if isinstance(cell, (date, time, timedelta)):
        return f"the time or date {cell} (format the column as text)"
    return repr(cell)[:60]


def _is_filled(cell: Any) -> bool:
    return cell is not None and not (isinstance(cell, str) and not cell.strip())


def _plain(cell: Any) -> str:
    return re.sub(r"[^a-z0-9]", "", str(cell).lower()) if _is_filled(cell) else ""
