"""Market data: prices come in as ticks, and leave as bars, samples, figures and grades that do not depend on chance.

The path of a price, left to right; each arrow is a hand-over that survives a kill:

    Feed -> guard -> publisher -> stream of the venue -> intraday -> queue of closed bars -> closed_bars -> Bar
                                                                  -> minute marks         -> vwap        -> VwapSample
                                                      -> grading (every tick, first touch) -> Capture

- `feeds/` are the ways in, behind one port. `manage.py run_feed` is a process of its own: it asks a feed for the ticks
  of the next interval of *data time* and appends them to the Redis stream of the venue, as batches of columns.
- A batch carries a *watermark*: the feed's word that everything before this data time has been published. Bars and
  samples close by the watermark, never by the wall clock, so that a slow worker or a replay at 1,200 times the speed
  of the day stores the same figures.
- `services/intraday` folds the ticks into minutes. What it has learnt, how far it has read, and what it has finished
  are saved in one atomic step of Redis that only succeeds if nobody else has read the same ticks: a pass killed
  anywhere, or two at once, lose nothing and count nothing twice.
- `services/closed_bars` moves finished bars to the database through a processing list and acknowledges them after the
  commit. A bar may arrive twice, or again with a late tick in it: the version that has seen more ticks stands.
- `services/vwap` stores the last price and the cumulative volume of a minute as they were at that minute in data time.

- What a stretch of time brought (a session, 24 hours) is asked of `spans`: bars at rest and the minutes still in the
  fold, each once. What is written once (captures, closes) first waits for the feeds and flushes (`waiting`), so that a
  worker that dies and another that runs it again write the same row.
- `guard` keeps bad ticks out before anything sees them; what it did, and every other trouble of a feed, is a
  `FeedIncident`.

Sums are exact integers (prices and sizes in units of 10^-8), so that no figure depends on the order in which batches
were added up. Ticks are told apart by their sequence number and never by their content: one real trade in five of SPY
has an identical twin.

Words: *feed* (prices in), *venue* (the market on which an instrument trades), *tick* (one trade or quote), *batch*
(columns of ticks), *watermark* (see above), *bar* (one minute of one instrument), *sample* (one minute's mark).
"""
