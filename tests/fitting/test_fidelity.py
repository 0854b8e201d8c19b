"""Whether a fit is to be trusted."""

from __future__ import annotations

import math

from sim.backtesting.fidelity import fidelity, trustworthy
from sim.fitting.account import FIGURES

SEEN = dict.fromkeys(FIGURES, 0.5)


def test_a_figure_beyond_its_tolerance_makes_a_fit_poor() -> None:
    """Cost may be 5 % off, and not 6 %."""
    for cost, good in ((0.52, True), (0.53, False)):
        simulated = [{**SEEN, "observed_cost_usd": cost}] * 2
        assert trustworthy(fidelity(SEEN, simulated)) is good


def test_what_the_journal_does_not_tell_is_not_judged() -> None:
    """Such as first tokens of calls that do not stream."""
    seen = {**SEEN, "ttft_p95_s": math.nan}
    figures = {each.name: each for each in fidelity(seen, [SEEN] * 2)}
    assert math.isnan(figures["ttft_p95_s"].tolerance)
    assert trustworthy(tuple(figures.values()))


def test_nothing_that_becomes_something_is_beyond_any_share() -> None:
    """A cost where there was none."""
    seen = {**SEEN, "observed_cost_usd": 0.0}
    assert not trustworthy(fidelity(seen, [SEEN] * 2))
    assert trustworthy(fidelity(seen, [seen] * 2))
