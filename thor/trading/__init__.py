"""Trade: decide on end-of-day figures, order at most once, and keep books that agree with the broker's.

Who knows what, from the bottom up
    `brokers/`        the port and what is behind it: the embedded paper broker, Alpaca
    `models/`         orders, fills, positions, trades, intents, the journal, the desk with its switch
    `settings`        what may be risked; `scope`, `identity` for which account, `books` whose it is and since when;
                      `hours` which session it is, `moment` which instant, `exit_window` which minutes of the morning
    `desk`            one writer at a time; `journal` what happened; `switch` what may be sent
    `ordering`        plan, send, cancel: an order is a row before it is a request
    `booking`         what a broker tells of an order, booked once; `positions` what is held; `splits` in which shares
    `settling`        ask for every order that is not over; `overselling` cancels sales of what is not held any more
    `reconciling/`    the broker against the journal; `readiness` whether trading may go on, by the newest result
    `universe`        which symbols; `fetching`, `alpaca_days` their days from Alpaca, `regular_days` those of their
                      minutes; `real_venues` where prices are real
    `history`         daily bars and `today`'s so far; `features`, `indicators`, `strategies/` what is made of them;
                      `lastprices` what costs what now
    `gates/`          why a purchase is refused; `commitments` what they are told; `sizing` how much is bought
    `entries`         what the desk would like to buy; `buying` carries it out; `exits`, `selling` the same for sales
    `holding_guard`   what may not be sold yet; `daytrades` how many there were; `emergencies` what is sold at once, and
                      `emergency_sales` goes on with it; `protection` when entries are blocked
    `learning/`       what finished trades teach about the next one
    `closing_figures` what a session came to, once it is over
    `services/`       what each of the eight jobs does; `boundary` keeps the trouble of one symbol apart, `failed_jobs`
                      tells of a run that failed as a whole
    `records/`        journal, report and tables as files; `logs`, `wordings` what `scheduler.log` says
    `preflight`       what must be true before anything is traded; `checks` what of it every command asks
    `selectors`       how the desk stands, for pages and commands; `allowances` what is left of the day
    `state_file`      what the scheduler of old had done, as `imported` asks; `state_keys` its names of the jobs
    `alpaca_clock`    Alpaca as the clock of a market

The order of writes, and what a death in between leaves, is told in `ordering`; why it is so in decision 0010.

Where it is joined
    `apps.TradingConfig.ready` connects Alpaca's clock to the markets where its keys are in the environment: in every
    process, since the admin, the worker that asks and the one that leaves a run out need the same answer to "is a
    broker's clock connected?". Connecting opens no connection and imports no HTTP client; only a question does.

Paper and live
    The paper broker is the default. An address that is neither Alpaca's paper endpoint nor this machine's counts as
    live, and is refused at start unless THOR_BROKER and THOR_ALLOW_LIVE say so as well: all explicit.
"""
