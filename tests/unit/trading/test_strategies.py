"""What each strategy buys, how sure it is of it, and when it sells: at the edge of every condition, and beyond."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.trading.features_seen import (
    AT,
    BREAKOUT,
    OVERSOLD,
    PULLBACK,
    SESSIONS,
    SQUEEZED,
    TODAY,
    position,
    scene,
    seen,
)
from thor.trading.strategies.base import Event, Scene, Strategy, Urgency
from thor.trading.strategies.event_driven import KINDS, EventDriven
from thor.trading.strategies.mean_reversion import MeanReversion
from thor.trading.strategies.momentum_breakout import MomentumBreakout
from thor.trading.strategies.trend_pullback import TrendPullback
from thor.trading.strategies.volatility_squeeze import VolatilitySqueeze

TUESDAY, FRIDAY, THURSDAY = date(2026, 9, 8), date(2026, 9, 4), date(2026, 9, 3)


def confidence(strategy: Strategy, signs: dict[str, Any], **changed: Any) -> int | None:
    """Return how sure the strategy is of a symbol of these features, nothing where it does not buy."""
    intents = strategy.entries(scene({"IBM": seen(**signs | changed)}))
    return intents[0].confidence if intents else None


@pytest.mark.parametrize(
    ("strategy", "strategy_id", "floor", "positions", "target"),
    [
        (TrendPullback(), "trend_pullback_v1", 4, 10, "0.10"),
        (MomentumBreakout(), "momentum_breakout_v1", 3, 10, "0.10"),
        (MeanReversion(), "mean_reversion_v1", 3, 10, "0.07"),
        (VolatilitySqueeze(), "volatility_squeeze_v1", 3, 8, "0.15"),
        (EventDriven(), "event_driven_v1", 3, 5, "0.08"),
    ],
)
def test_limits_and_names(strategy: Strategy, strategy_id: str, floor: int, positions: int, target: str):
    limits, metadata = strategy.limits, strategy.metadata

    assert (limits.least_confidence, limits.max_positions, limits.target) == (floor, positions, Decimal(target))
    assert (metadata.strategy_id, metadata.version) == (strategy_id, "1.0.0")
    assert (metadata.markets, metadata.mode, metadata.instrument) == (("us", "india"), "swing", "equity")
    assert all((metadata.name, metadata.philosophy, metadata.edge, metadata.risks, metadata.caveats))


@pytest.mark.parametrize(
    ("strategy", "signs", "missed"),
    [
        (TrendPullback(), PULLBACK, {"sma_20": 100.0}),
        (TrendPullback(), PULLBACK, {"high_52w": 105.3}),  # 100 is 5.03 % below
        (TrendPullback(), PULLBACK, {"atr_pct": 0.0301}),
        (MomentumBreakout(), BREAKOUT, {"vol_ratio": 1.49}),
        (MomentumBreakout(), BREAKOUT, {"rsi_14": 59.9}),
        (MomentumBreakout(), BREAKOUT, {"macd": 0.49}),
        (MeanReversion(), OVERSOLD, {"sma_20": 100.0}),
        (MeanReversion(), OVERSOLD, {"rsi_14": 40.0}),
        (MeanReversion(), OVERSOLD, {"vol_ratio": 1.21}),
        (VolatilitySqueeze(), SQUEEZED, {"bb_width": 0.0151}),
        (VolatilitySqueeze(), SQUEEZED, {"atr_pct": 0.0401}),
        (VolatilitySqueeze(), SQUEEZED, {"macd": 0.49}),
    ],
)
def test_every_condition_of_an_entry_is_demanded(strategy: Strategy, signs: dict[str, Any], missed: dict[str, Any]):
    assert confidence(strategy, signs) == strategy.limits.least_confidence
    assert confidence(strategy, signs | missed) is None


def test_a_pullback_of_exactly_five_percent_in_moves_of_exactly_three_is_bought():
    # Both edges at once cost the sign of calm moves: a rising close above SMA 200 makes up for it.
    signs = PULLBACK | {"high_52w": 100.0, "close": 95.0, "atr_pct": 0.03, "sma_200": 94.0}

    assert confidence(TrendPullback(), signs) == 4


@pytest.mark.parametrize(
    ("strategy", "signs", "one", "other"),
    [
        (MomentumBreakout(), BREAKOUT, {"high_52w_before": 99.9}, {"atr_pct_mean_50": 0.0399}),
        (MeanReversion(), OVERSOLD, {"sma_200": 99.9}, {"atr_pct": 0.0299}),
        (VolatilitySqueeze(), SQUEEZED, {"bb_upper": 99.9}, {"vol_ratio": 1.21}),
    ],
)
def test_each_confirmation_makes_it_surer(
    strategy: Strategy, signs: dict[str, Any], one: dict[str, Any], other: dict[str, Any]
):
    assert confidence(strategy, signs) == 3
    assert confidence(strategy, signs | one) == 4
    assert confidence(strategy, signs | other) == 4
    assert confidence(strategy, signs | one | other) == 5


def test_the_pullback_is_as_sure_as_its_score_and_not_bought_below_four():
    assert confidence(TrendPullback(), PULLBACK, sma_200=99.0) == 5
    assert confidence(TrendPullback(), PULLBACK) == 4
    assert confidence(TrendPullback(), PULLBACK, vol_ratio=1.2) is None


def test_an_intent_says_who_wants_what_why_and_when():
    known = seen(**BREAKOUT)

    (intent,) = MomentumBreakout().entries(scene({"IBM": known}))

    assert (intent.symbol, intent.strategy_id, intent.urgency) == ("IBM", "momentum_breakout_v1", Urgency.NEXT_OPEN)
    assert intent.reason == "volume 1.5 times its mean, RSI 60, MACD above its signal"
    assert (intent.features, intent.generated_at) == (known, AT)
    assert intent.metadata is MomentumBreakout.metadata


def test_wishes_come_surest_first_and_then_by_name_and_never_for_what_is_held():
    weak, strong = seen(**BREAKOUT), seen(**BREAKOUT, high_52w_before=90.0)
    known = scene({"C": weak, "A": weak, "D": strong, "B": strong, "E": strong}, held={"E": "mean_reversion_v1"})

    intents = MomentumBreakout().entries(known)

    assert [(one.symbol, one.confidence) for one in intents] == [("B", 4), ("D", 4), ("A", 3), ("C", 3)]


def news(kind: str = "earnings", on: date = TUESDAY, move: float = 0.04, **changed: Any) -> Event:
    return Event("IBM", kind, on, move, **changed)


def told(*events: Event, **signs: Any) -> Scene:
    return scene({"IBM": seen(**signs)}, events=events)


@pytest.mark.parametrize("kind", ["earnings", "fda_approval", "product_launch", "acquisition", "guidance_cut"])
def test_five_kinds_of_events_are_followed(kind: str):
    (intent,) = EventDriven().entries(told(news(kind)))

    assert intent.confidence == 3
    assert intent.reason == f"{kind} on 2026-09-08 moved it by +4.0%"
    assert len(KINDS) == 5


@pytest.mark.parametrize(
    ("on", "is_bought"),
    [(TODAY, False), (TUESDAY, True), (FRIDAY, True), (THURSDAY, False), (date(2026, 9, 5), True)],
)
def test_an_event_counts_for_two_sessions_over_a_long_weekend_too(on: date, is_bought: bool):
    assert bool(EventDriven().entries(told(news(on=on)))) == is_bought


@pytest.mark.parametrize(
    "event",
    [
        news("dividend"),
        news(move=0.0399),
        news(move=-0.0399),
        news(move=0.04, normal_move=0.021),
        news(on=SESSIONS[0] - timedelta(days=1)),
        Event("AAPL", "earnings", TUESDAY, -0.2),
    ],
)
def test_other_events_and_normal_moves_are_left_alone(event: Event):
    assert EventDriven().entries(told(event)) == []


def test_an_event_in_a_downtrend_is_left_alone():
    assert EventDriven().entries(told(news(), sma_20=99.9)) == []
    assert EventDriven().entries(told(news(), sma_20=100.0)) != []


def test_of_two_events_the_stronger_answer_counts_and_a_fall_makes_it_surer():
    (intent,) = EventDriven().entries(told(news(move=0.05), news("guidance_cut", move=-0.09), vol_ratio=1.21))

    assert intent.confidence == 5
    assert intent.reason == "guidance_cut on 2026-09-08 moved it by -9.0%"


def test_without_a_source_of_events_nothing_is_bought_and_the_reason_is_said():
    known = scene({"IBM": seen()})

    assert EventDriven().entries(known) == []
    assert EventDriven().degraded(known) == "there is no source of events"


def test_events_without_the_sessions_of_the_market_cannot_be_dated():
    known = scene({"IBM": seen()}, events=[news()], sessions=())

    assert EventDriven().entries(known) == []
    assert EventDriven().degraded(known) == "the last sessions of the market are not known"


def test_a_day_without_events_is_no_degradation():
    assert EventDriven().degraded(scene({}, events=[])) == ""


@pytest.mark.parametrize(
    ("strategy", "keeps", "sells"),
    [
        (MomentumBreakout(), {"rsi_14": 40.0}, {"rsi_14": 39.9}),
        (VolatilitySqueeze(), {"bb_width": 0.03}, {"bb_width": 0.0301}),
    ],
)
def test_each_strategy_sells_when_its_reason_is_gone(strategy: Strategy, keeps: dict[str, Any], sells: dict[str, Any]):
    assert strategy.reason_to_exit(position(), seen(**keeps), TODAY) == ""
    assert strategy.reason_to_exit(position(), seen(**sells), TODAY) != ""


@pytest.mark.parametrize(
    ("days", "close", "sells"), [(5, 99.0, False), (6, 99.99, True), (6, 100.0, False), (19, 101.0, False)]
)
def test_an_event_that_is_still_a_loss_after_five_days_is_given_up(days: int, close: float, sells: bool):
    held = position(entry_date=TODAY - timedelta(days=days))

    assert bool(EventDriven().reason_to_exit(held, seen(close=close), TODAY)) == sells


def test_a_pullback_has_no_exit_of_its_own():
    assert TrendPullback().reason_to_exit(position(), seen(close=1.0, rsi_14=1.0), TODAY) == ""
