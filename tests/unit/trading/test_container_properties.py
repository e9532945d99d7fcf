"""Whatever the market looks like: slots are kept, symbols are bought once, and the same scene gives the same answer."""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.features_seen import BREAKOUT, OVERSOLD, PULLBACK, SESSIONS, SQUEEZED, scene, seen
from thor.trading.strategies.base import Event, Scene
from thor.trading.strategies.container import STRATEGIES, SwingEquityStrategy
from thor.trading.strategies.event_driven import KINDS

IDS = [build().metadata.strategy_id for build in STRATEGIES]
LIMITS = {one.metadata.strategy_id: one.limits for one in (build() for build in STRATEGIES)}
CONFIRMED = {"high_52w_before": 99.0, "bb_upper": 99.0, "sma_200": 99.0, "vol_ratio": 1.3}

symbols = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=2)
looks = st.lists(st.sampled_from([PULLBACK, BREAKOUT, OVERSOLD, SQUEEZED, CONFIRMED]), max_size=4).map(
    lambda chosen: seen(**{name: value for one in chosen for name, value in one.items()})
)
events = st.builds(
    Event, symbols, st.sampled_from([*sorted(KINDS), "dividend"]), st.sampled_from(SESSIONS), st.floats(-0.2, 0.2)
)
scenes: st.SearchStrategy[Scene] = st.builds(
    lambda known, held, told: scene(known, held=held, events=told),
    st.dictionaries(symbols, looks, max_size=40),
    st.dictionaries(symbols, st.sampled_from([*IDS, "", "gone_v1"]), max_size=14),
    st.none() | st.lists(events, max_size=12),
)


@settings(max_examples=300, deadline=None)
@given(scenes, st.integers(0, 12))
def test_there_are_never_more_entries_than_slots_and_each_is_wanted(known: Scene, most: int):
    found = SwingEquityStrategy(max_positions=most).entries(known)

    bought = [one.symbol for one in found.intents]
    assert len(bought) <= max(0, most - len(known.held))
    assert len(set(bought)) == len(bought)
    assert not set(bought) & set(known.held)
    assert set(bought) <= set(known.features)
    mine = Counter(known.held.values())
    for strategy_id, count in Counter(one.strategy_id for one in found.intents).items():
        assert mine[strategy_id] + count <= LIMITS[strategy_id].max_positions


@settings(max_examples=300, deadline=None)
@given(scenes)
def test_confidence_is_between_the_floor_and_five_and_the_surest_come_first(known: Scene):
    found = SwingEquityStrategy(max_positions=100).entries(known)

    assert all(LIMITS[one.strategy_id].least_confidence <= one.confidence <= 5 for one in found.intents)
    assert [(-one.confidence, one.symbol) for one in found.intents] == sorted(
        (-one.confidence, one.symbol) for one in found.intents
    )
    best = {one.symbol: one.confidence for one in found.intents}
    for passed in found.passed_over:
        assert passed.intent.confidence <= best.get(passed.intent.symbol, 5)


@settings(max_examples=200, deadline=None)
@given(scenes, st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_told_changes_nothing(known: Scene, chance: Random):
    def shuffled(items: Iterable[Any]) -> list[Any]:
        rows = list(items)
        chance.shuffle(rows)
        return rows

    again = scene(dict(shuffled(known.features.items())), held=dict(shuffled(known.held.items())), events=known.events)

    assert SwingEquityStrategy().entries(again) == SwingEquityStrategy().entries(known)


@given(st.dates(date(2026, 8, 1), date(2026, 9, 30)))
def test_sessions_since_a_day_are_counted_or_not_known(day: date):
    counted = scene({}).sessions_since(day)

    assert (counted is None) == (day < SESSIONS[0])
    assert counted in (None, *range(6))
    assert counted is None or counted == len([one for one in SESSIONS if one > day])
