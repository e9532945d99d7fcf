"""What trading keeps."""

from thor.trading.models.days import RegularDay
from thor.trading.models.desk import Desk, ImportedRun, Reconciliation, Refusal, Setting, Switch
from thor.trading.models.journal import Event, Happening
from thor.trading.models.learning import Example, LearnedModel, LearningRun
from thor.trading.models.orders import Fill, Intent, IntentState, Order, Purpose, State
from thor.trading.models.paper import PaperAccount, PaperFill, PaperOrder, PaperPosition
from thor.trading.models.positions import Position, Trade

__all__ = [
    "Desk",
    "Event",
    "Example",
    "Fill",
    "Happening",
    "ImportedRun",
    "Intent",
    "IntentState",
    "LearnedModel",
    "LearningRun",
    "Order",
    "PaperAccount",
    "PaperFill",
    "PaperOrder",
    "PaperPosition",
    "Position",
    "Purpose",
    "Reconciliation",
    "Refusal",
    "RegularDay",
    "Setting",
    "State",
    "Switch",
    "Trade",
]
