"""Let a wish to buy pass, or name the first gate that it does not pass (pure).

The order is the desk's rule, and each limit is as written here: "at" a limit is not the same as "over" it.

    safe mode            anything but READY blocks
    feed silence         as early as this, since whatever follows is judged at a price: a stale one makes it a guess
    existing position    external, or at 5 % of equity or over, or confidence below 5: no; else an add-on, within four
                         entries, a day apart, above the average price paid
    auto-protection      blocks while it is on
    pending              a symbol has at most one order
    model's risk score   over 0.5; without a model nothing
    RiskManager          3 losses in a row or more; a day at -2 % or below; 4 trades today or more; a price of 0 or
                         below, or over equity; then the size; its symbol's risk over 2 %; heat over 8 %
    volume               over 5 % of the average daily volume, or none is known
    buying power         the purchase costs more than there is: of cash, where trading is with cash alone

Equity is the broker's, never the capital of the start. Heat is the value of all positions and of all purchases that are
on their way, this one included. A figure that is needed and missing refuses: what cannot be judged is not bought.
"""

from thor.trading.gates.purchase import HIGHEST_RISK_SCORE, judge_purchase
from thor.trading.gates.situation import Held, Situation, Wish
from thor.trading.gates.verdicts import Approved, Decision, Gate, Refused

__all__ = [
    "HIGHEST_RISK_SCORE",
    "Approved",
    "Decision",
    "Gate",
    "Held",
    "Refused",
    "Situation",
    "Wish",
    "judge_purchase",
]
