"""Laws of the look-up every request makes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.decisions import Decision, Limits, Stance, gates, plan, probe_mixes
from balancer.core.modes import MODES, PRIORITIES, Mode
from tests.core.builders import STRATEGIES

GRID = 4000
shares = st.floats(0.0, 1.0)


@st.composite
def mixes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    """A mix over any of the modes."""
    weights = draw(
        st.tuples(*[st.integers(0, 10)] * 4).filter(lambda found: sum(found) > 0),
    )
    low, soft, hard, emergency = (weight / sum(weights) for weight in weights)
    return low, soft, hard, emergency


@settings(max_examples=30)
@given(st.tuples(mixes(), mixes(), mixes()), st.tuples(shares, shares, shares))
def test_plans_are_taken_in_the_shares_decided(
    mix: tuple[
        tuple[float, float, float, float],
        tuple[float, float, float, float],
        tuple[float, float, float, float],
    ],
    admit: tuple[float, float, float],
) -> None:
    """Mode by mode mix times admit, and the rest refused, over a fine grid of draws."""
    stance = Stance(mode=Mode.SOFT, mixes=mix, admit=admit)
    decision = Decision(0, Mode.SOFT, mix[0], admit, Limits(), (), mix, gates(stance, STRATEGIES))
    for priority in PRIORITIES:
        plans = [plan(decision, priority, (at + 0.5) / GRID) for at in range(GRID)]
        taken = Counter(found.mode for found in plans if found.admitted)
        for mode in MODES:
            expected = mix[priority][mode] * admit[priority]
            assert taken[mode] / GRID == pytest.approx(expected, abs=2 / GRID)
        assert all(found.strategy is STRATEGIES[found.mode] for found in plans)


@given(
    st.sampled_from([Mode.SOFT, Mode.HARD, Mode.EMERGENCY]),
    st.data(),
    st.floats(1e-6, 1.0),
    st.tuples(*[st.integers(0, 50)] * 3).filter(lambda found: sum(found) > 0),
)
def test_probes_are_the_share_asked_for_and_low_priority_first(
    mode: Mode, data: st.DataObject, share: float, requests: tuple[int, int, int]
) -> None:
    """Over all requests; a priority is probed only where those below it are all probed."""
    target = data.draw(st.sampled_from(MODES[:mode]))
    total = sum(requests)
    low, normal, high = (count / total for count in requests)
    found = probe_mixes(mode, target, share, (low, normal, high))
    probed = [mix[target] for mix in found]
    parts = (low, normal, high)
    overall = sum(part * here for part, here in zip(parts, probed, strict=True))
    assert overall == pytest.approx(share)
    for lower, higher in ((0, 1), (1, 2), (0, 2)):
        if probed[higher] > 1e-9 and parts[lower] > 0:
            assert probed[lower] == pytest.approx(1.0)
    assert all(sum(mix) == pytest.approx(1.0) for mix in found)
