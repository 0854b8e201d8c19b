"""A fair tuning: the same number of trials for every law, on the training half of the library.

    python -m tests.proofs.tuning [--workers N]

writes `sim/tuned.json`, which `sim.study.compared_laws` reads: a law with the constants chosen
here is a rival by the name of the law and "_tuned". Rules, stated beforehand:

- A scenario is for training when the SHA-256 of its name is even, and it has one process: one of
  sixteen takes as long as twelve others. The library was split so when this was first run, and
  `training` in the file keeps the names; what is added later is for the test, whatever its hash.
- Every law gets eight trials: its published constants and seven others, on a grid.
- A trial is run once in every training scenario, all of them on the same requests.
- Its loss there is its regret: utility below that of the best trial of any law that meets every
  expectation about the outcome, as a share of what perfect answers would be worth. A trial that
  misses such an expectation loses a tenth besides, and gains nothing by being cheap: as if one
  request in ten got no answer. Where nobody meets all, nobody gains or loses.
- The trial with the least mean loss is chosen; of equal ones the first.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from balancer.core.policy import Policy
from balancer.policy_file import default_policy
from scenarios.loader import load
from sim.run.result import CHEAPEST, STATIC
from sim.study.compared_laws import tuning, with_constants
from sim.study.expectations import expected
from sim.study.ranking import Standing, standings
from sim.study.replications import Plan, Runs, replicate
from sim.workers.pool import Workers

__all__ = ["MISS", "TRIALS", "Result", "chosen", "is_training", "losses", "tune"]

TUNED_FILE = Path(__file__).parents[2] / "sim" / "tuned.json"

MISS = 0.1
"""What an expectation that is missed costs, as a share of what perfect answers are worth."""


def _grid(**values: Sequence[float]) -> tuple[dict[str, float], ...]:
    return tuple(dict(zip(values, each, strict=True)) for each in product(*values.values()))


TRIALS: Mapping[str, tuple[dict[str, float], ...]] = {
    "ladder": _grid(hold_s=(120.0, 240.0), settle_s=(10.0, 30.0), exit=(0.8, 0.9)),
    "mildest": _grid(hold_s=(120.0, 60.0), settle_s=(10.0, 30.0), exit=(0.8, 0.9)),
    "threshold": _grid(hold_s=(0.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0)),
    "dimmer": (
        *_grid(quantile=(1.0,), window_s=(5.0,), pole=(0.9, 0.98, 0.7, 0.5)),
        *_grid(quantile=(0.95,), window_s=(60.0,), pole=(0.9, 0.98, 0.7, 0.5)),
    ),
    "throttle": _grid(k=(2.0, 1.5, 3.0, 1.1), window_s=(120.0, 30.0)),
    "gradient": _grid(tolerance=(1.5, 2.0, 3.0, 5.0), least=(20, 100)),
    "breaker": _grid(calls=(100, 20), bad_share=(0.5, 0.3), cooldown_s=(60.0, 300.0)),
}
"""Constants tried, the published ones first; a ladder's hold is at least two timeouts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a trial over the training scenarios.

    Attributes:
        constants: of the trial.
        mean_loss: by which it is chosen.
        missed: training scenarios in which it misses an expectation about the outcome.
    """

    constants: Mapping[str, float]
    mean_loss: float
    missed: tuple[str, ...]


def is_training(name: str) -> bool:
    """Whether a scenario that is there when the library is split is for training."""
    return sha256(name.encode()).digest()[-1] % 2 == 0 and load(name).scenario.replicas == 1


def tune(names: Sequence[str], *, workers: int | Workers) -> dict[str, list[Result]]:
    """Results of all trials, by law.

    Args:
        names: of the training scenarios.
        workers: processes.
    """
    loaded = sorted((load(name) for name in names), key=lambda each: -each.scenario.duration)
    plans = [
        Plan(
            scenario=scenario,
            arms=_arms(own or default_policy()),
            replications=range(1),
        )
        for scenario, own in loaded
    ]
    began = time.monotonic()

    def finished(place: int, _runs: Runs) -> None:
        minutes = (time.monotonic() - began) / 60
        print(f"  {minutes:.1f} min: {plans[place].scenario.scenario}", flush=True)

    found = {}
    for plan, runs in zip(plans, replicate(plans, workers=workers, finished=finished), strict=True):
        scenario = plan.scenario
        every = [name for name in plan.arms if name not in {STATIC, CHEAPEST}]
        table = standings(expected(scenario), runs, every, scenario.worth)
        found[scenario.scenario] = {each.law: each for each in table}
    return {
        law: [
            _result(constants, {name: table[_trial(law, k)] for name, table in found.items()})
            for k, constants in enumerate(trials)
        ]
        for law, trials in TRIALS.items()
    }


def _arms(policy: Policy) -> dict[str, Policy]:
    trials = {
        _trial(law, k): with_constants(policy, law, constants)
        for law, every in TRIALS.items()
        for k, constants in enumerate(every)
    }
    return {**trials, STATIC: policy, CHEAPEST: policy}


def _trial(law: str, number: int) -> str:
    return f"{law} {number}"


def _result(constants: Mapping[str, float], found: Mapping[str, Standing]) -> Result:
    return Result(
        constants=constants,
        mean_loss=fmean(losses(found.values())),
        missed=tuple(sorted(name for name, each in found.items() if not each.eligible)),
    )


def losses(found: Iterable[Standing]) -> list[float]:
    """Of a trial, in every scenario."""
    return [_loss(each) for each in found]


def _loss(standing: Standing) -> float:
    regret = standing.regret.estimate
    if math.isnan(regret):  # nobody meets all
        return 0.0
    return regret if standing.eligible else max(regret, 0.0) + MISS


def chosen(results: Mapping[str, Sequence[Result]]) -> dict[str, Mapping[str, float]]:
    """Constants of the best trial of every law; none where the published ones are."""
    return {
        law: {}
        if (best := min(every, key=lambda each: each.mean_loss)) is every[0]
        else best.constants
        for law, every in results.items()
    }


def _record(names: Sequence[str], results: Mapping[str, Sequence[Result]]) -> dict[str, Any]:
    return {
        "training": list(names),
        "chosen": chosen(results),
        "trials": {
            law: [
                {
                    "constants": each.constants,
                    "mean_loss": round(each.mean_loss, 6),
                    "missed": list(each.missed),
                }
                for each in every
            ]
            for law, every in results.items()
        },
    }


def main() -> None:
    """Tune all laws on the training scenarios and write down what was chosen."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.tuning")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    workers = parser.parse_args().workers
    names = tuning()["training"]
    print(f"{len(names)} scenarios, {sum(map(len, TRIALS.values()))} trials in each", flush=True)
    record = _record(names, tune(names, workers=workers))
    TUNED_FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8", newline="\n")
    for law, constants in record["chosen"].items():
        print(f"{law}: {constants or 'as published'}")


if __name__ == "__main__":
    main()
