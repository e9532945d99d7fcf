"""Decide what to buy and what to sell on the features of daily bars. Pure: no database, no broker, no clock.

What is here
    `base`            what a strategy sees (`Scene`, `Position`, `Event`), and what it answers (`EntryIntent`,
                      `ExitDecision`)
    `common_exits`    the exits that every position has: twenty days, the target, the average of 200 days
    five strategies   one file each: who it is, its limits, when it buys, how sure it is, when it sells
    `container`       `SwingEquityStrategy`: asks all of them, and gives the slots to the best answers

How entries and exits travel
    bars -> features -> `SwingEquityStrategy.entries(scene)` -> guards -> risk -> orders. Strategies decide neither
    quantities nor prices; they never see the account. A strategy that raises is reported beside the answers of the
    others, and its positions keep the exits that every position has.

How a strategy is added
    A file with a subclass of `base.Strategy`, its line in `container.STRATEGIES` (the order there settles ties), and
    its tests. Confidence runs from 1 to 5 and is the strategy's own count of signs; `limits.least_confidence` is its
    floor. Whatever reads better as a sentence in the journal belongs in `reason`.
"""
