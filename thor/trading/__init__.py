"""Know the brokers: what is asked of them, and how their answers are told from their silence.

What is here
    `alpaca_clock` answers the port `thor.markets.broker_clock` from Alpaca's clock and calendar. It only reads.

Where it is joined
    `apps.TradingConfig.ready` connects it when Alpaca's keys are in the environment. It is there, and not in a worker's
    start-up, because every process needs the same answer to "is a broker's clock connected?": the admin, before it lets
    a market go by one, the worker that asks, and the one that leaves a run out because nobody answers. Connecting opens
    no connection and imports no HTTP client; only a question does.

Paper and live
    The keys of the paper account are the default. An address that is neither Alpaca's paper endpoint nor this machine's
    counts as live, and is refused at start unless THOR_BROKER and THOR_ALLOW_LIVE say so as well: all explicit.
"""
