"""Records for people: files made from what the database holds, which alone is the truth.

`trades.jsonl` (`trades_file`)
    The journal, one line an event, in the journal's order and by its numbers. It is a projection: whoever finishes a
    piece of trading appends what is missing, so a crash, a full disk or a deleted file costs nothing but time. Lines
    are never changed; what is not of this desk is moved aside, not overwritten.

      job A   commits event 7          appends 6, 7
      job B   commits event 6   …waits for the file's lock, finds 7 as the last number, appends nothing

    Events are numbered while the desk's row is locked. So whoever sees number 7 sees 6 as well, and "all above the
    last number in the file" leaves nothing out.

Trades as CSV (`trades_csv`), events of the journal as CSV (`events_csv`), a report as one HTML file (`page`)
    Each is made whole: trades and report from finished trades and from what reconciliation found the account to be
    worth (`equity`); `performance` computes, `figures` draws. Events are written as they are read, however many there
    are. The HTML needs no network and no server: script and style are in it, and its own policy lets no other script
    run, whatever a reason or a symbol says.

Times are printed in MARKET_TIMEZONE with their offset (`printing`), those of the table of events in UTC; files made
whole appear whole (`whole_file`).
"""
