"""A split that is entered late: the embedded broker carries it out, and the journal follows at its reconciliation."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from tests.integration.trading.daily_days import split
from tests.integration.trading.memory_desk import MemoryDesk, position, run_of
from tests.integration.trading.paper_desk import Desk, local
from thor.marketdata.models import Instrument
from thor.trading.models import Event, Reconciliation, Trade
from thor.trading.models.paper import PaperPosition
from thor.trading.services.reconciliation import reconcile_account
from thor.trading.splits import paid_in_shares_of

pytestmark = pytest.mark.django_db(transaction=True)

#: The day after the purchase.
DAY = date(2026, 3, 4)


class PaperDesk(MemoryDesk):
    """A desk with a journal at the embedded broker; it has bought 10 SPY at about 100 on the day before the split."""

    def __init__(self) -> None:
        super().__init__()
        self.paper = Desk()
        self.paper.clock.set(self.now)
        self.paper.quote("100")
        self.clock, self.broker = self.paper.clock, self.paper.broker  # type: ignore[assignment]
        self._runs = 100
        self.buy()

    def reconciled(self, time: str, last: str) -> Reconciliation:
        """Reconcile at a time in New York, with a quote of that time."""
        self.paper.at(time, last=last)
        self._runs += 1
        at: datetime = local(time)
        reconcile_account(broker=self.broker, run=run_of(self._runs), at=at)
        return Reconciliation.objects.get(run=run_of(self._runs))


@pytest.fixture
def desk() -> PaperDesk:
    Instrument.objects.get_or_create(symbol="SPY", defaults={"venue": "us_equities", "kind": "equity"})
    return PaperDesk()


def paper_held() -> Decimal:
    return PaperPosition.objects.get().quantity


@pytest.mark.parametrize(
    ("entered", "next_run"),
    [("2026-03-04T08:00", "2026-03-04T08:20"), ("2026-03-05T08:00", "2026-03-05T08:20")],
    ids=["on its date", "a day late"],
)
def test_the_journal_follows_the_books_over_a_split_that_is_entered_late(
    desk: PaperDesk, entered: str, next_run: str
) -> None:
    bought_for = position().cost
    for time in ("2026-03-04T00:20", entered):
        desk.reconciled(time, last="25")
        assert (paper_held(), position().quantity) == (10, 10)
    split("SPY", DAY, "4")
    assert paid_in_shares_of(DAY, [position()], {"SPY": Decimal(25)})["SPY"].quantity == 40

    row = desk.reconciled(next_run, last="25")

    assert row.notes == ["the broker holds 40 SPY, the journal 10, which a split makes of it"]
    assert (paper_held(), position().quantity, position().cost) == (40, 40, bought_for)
    assert Event.objects.get(kind="position_found").fields["ratio"] == "4"
    again = desk.reconciled(next_run.replace("08:20", "09:20"), last="25")
    assert (again.status, again.notes, paper_held(), position().quantity) == ("READY", [], 40, 40)
    assert not Trade.objects.exists()
