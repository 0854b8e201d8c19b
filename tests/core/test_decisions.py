"""Decisions: the mixes, the gates and the look-up of a request's plan."""

from __future__ import annotations

import math

import pytest

from balancer.core.decisions import (
    ADMIT_ALL,
    Decision,
    Limits,
    Plan,
    Stance,
    gates,
    one_hot,
    plan,
    probe_mixes,
    tried,
)
from balancer.core.modes import Mode, Priority
from tests.core.builders import STRATEGIES

SOFT_ONLY = one_hot(Mode.SOFT)


def decide(stance: Stance) -> Decision:
    """The decision of a stance."""
    return Decision(
        tick=0,
        mode=stance.mode,
        mix=stance.mixes[0],
        admit=stance.admit,
        limits=Limits(),
        reasons=(),
        mixes=stance.mixes,
        gates=gates(stance, STRATEGIES),
    )


def test_one_hot_is_everything_in_one_mode() -> None:
    """Normal first."""
    assert one_hot(Mode.HARD) == (0.0, 0.0, 1.0, 0.0)


def test_a_plan_is_the_modes_strategy() -> None:
    """Whatever was drawn, when there is one mode and nothing is shed."""
    decision = decide(Stance(mode=Mode.SOFT, mixes=(SOFT_ONLY,) * 3))
    for u in (0.0, 0.5, math.nextafter(1.0, 0.0)):
        assert plan(decision, Priority.NORMAL, u) == Plan(Mode.SOFT, STRATEGIES[Mode.SOFT])


def test_a_plan_is_probed_below_the_share_of_the_lower_mode() -> None:
    """A tenth of normal: draws below 0.1 get it."""
    mixes = ((0.1, 0.9, 0.0, 0.0), SOFT_ONLY, SOFT_ONLY)
    decision = decide(Stance(mode=Mode.SOFT, mixes=mixes))
    assert plan(decision, Priority.LOW, 0.0999).mode is Mode.NORMAL
    assert plan(decision, Priority.LOW, 0.1).mode is Mode.SOFT
    assert plan(decision, Priority.HIGH, 0.0999).mode is Mode.SOFT


def test_a_request_is_refused_above_the_admit_probability() -> None:
    """Refused requests carry the mode's strategy, for its static answer."""
    stance = Stance(mode=Mode.EMERGENCY, mixes=(one_hot(Mode.EMERGENCY),) * 3, admit=(0, 0.5, 1))
    decision = decide(stance)
    refused = Plan(Mode.EMERGENCY, STRATEGIES[3], admitted=False)
    assert plan(decision, Priority.LOW, 0.0) == refused
    assert plan(decision, Priority.NORMAL, 0.4999).admitted
    assert plan(decision, Priority.NORMAL, 0.5) == refused
    assert plan(decision, Priority.HIGH, 0.9999).admitted


def test_the_mix_holds_among_the_admitted() -> None:
    """Half admitted, a fifth of those probing: draws below 0.1 probe, below 0.5 are served."""
    stance = Stance(mode=Mode.SOFT, mixes=((0.2, 0.8, 0.0, 0.0),) * 3, admit=(0.5, 0.5, 0.5))
    found = [plan(decide(stance), Priority.LOW, u) for u in (0.05, 0.0999, 0.1, 0.4999, 0.5)]
    assert [p.mode for p in found[:4]] == [Mode.NORMAL, Mode.NORMAL, Mode.SOFT, Mode.SOFT]
    assert [p.admitted for p in found] == [True, True, True, True, False]


def test_a_draw_that_is_no_number_is_refused() -> None:
    """A broken random source must not silently shed."""
    decision = decide(Stance(mode=Mode.SOFT, mixes=(SOFT_ONLY,) * 3))
    with pytest.raises(ValueError, match=r"u is nan; expected a draw from \[0, 1\)"):
        plan(decision, Priority.LOW, math.nan)


def test_probes_come_from_low_priority_while_it_has_enough() -> None:
    """5 % of all, with 20 % low: a quarter of low."""
    low, normal, high = probe_mixes(Mode.SOFT, Mode.NORMAL, 0.05, (0.2, 0.5, 0.3))
    assert low == pytest.approx((0.25, 0.75, 0.0, 0.0))
    assert normal == high == SOFT_ONLY


def test_probes_that_low_priority_cannot_give_come_from_the_next() -> None:
    """10 % of all, with 4 % low: all of low and a tenth of the 60 % normal."""
    low, normal, high = probe_mixes(Mode.HARD, Mode.SOFT, 0.1, (0.04, 0.6, 0.36))
    assert low == SOFT_ONLY
    assert normal == pytest.approx((0.0, 0.1, 0.9, 0.0))
    assert high == one_hot(Mode.HARD)


def test_a_priority_nobody_asks_with_is_not_probed() -> None:
    """Its share would be of nothing."""
    low, normal, high = probe_mixes(Mode.SOFT, Mode.NORMAL, 0.1, (0.0, 0.0, 1.0))
    assert low == normal == SOFT_ONLY
    assert high == pytest.approx((0.1, 0.9, 0.0, 0.0))


def test_a_stance_admits_all_unless_it_says_otherwise() -> None:
    """And has no bounds."""
    stance = Stance(mode=Mode.NORMAL, mixes=(one_hot(Mode.NORMAL),) * 3)
    assert stance.admit == ADMIT_ALL == (1.0, 1.0, 1.0)
    assert stance.limits == Limits(max_in_flight=None, max_starts=None)


def test_what_is_tried_is_weighed_by_the_requests_of_each_priority() -> None:
    """A tenth of low is a twentieth where half are low, and a thirtieth where none is known."""
    mixes = ((0.1, 0.9, 0.0, 0.0), SOFT_ONLY, SOFT_ONLY)
    decision = decide(Stance(mode=Mode.SOFT, mixes=mixes))
    mode, share = tried(decision, (50, 30, 20)) or (None, 0.0)
    assert mode is Mode.NORMAL
    assert share == pytest.approx(0.05)
    assert (tried(decision, ()) or (None, 0.0))[1] == pytest.approx(0.1 / 3)
    assert tried(decide(Stance(mode=Mode.SOFT, mixes=(SOFT_ONLY,) * 3)), (1, 1, 1)) is None
