"""The admin of trading: the switch and the settings are for people; everything else was written by the desk.

`switch` turns the trading switch, `settings` sets limits that the environment leaves open, `recorded` lists orders,
positions and the journal, and `learned` what the desk has learned. What was recorded nobody edits by hand.
"""

from thor.trading.admin import learned, recorded, settings, switch

__all__ = ["learned", "recorded", "settings", "switch"]
