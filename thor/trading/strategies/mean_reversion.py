"""Buy what was sold too far inside an uptrend."""

from datetime import date
from decimal import Decimal

from thor.trading.features import Features, within_confidence
from thor.trading.strategies.base import BASIS, Limits, Metadata, Position, Scene, Strategy
from thor.trading.strategies.common_exits import has_lost


class MeanReversion(Strategy):
    """SMA 20 above SMA 200, RSI below 40, and volume at most 1.2 times its mean: sold, but not in a panic.

    A close that is still above SMA 200, and calm moves, make it surer.
    """

    metadata = Metadata(
        strategy_id="mean_reversion_v1",
        name="Mean reversion",
        philosophy="Inside an uptrend, what was sold too far snaps back to its mean.",
        edge="Sellers who need cash pay for speed; whoever waits some days is paid.",
        risks="The sellers may know something; a fall without volume can be the quiet begin of a long one.",
        caveats="Is below SMA 20 when it buys: its exit counts only once the mean was reached.",
    )
    limits = Limits(least_confidence=3, max_positions=10, target=Decimal("0.07"))

    def reason_to_enter(self, symbol: str, seen: Features, scene: Scene) -> str:
        """Return why a snap-back is due; nothing where it is not."""
        if seen.sma_20 > seen.sma_200 and seen.rsi_14 < 40 and seen.vol_ratio <= 1.2:
            return f"RSI {seen.rsi_14:.0f} in an uptrend, volume {seen.vol_ratio:.1f} times its mean"
        return ""

    def confidence(self, symbol: str, seen: Features, scene: Scene) -> int:
        """Return 3, and one more for a close above SMA 200 and for calm moves."""
        return within_confidence(BASIS + (seen.close > seen.sma_200) + (seen.atr_pct < 0.03))

    def reason_to_exit(self, position: Position, seen: Features, session_date: date) -> str:
        """Return that the mean was reached and lost again: a close below SMA 20 after one at or above it."""
        if has_lost(position, seen.close, seen.sma_20, seen.above_sma_20_on):
            return f"closed at {seen.close:.2f}, below its average of 20 days at {seen.sma_20:.2f} again"
        return ""
