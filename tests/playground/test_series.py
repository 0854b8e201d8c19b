"""Lines to draw: what slides is what a merge says, and no peak is lost."""

from __future__ import annotations

import math

import numpy as np
import pytest

from balancer.core.decisions import Decision
from balancer.core.histogram import Histogram, merge
from balancer.core.modes import Mode
from balancer.core.observations import ModeObservations, Observations
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from sim.playground.quantiles import sliding_quantile
from sim.playground.series import MOST_POINTS, Observed, reduced, signals_of

ALONE = Balancer(default_policy()).decision


def test_a_sliding_quantile_is_that_of_the_merged_histograms() -> None:
    """At every tick, for several ranks."""
    draws = np.random.default_rng(7)
    rows = [
        (tick, Histogram.of(draws.lognormal(1.0, 0.8, draws.integers(1, 6))))
        for tick in sorted(draws.integers(0, 40, 50).tolist())
    ]
    for q in (0.5, 0.95, 0.99, 1.0):
        found = sliding_quantile([at for at, _ in rows], [h.packed for _, h in rows], 45, 7, q)
        for tick in range(45):
            expected = merge(h for at, h in rows if tick - 7 < at <= tick).quantile(q)
            assert found[tick] == pytest.approx(expected, nan_ok=True)


def test_nothing_seen_is_no_line() -> None:
    """Neither a zero nor an error."""
    assert np.isnan(sliding_quantile([], [], 5, 3, 0.95)).all()


def test_a_reduced_line_keeps_the_extremes() -> None:
    """One second of a day still shows, on both sides, in at most so many points."""
    values = np.full(86_400, 5.0)
    values[40_001], values[50_002], values[60_000:60_300] = 90.0, 0.5, math.nan
    line = reduced(values, 1.0)
    assert len(line.values) <= MOST_POINTS
    assert np.nanmax(line.values) == 90.0
    assert np.nanmin(line.values) == 0.5
    assert np.isnan(line.values).any()
    at_s = line.from_s + int(np.nanargmax(line.values)) * line.step_s
    assert at_s == pytest.approx(40_001, abs=line.step_s * 2)


def test_a_short_line_is_drawn_as_it_is() -> None:
    """A point stands at the end of its tick."""
    line = reduced(np.array([1.0, math.nan, 123.456]), 0.5)
    assert line.plain() == {"step_s": 0.5, "from_s": 0.5, "values": [1.0, None, 123.5]}


def test_signals_are_those_of_the_rules_and_the_usual_three() -> None:
    """Each with its rule's window."""
    assert signals_of(default_policy()) == {
        "latency_p95": 60.0,
        "error_rate": 60.0,
        "token_cost_per_hour": 60.0,
    }


def test_windows_slide_over_what_was_seen() -> None:
    """An error rate of the last three ticks; dollars an hour; what drains is left out."""
    observed = Observed(6.0, 1.0)
    for tick in range(8):
        ill = (1,) if tick in (2, 7) else (0,)
        entry = ModeObservations(
            mode=Mode.NORMAL,
            model="m",
            started=2,
            finished=2,
            failures=(*ill, *([0] * (len(ModeObservations(Mode.NORMAL, "m").failures) - 1))),
            nano_usd=1_000_000_000,
        )
        observed.add(Observations(tick, (entry,), offered=(0, 2, 0), waiting=tick), ALONE)
    found = observed.lines({"error_rate": 3.0, "token_cost_per_hour": 3.0, "queue_depth": 60.0})
    assert found["error_rate"].values.tolist() == pytest.approx([0, 0, 1 / 6, 1 / 6, 1 / 6, 0])
    assert found["token_cost_per_hour"].values.tolist() == pytest.approx([3600.0] * 6)
    assert found["queue_depth"].values.tolist() == [0, 1, 2, 3, 4, 5]
    assert found["offered_per_s"].values.tolist() == pytest.approx([2.0] * 6)


def _half_tried(share: float) -> Decision:
    """Of normal priority alone, which is all there is."""
    alone, some = (1.0, 0.0, 0.0, 0.0), (1.0 - share, share, 0.0, 0.0)
    mix = (1.0 - share / 3, share / 3, 0.0, 0.0)
    return ALONE._replace(mix=mix, mixes=(alone, some, alone))


def test_what_is_tried_beside_the_mode_is_a_stretch_for_each_share() -> None:
    """From the tick after the decision, until one that tries nothing, or another share."""
    observed = Observed(10.0, 0.1)
    half, fifth = (_half_tried(share) for share in (0.5, 0.2))
    for tick, decision in enumerate([ALONE, half, half, half, fifth, ALONE, fifth]):
        observed.add(Observations(tick, admitted=(0, 9, 0)), decision)
    spans = [(each.mode, each.share, round(each.from_s, 3), round(each.to_s, 3))
             for each in observed.tried]  # fmt: skip
    assert spans == [
        ("soft", 0.5, 0.2, 0.5), ("soft", 0.2, 0.5, 0.6), ("soft", 0.2, 0.7, 0.8),
    ]  # fmt: skip
