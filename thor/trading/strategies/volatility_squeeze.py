"""Buy before a compressed price expands."""

from datetime import date
from decimal import Decimal

from thor.trading.features import Features, within_confidence
from thor.trading.strategies.base import BASIS, Limits, Metadata, Position, Scene, Strategy


class VolatilitySqueeze(Strategy):
    """Bollinger's bands at most 1.5 % wide, ATR not above its mean of 50 days, MACD not below its signal.

    A close above the upper band, and volume, make it surer.
    """

    metadata = Metadata(
        strategy_id="volatility_squeeze_v1",
        name="Volatility squeeze",
        philosophy="Expansion follows compression.",
        edge="Volatility comes in clusters and returns to its mean; a quiet price is cheap to be wrong about.",
        risks="The expansion may go down; a price can stay quiet for longer than twenty days.",
        caveats="Quiet prices of takeover targets do not expand. Bands so narrow are rare outside large names.",
    )
    limits = Limits(least_confidence=3, max_positions=8, target=Decimal("0.15"))

    def reason_to_enter(self, symbol: str, seen: Features, scene: Scene) -> str:
        """Return how compressed the price is; nothing where it is not."""
        is_quiet = seen.bb_width <= 0.015 and seen.atr_pct <= seen.atr_pct_mean_50
        if is_quiet and seen.macd >= seen.macd_signal:
            return f"bands {seen.bb_width:.2%} wide, ATR {seen.atr_pct:.2%}, MACD above its signal"
        return ""

    def confidence(self, symbol: str, seen: Features, scene: Scene) -> int:
        """Return 3, and one more for a close above the upper band and for volume."""
        return within_confidence(BASIS + (seen.close > seen.bb_upper) + (seen.vol_ratio > 1.2))

    def reason_to_exit(self, position: Position, seen: Features, session_date: date) -> str:
        """Return that the price has expanded: bands more than 3 % wide."""
        return f"bands {seen.bb_width:.2%} wide, the expansion has happened" if seen.bb_width > 0.03 else ""
