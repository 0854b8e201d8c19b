"""The gate errs as rarely as it says, on made-up pairs; `make prove` does it on real ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.study.margins import parse_margins
from tests.gate.error_rates import ErrorRate, Pairs, error_rates, shifted
from tests.sim.samples import run

pytestmark = pytest.mark.slow

GATES = 100


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """Pairs whose metrics hang together, with differences as skewed as those of real runs."""
    random = np.random.default_rng(1)
    n = 500
    load, luck = random.standard_normal(n), random.gamma(2.0, size=(5, n))
    kinds = {
        "availability": (0.999, 0.0002),
        "cost_per_answer_usd": (0.002, 0.00005),
        "latency_p95_s": (9.5, 0.1),
        "quality": (0.92, 0.005),
        "latency_mean_s": (5.0, 0.1),
    }

    def arm(worse: bool) -> tuple[dict[str, float], ...]:
        return tuple(
            {
                name: float(base + spread * (load[k] + worse * luck[row][k]))
                for row, (name, (base, spread)) in enumerate(kinds.items())
            }
            for k in range(n)
        )

    return Pairs(
        baseline=tuple(replace(run(k), metrics=each) for k, each in enumerate(arm(worse=False))),
        candidate=tuple(replace(run(k), metrics=each) for k, each in enumerate(arm(worse=True))),
    )


def test_no_claim_is_refuted(pairs: Pairs) -> None:
    """A hundred gates each cannot prove a rate of 5 %, but would show one of 15 %."""
    for rate in error_rates(pairs, GATES):
        if rate.at_most is not None:
            assert rate.share.low <= rate.at_most, rate
        else:
            assert rate.at_least is not None
            assert rate.share.high >= rate.at_least, rate


def test_a_shift_puts_the_truth_where_it_is_wanted(pairs: Pairs) -> None:
    """At a multiple of the margin, on the worse side; at 0 where nothing is said."""
    margins = parse_margins("availability=0.1pp,latency_p95_s=5%,quality=1pp")
    moved = shifted(pairs, margins, {"availability": 2.0, "latency_p95_s": 1.0})

    def means(metric: str) -> tuple[float, float]:
        return tuple(  # type: ignore[return-value]
            float(np.mean([each.metrics[metric] for each in runs]))
            for runs in (moved.baseline, moved.candidate)
        )

    before, after = means("availability")
    assert before - after == pytest.approx(0.002)
    before, after = means("latency_p95_s")
    assert after / before == pytest.approx(1.05)
    before, after = means("quality")
    assert after == pytest.approx(before)


@pytest.mark.parametrize(
    ("hits", "gates", "at_most", "at_least", "holds"),
    [
        (60, 2000, 0.05, None, True),
        (90, 2000, 0.05, None, False),
        (0, 2000, 0.0, None, True),
        (1, 2000, 0.0, None, False),
        (1950, 2000, None, 0.95, True),
        (1905, 2000, None, 0.95, False),
    ],
)
def test_a_claim_holds_if_its_whole_interval_does(
    hits: int, gates: int, at_most: float | None, at_least: float | None, holds: bool
) -> None:
    """A share that is near the bound proves nothing; what never happens never did."""
    rate = ErrorRate(
        truth="",
        outcome="pass",
        hits=hits,
        gates=gates,
        replications=1.0,
        at_most=at_most,
        at_least=at_least,
    )
    assert rate.holds is holds
