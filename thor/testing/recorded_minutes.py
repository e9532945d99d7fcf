"""Read the minutes of a recorded trading day in LEAN's layout, where there are any, else make them of the day.

`<folder>/equity/usa/minute/spy/20131007_trade.zip`: ms since New York's midnight, open, high, low, close in 1/10,000,
volume. Those of the regular session alone are taken.
"""

import csv
import io
import zipfile
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from thor.marketdata.daily import DayRow
from thor.testing.synthetic_minutes import Minute, minutes_of
from thor.timing.session import Session

NEW_YORK: Final = ZoneInfo("America/New_York")
_UNIT: Final = Decimal(10_000)


def day_in_minutes(folder: Path, day: DayRow, session: Session) -> list[Minute]:
    """Return the recorded minutes of a day's regular session, else made ones."""
    return recorded_minutes(folder, day.symbol, session) or minutes_of(day, session)


def recorded_minutes(folder: Path, symbol: str, session: Session) -> list[Minute]:
    """Return the recorded minutes of a session; nothing where there is no recording."""
    path = folder / "equity/usa/minute" / symbol.lower() / f"{session.date:%Y%m%d}_trade.zip"
    if not path.is_file():
        return []
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode("ascii")
    midnight = datetime(session.date.year, session.date.month, session.date.day, tzinfo=NEW_YORK)
    found = [_minute(midnight, cells) for cells in csv.reader(io.StringIO(text))]
    return [one for one in found if session.open <= one.start_at < session.close]


def _minute(midnight: datetime, cells: list[str]) -> Minute:
    # The clocks change at night: within a day of trading local time goes on evenly.
    noon = midnight.replace(hour=12)
    start_at = noon.astimezone(ZoneInfo("UTC")) + timedelta(milliseconds=int(cells[0])) - timedelta(hours=12)
    opened, high, low, close = (Decimal(price) / _UNIT for price in cells[1:5])
    return Minute(start_at, opened, high, low, close, Decimal(cells[5]))
