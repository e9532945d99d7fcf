"""Trade: decide on end-of-day figures, order at most once, and keep books that agree with the broker's.

Who knows what, from the bottom up
    `brokers/`        the port and what is behind it: the embedded paper broker, Alpaca
    `models/`         orders, fills, positions, trades, intents, the journal, the desk with its switch
    `desk`            one writer at a time; `journal` what happened; `switch` what may be sent
    `ordering`        plan, send, cancel: an order is a row before it is a request
    `booking`         what a broker tells of an order, booked once; `positions` what is held
    `settling`        ask for every order that is not over
    `readiness`       whether trading may go on, by the newest reconciliation
    `history`         daily bars and today's so far; `features`, `indicators`, `strategies/` what is made of them
    `gates`           why a purchase is refused
    `learning/`       what finished trades teach about the next one
    `services/`       what each of the eight jobs does

The order of writes, and what a death in between leaves, is told in `ordering`; why it is so in decision 0010.

Where it is joined
    `apps.TradingConfig.ready` connects Alpaca's clock to the markets where its keys are in the environment: in every
    process, since the admin, the worker that asks and the one that leaves a run out need the same answer to "is a
    broker's clock connected?". Connecting opens no connection and imports no HTTP client; only a question does.

Paper and live
    The paper broker is the default. An address that is neither Alpaca's paper endpoint nor this machine's counts as
    live, and is refused at start unless THOR_BROKER and THOR_ALLOW_LIVE say so as well: all explicit.
"""
