"""Buy after an over-reaction to news of a company."""

from datetime import date
from decimal import Decimal
from typing import Final

from thor.trading.features import Features, within_confidence
from thor.trading.strategies.base import BASIS, Event, Limits, Metadata, Position, Scene, Strategy

#: The events whose first answer of the price is often too large.
KINDS: Final = frozenset({"earnings", "fda_approval", "product_launch", "acquisition", "guidance_cut"})


class EventDriven(Strategy):
    """A known event, one or two sessions ago, that moved the price at least twice as far as a normal day.

    Not in a downtrend (SMA 20 below SMA 200). A fall, which is what a buyer can fade, and volume make it surer. Without
    a source of events it finds nothing and says so.
    """

    metadata = Metadata(
        strategy_id="event_driven_v1",
        name="Event driven",
        philosophy="An over-reaction to news fades.",
        edge="The first hours after news are traded by those who must; the others take days to think.",
        risks="News can be as bad as its price; drifts after earnings go the other way.",
        caveats="Needs a source of events; there is none in the box. Rises are taken as well, at a lower confidence.",
    )
    limits = Limits(least_confidence=3, max_positions=5, target=Decimal("0.08"))

    def degraded(self, scene: Scene) -> str:
        """Return that nobody tells it of events, or when they were."""
        if scene.events is None:
            return "there is no source of events"
        return "" if scene.sessions else "the last sessions of the market are not known"

    def reason_to_enter(self, symbol: str, seen: Features, scene: Scene) -> str:
        """Return which event was answered too strongly; nothing where none was."""
        event = None if seen.sma_20 < seen.sma_200 else _strongest(symbol, scene)
        return f"{event.kind} on {event.session_date} moved it by {event.move:+.1%}" if event else ""

    def confidence(self, symbol: str, seen: Features, scene: Scene) -> int:
        """Return 3, and one more for a fall and for volume."""
        event = _strongest(symbol, scene)
        return within_confidence(BASIS + (event is not None and event.move < 0) + (seen.vol_ratio > 1.2))

    def reason_to_exit(self, position: Position, seen: Features, session_date: date) -> str:
        """Return that it has not come back: a loss after more than five days."""
        days, gain = position.holding_days(session_date), position.gain(seen)
        return f"lost {-gain:.2%} in {days} days, it does not come back" if days > 5 and gain < 0 else ""


def _strongest(symbol: str, scene: Scene) -> Event | None:
    found = [event for event in scene.events or () if event.symbol == symbol and _is_over_reaction(event, scene)]
    return max(found, key=lambda event: abs(event.move), default=None)


def _is_over_reaction(event: Event, scene: Scene) -> bool:
    return (
        event.kind in KINDS
        and scene.sessions_since(event.session_date) in (1, 2)
        and abs(event.move) >= 2 * event.normal_move
    )
