"""Buy strength that comes with volume."""

from datetime import date
from decimal import Decimal

from thor.trading.features import Features, within_confidence
from thor.trading.strategies.base import BASIS, Limits, Metadata, Position, Scene, Strategy


class MomentumBreakout(Strategy):
    """Volume at least 1.5 times its mean, RSI at least 60, MACD not below its signal.

    A close above the high of the 52 weeks before, and moves larger than they used to be, make it surer.
    """

    metadata = Metadata(
        strategy_id="momentum_breakout_v1",
        name="Momentum breakout",
        philosophy="Strength that comes with volume goes on.",
        edge="Large buyers need days to fill; their volume shows before they have finished.",
        risks="False breakouts, and gaps against the position after a fast rise.",
        caveats="Volume of news and of index changes looks the same. Weak in markets without direction.",
    )
    limits = Limits(least_confidence=3, max_positions=10, target=Decimal("0.10"))

    def reason_to_enter(self, symbol: str, seen: Features, scene: Scene) -> str:
        """Return why to buy the strength; nothing where it is missing."""
        if seen.vol_ratio >= 1.5 and seen.rsi_14 >= 60 and seen.macd >= seen.macd_signal:
            return f"volume {seen.vol_ratio:.1f} times its mean, RSI {seen.rsi_14:.0f}, MACD above its signal"
        return ""

    def confidence(self, symbol: str, seen: Features, scene: Scene) -> int:
        """Return 3, and one more for a new high and for growing moves."""
        return within_confidence(BASIS + (seen.close > seen.high_52w_before) + (seen.atr_pct > seen.atr_pct_mean_50))

    def reason_to_exit(self, position: Position, seen: Features, session_date: date) -> str:
        """Return that the momentum is gone: RSI below 40."""
        return f"RSI {seen.rsi_14:.0f}, the momentum is gone" if seen.rsi_14 < 40 else ""
