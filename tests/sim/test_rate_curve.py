"""The rate over time: its shape and its integral."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.errors import ScenarioError
from scenarios.schema import Diurnal, PatternPart, Ramp, Spike, Step
from sim.traffic.rate_curve import curve, integral


def rate_at(pattern: tuple[PatternPart, ...], time_s: float, duration_s: float = 1000.0) -> float:
    """The rate of a pattern on a base rate of 1."""
    for segment in curve(pattern, 1.0, duration_s):
        if segment["from_s"] <= time_s < segment["to_s"]:
            return float(segment["rate"] + segment["slope"] * (time_s - segment["from_s"]))
    raise AssertionError(time_s)


def spike(at: float, duration: float, factor: float) -> Spike:
    """A spike."""
    return Spike(kind="spike", at=at, **{"for": duration}, factor=factor)


def test_without_a_pattern_the_rate_is_constant() -> None:
    """One segment; its integral is rate times duration."""
    segments = curve((), 5.0, 100.0)
    assert len(segments) == 1
    assert integral(segments) == 500.0


def test_a_step_holds_until_the_next() -> None:
    """From `at` on; the later of two replaces the earlier."""
    pattern = (
        Step(kind="step", at=400, factor=0.5),
        Step(kind="step", at=100, factor=3),
    )
    assert [rate_at(pattern, t) for t in (0, 99.9, 100, 399.9, 400, 999)] == [1, 1, 3, 3, 0.5, 0.5]


def test_a_ramp_moves_the_level_from_where_it_is_and_stays() -> None:
    """Linear over its time, starting at what a step before it left."""
    pattern = (
        Step(kind="step", at=0, factor=2),
        Ramp(kind="ramp", at=100, over=200, factor=4),
        Ramp(kind="ramp", at=500, over=100, factor=0),
    )
    found = [rate_at(pattern, t) for t in (50, 100, 200, 300, 450, 550, 700)]
    assert found == pytest.approx([2, 2, 3, 4, 4, 2, 0])


def test_a_ramp_that_is_cut_short_goes_on_from_where_it_was() -> None:
    """A second ramp starts at the level the first had reached."""
    pattern = (
        Ramp(kind="ramp", at=0, over=100, factor=3),
        Ramp(kind="ramp", at=50, over=50, factor=1),
    )
    assert [rate_at(pattern, t) for t in (0, 50, 75, 100)] == pytest.approx([1, 2, 1.5, 1])


def test_spikes_multiply_the_level_and_each_other() -> None:
    """Two spikes at once multiply; outside of them nothing changes."""
    pattern = (spike(100, 200, 3), spike(200, 200, 2))
    assert [rate_at(pattern, t) for t in (50, 150, 250, 350, 450)] == [1, 3, 6, 2, 1]


def test_a_diurnal_swings_round_one() -> None:
    """1 + amplitude at the peak, 1 - amplitude half a period later."""
    pattern = (Diurnal(kind="diurnal", amplitude=0.5, period=400, peak_at=100),)
    found = [rate_at(pattern, t) for t in (100, 200, 300, 500)]
    assert found == pytest.approx([1.5, 1.0, 0.5, 1.5], abs=1e-4)


def test_a_whole_period_of_a_diurnal_adds_nothing() -> None:
    """Its mean is 1 over each period."""
    pattern = (Diurnal(kind="diurnal", amplitude=1.0, period=250, peak_at=30),)
    assert integral(curve(pattern, 2.0, 1000.0)) == pytest.approx(2000.0, rel=1e-9)


PARTS = st.one_of(
    st.builds(
        Step,
        kind=st.just("step"),
        at=st.floats(0, 1200),
        factor=st.floats(0, 5),
    ),
    st.builds(
        Ramp,
        kind=st.just("ramp"),
        at=st.floats(0, 1200),
        over=st.floats(1, 500),
        factor=st.floats(0, 5),
    ),
    st.builds(spike, st.floats(0, 1200), st.floats(1, 500), st.floats(0, 5)),
    st.builds(
        Diurnal,
        kind=st.just("diurnal"),
        amplitude=st.floats(0, 1),
        period=st.floats(100, 2000),
        peak_at=st.floats(0, 1000),
    ),
)


@given(st.lists(PARTS, max_size=5).map(tuple))
@settings(max_examples=50, deadline=None)
def test_segments_join_and_never_go_below_zero(pattern: tuple[PatternPart, ...]) -> None:
    """They cover the run without gaps; `before` is the integral of those before."""
    segments = curve(pattern, 7.0, 1000.0)
    assert segments["from_s"][0] == 0.0
    assert segments["to_s"][-1] == 1000.0
    assert (segments["from_s"][1:] == segments["to_s"][:-1]).all()
    widths = segments["to_s"] - segments["from_s"]
    ends = segments["rate"] + segments["slope"] * widths
    assert (segments["rate"] >= -1e-9).all()
    assert (ends >= -1e-9).all()
    areas = widths * (segments["rate"] + ends) / 2
    assert np.allclose(segments["before"][1:], np.cumsum(areas)[:-1])
    assert math.isclose(integral(segments), areas.sum(), rel_tol=1e-9, abs_tol=1e-9)


def test_a_diurnal_too_short_for_its_run_is_refused() -> None:
    """A period of a microsecond over an hour would fill the memory."""
    pattern = (Diurnal(kind="diurnal", amplitude=0.5, period=1e-6),)
    with pytest.raises(ScenarioError, match="lengthen the period"):
        curve(pattern, 1.0, 3600.0)
