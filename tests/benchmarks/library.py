"""What is waited for in a study: the whole library, and what a tuning adds to its simulations.

    python -m tests.benchmarks.library

`library_10_replications_s`: every scenario of the library, ten replications under the policy it
names or the default one, on two worker processes; starting these counts.
`tune_over_runs`: what `open-balancer tune` takes in all, report included, over what its simulations
take, in one process.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from typer.testing import CliRunner

from balancer.cli import app
from balancer.policy_file import default_policy
from scenarios.loader import library, load
from sim.run.result import POLICY
from sim.study.replications import Plan, replicate
from sim.tuning import robustness, sensitivity, trials, tune

__all__ = ["measure_library"]

REPLICATIONS = 10
WORKERS = 2
TUNED = ("latency_spike", "cost_spike")
TRIALS = 24


def measure_library() -> dict[str, float]:
    """The figures, by their names in `bench.json`."""
    return {"library_10_replications_s": _library_s(), "tune_over_runs": _tune_over_runs()}


def _library_s() -> float:
    began = time.perf_counter()
    found = (load(name) for name in sorted(library()))
    plans = [
        Plan(
            scenario=each.scenario,
            arms={POLICY: each.policy or default_policy()},
            replications=range(REPLICATIONS),
        )
        for each in found
    ]
    replicate(plans, workers=WORKERS)
    return time.perf_counter() - began


def _tune_over_runs() -> float:
    words = ("tune", *TUNED, "--trials", str(TRIALS), "--workers", "1", "--quiet", "--out")
    with TemporaryDirectory() as folder, _stopwatch() as spent_s:
        # What is compiled and imported once is no part of a tuning.
        _call(*words[:1], TUNED[0], "--trials", "12", *words[5:], f"{folder}/first")
        spent_s.clear()
        began = time.perf_counter()
        _call(*words, f"{folder}/second")
        return (time.perf_counter() - began) / sum(spent_s)


def _call(*words: str) -> None:
    done = CliRunner().invoke(app, list(words))
    if done.exit_code != 0:
        raise AssertionError(f"{' '.join(words)}: {done.output}")


@contextmanager
def _stopwatch() -> Iterator[list[float]]:
    """Seconds of each call of `replicate` that a tuning makes."""
    spent_s: list[float] = []

    def timed(*plans: Any, **how: Any) -> Any:
        began = time.perf_counter()
        try:
            return replicate(*plans, **how)
        finally:
            spent_s.append(time.perf_counter() - began)

    with ExitStack() as stack:
        for module in (robustness, sensitivity, trials, tune):
            stack.enter_context(patch.object(module, "replicate", timed))
        yield spent_s


if __name__ == "__main__":
    print({name: round(value, 3) for name, value in measure_library().items()})
