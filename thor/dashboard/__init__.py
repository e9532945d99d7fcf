"""Show what is true now: one page over the selectors of the layers below, and nothing that it decides itself.

The page is HTML made by the server, complete without a script. Two small scripts of our own make it live:

- `live.js` asks `/live/` every two seconds for the same fragment that the page was made of and morphs it into place, so
  that focus, selection and scroll stay where they are. Between two answers it ticks the countdowns: the fragment says
  which business instant it was made at and how fast business time runs, so a replay counts at the replay's speed.
- `chart.js` asks `/chart/<symbol>.json` for a Plotly figure (made by `charts.py`, pure) and draws it in the colours of
  the style sheet, which it finds by the names of its custom properties; so light and dark need no second figure.

When the server does not answer, the page says since when and stops counting: stale is never shown as live.

Nothing comes from elsewhere: Plotly's script is the one in its Python package, served by `plotlyjs.py` under an address
that carries its version. No page has an inline script, and `middleware.py` sends the policy that forbids it.
Every address but the log-in and `/healthz` needs a login, by Django's own middleware.
"""
