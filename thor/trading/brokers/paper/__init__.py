"""The embedded broker: an account whose books are tables, and whose exchange is the quotes that the feeds publish.

What is here
    `market`      pure: at which price a quote lets an order be filled, and how much of it
    `refusals`    why an order is refused: everything that is known of it before it is taken
    `settling`    the books: expire, fill, mark the close; each settlement is one transaction
    `splits`      what is held and quoted, in new shares from the date of a split on, whenever that is entered
    `daytrades`   how many the account has made, by the books
    `volume`      the average daily volume, by which the size of fills is bounded
    `broker`      the port, on top of these
    `clock`       the broker's clock, from Thor's own sessions
    `anew`        empty books, for a desk that begins its own anew

Time
    There is no thread. `settle(at=...)` looks at every open order once, by the quotes as they are then, and every
    question settles first. So what a quote did between two settlements is not seen: an order is filled at the first
    settlement that finds it fillable, and one that nobody asked about until the close expires as it is.

What is like Alpaca's
    Orders are good for the day. One that is sent outside the regular session waits for the next open, and expires at
    that session's close. A sale is of what is held and not yet promised to another order. A purchase sets aside its
    limit, or for a market order 3 % above what it would cost. A refusal leaves no trace, and its id can be used again.

At which price
    The ask for a purchase, the bid for a sale, and 5 basis points of slippage; never beyond a limit. A bid and an ask
    more than 10 % apart are not meant: a market order is filled at the last trade then, if it is fresh, else not yet.

How much is filled
    At most 5 % of the average daily volume of 20 days, a symbol and session, all orders together. Where no days are
    known, at most the quoted size, each quote once a side. Where the feed quotes no sizes either, everything.

Several processes
    Whoever settles, orders or cancels holds the lock of the account's row (on SQLite that of the database), so states
    are read and written one after the other. `client_order_id` is unique, and so is the number of a fill in its order.
    Whoever asks from inside a transaction of its own gets a `RuntimeError`: its roll-back would take orders back.
"""
