"""The markets in the box: installed into a new database, never overwritten afterwards."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal

from thor.markets.models import Market
from thor.markets.registry import forget
from thor.timing.phase import POST_CLOSE


@dataclass(frozen=True, slots=True)
class BoxedMarket:
    """One market as it comes in the box; what it does not say is the model's default."""

    key: str
    name: str
    calendar: str
    zone: str
    currency: str
    weight: Decimal = Decimal(0)
    role: str = Market.Role.CONTROL
    futures: bool = True
    post_close: timedelta = POST_CLOSE

    def row(self, position: int) -> Market:
        """Return the row to be installed, at this place in lists."""
        values = asdict(self)
        return Market(position=position, capture_futures=values.pop("futures"), **values)


VENUE = Market.Role.VENUE
NEW_YORK = "America/New_York"
MEXICO = "America/Mexico_City"
NO_TIME = timedelta(0)

#: Control markets east to west, then the venues; their weights in the composite add up to 1.
BOX = (
    BoxedMarket("japan", "Tokyo", "XTKS", "Asia/Tokyo", "JPY", Decimal("0.25")),
    BoxedMarket("china", "Shanghai", "XSHG", "Asia/Shanghai", "CNY", Decimal("0.10")),
    BoxedMarket("india", "Bombay", "XBOM", "Asia/Kolkata", "INR", Decimal("0.05")),
    BoxedMarket("germany", "Frankfurt", "XETR", "Europe/Berlin", "EUR", Decimal("0.20"), futures=False),
    BoxedMarket("united_kingdom", "London", "XLON", "Europe/London", "GBP", Decimal("0.05")),
    BoxedMarket("pre_usa", "Pre_USA", "XNYS-PRE", NEW_YORK, "USD", Decimal("0.05")),
    BoxedMarket("usa", "New York", "XNYS", NEW_YORK, "USD", Decimal("0.25")),
    BoxedMarket("canada", "Toronto", "XTSE", "America/Toronto", "CAD", Decimal("0.03"), futures=False),
    BoxedMarket("mexico", "Mexico City", "XMEX", MEXICO, "MXN", Decimal("0.02"), futures=False),
    BoxedMarket("globex", "CME Globex", "CMES-GLOBEX", "America/Chicago", "USD", role=VENUE),
    # The extended day already holds the four hours after the close; nothing comes after it.
    BoxedMarket("us_equities", "US equities", "XNYS-EXTENDED", NEW_YORK, "USD", role=VENUE, post_close=NO_TIME),
    BoxedMarket("crypto", "Crypto", "24/7", "UTC", "USD", role=VENUE, post_close=NO_TIME),
)

#: Every calendar that the box uses: they are read in one go, since starting the library is most of the cost.
BOXED_CALENDARS = tuple(sorted({boxed.calendar for boxed in BOX}))


def install_markets(using: str = "default") -> int:
    """Add the markets of the box that are missing, and return how many; edited rows keep their edits."""
    rows = [boxed.row(10 * place) for place, boxed in enumerate(BOX, start=1)]
    known = set(Market.objects.using(using).values_list("key", flat=True))
    missing = [row for row in rows if row.key not in known]
    Market.objects.using(using).bulk_create(missing, ignore_conflicts=True)
    forget()
    return len(missing)
