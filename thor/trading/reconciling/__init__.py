"""Compare the broker with the journal, and bring the journal to what the broker says. Nothing is ever liquidated.

    settle      every order that is not over is asked for, and booked
    1 snapshot  account and open orders, after that positions; a question that fails is no answer, and ends it: FAILED
    2 missed    fills since the last time that are not booked: their orders are asked for
    3 givenup   open orders of ours that were given up: booked as the broker tells, or asked to be cancelled
    4 holdings  positions against the journal, and `converging`, which writes down what differs
    5 account   may it trade, buying power, heat
    6 orders    stale, several of a symbol, not ours, turned round, not known to have arrived
    7 ledger    trades that are over although the broker still holds their symbol
    8 verdict   READY, SAFE_MODE, EXIT_ONLY or FAILED, and the row that says so

Positions are read last: whatever was ordered before was booked by then, and what moves meanwhile is left for the next
time (`moving`). Comparisons are pure; `givenup`, `missed` and `converging` alone write.
"""
