"""Buy a shallow dip in a confirmed uptrend."""

from datetime import date
from decimal import Decimal

from thor.trading.features import Features, score
from thor.trading.strategies.base import Limits, Metadata, Position, Scene, Strategy


class TrendPullback(Strategy):
    """SMA 20 above SMA 200, at most 5 % below the high of 52 weeks, and calm: ATR at most 3 % of the price.

    Its confidence is the score of a calm uptrend, so that a rising SMA 20 and volume, which are not demanded, count.
    """

    metadata = Metadata(
        strategy_id="trend_pullback_v1",
        name="Trend pullback",
        philosophy="A shallow dip in a confirmed uptrend is bought by those who missed the trend.",
        edge="Trends of months persist; a dip gives an entry near where the trend would be given up.",
        risks="A dip is how every reversal begins; many entries fail together when the market turns.",
        caveats="Wants 200 days of history. Finds nothing in bear markets, and late entries in old trends.",
    )
    limits = Limits(least_confidence=4, max_positions=10, target=Decimal("0.10"))

    def reason_to_enter(self, symbol: str, seen: Features, scene: Scene) -> str:
        """Return why to buy the dip; nothing where it is none."""
        below = (seen.high_52w - seen.close) / seen.high_52w
        if seen.sma_20 > seen.sma_200 and below <= 0.05 and seen.atr_pct <= 0.03:
            return f"uptrend, {below:.1%} below the high of 52 weeks, ATR {seen.atr_pct:.1%}"
        return ""

    def confidence(self, symbol: str, seen: Features, scene: Scene) -> int:
        """Return the score of a calm uptrend."""
        return score(seen)

    def reason_to_exit(self, position: Position, seen: Features, session_date: date) -> str:
        """Return nothing: the trend is over below SMA 200, and there every position ends."""
        return ""
