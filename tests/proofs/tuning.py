"""A fair tuning: the same number of trials for every law, on the training half of the library.

    python -m tests.proofs.tuning [--workers N]

writes `sim/tuned.json`, which `sim.study.compared_laws` reads: a law with the constants chosen
here is a rival by the name of the law and "_tuned". Rules, stated beforehand:

- A scenario is for training when the SHA-256 of its name is even, and it has one process: one of
  sixteen takes as long as twelve others. The library was split so when this was first run, and
  `training` in the file keeps the names; what is added later is for the test, whatever its hash.
- Every law gets `TRIALS` trials: its published constants, and eleven random draws of its own space,
  with the same seed. They are the first generation of the tuner that users have (`sim.tuning`),
  which is drawn at random: no trial learns of another, and what a longer search would find is open.
- All trials meet the same requests once in every training scenario, of the seeds that
  `open-balancer tune` searches on and no comparison uses. `BLOCKS` may ask for more replications; a
  trial that is surely bettered after one of several blocks is given up.
- The loss of a replication is its regret: utility below that of the best law as published that
  meets every expectation about the outcome, as a share of what perfect answers would be worth. A
  trial that misses such an expectation loses a tenth besides, and gains nothing by being cheap: as
  if one request in ten got no answer. Where no law as published meets all, nobody gains or loses.
  The tuner's own constraints are not used: a law that cannot keep one would have no trial to learn
  from, and an expectation missed a little would weigh as much as one missed by far.
- The trial with the least mean loss of those not given up is chosen; of equal ones the first.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from balancer.core.policy import Policy
from balancer.policy_file import default_policy, default_text
from balancer.policy_text import rewritten
from scenarios.loader import load
from scenarios.schema import Scenario
from sim.run.result import CHEAPEST, STATIC, Run
from sim.study.compared_laws import tuning, with_constants
from sim.study.expectations import Expected, expected
from sim.study.ranking import REQUESTS, standings
from sim.study.replications import Plan, Runs, replicate
from sim.tuning.asked import seeded
from sim.tuning.fields import Fields
from sim.tuning.goals import Goals
from sim.tuning.objectives import PERFECT, UTILITY, Sample, parse_objectives
from sim.tuning.results import TODAY, Seen
from sim.tuning.space import Dimension, Space
from sim.tuning.study import Study, Tried
from sim.tuning.trials import Race
from sim.workers.pool import Workers, local_workers

__all__ = [
    "BLOCKS",
    "MISS",
    "SPACES",
    "TRIALS",
    "Result",
    "chosen",
    "constants",
    "is_training",
    "law_space",
    "loss",
    "tune",
]

TUNED_FILE = Path(__file__).parents[2] / "sim" / "tuned.json"

TRIALS = 12
"""Of every law: a generation of the tuner's, the published constants and random draws."""
BLOCKS = (1,)
"""Replications of a trial, in all, after each block; of one alone nothing is given up."""
MISS = 0.1
"""What an expectation that is missed costs, as a share of what perfect answers are worth."""
SEED = 1
"""Of what is drawn."""

LADDERS = frozenset({"ladder", "mildest"})
"""Laws whose constants are the ladder's."""

SPACES: Mapping[str, Mapping[str, tuple[float, float, bool]]] = {
    "ladder": {
        "hold": (120.0, 300.0, True),
        "settle": (5.0, 60.0, True),
        "exit": (0.7, 0.95, False),
    },
    "mildest": {
        "hold": (30.0, 300.0, True),
        "settle": (5.0, 60.0, True),
        "exit": (0.7, 0.95, False),
    },
    "threshold": {"hold": (0.0, 600.0, False)},
    "dimmer": {
        "quantile": (0.9, 1.0, False),
        "window": (5.0, 60.0, True),
        "pole": (0.3, 0.98, False),
    },
    "throttle": {"k": (1.1, 3.0, True), "window": (15.0, 120.0, True)},
    "gradient": {"tolerance": (1.5, 6.0, True), "least": (10, 150, True)},
    "breaker": {
        "calls": (10, 200, True),
        "bad_share": (0.2, 0.7, False),
        "cooldown": (15.0, 600.0, True),
    },
}
"""Constants that are tuned, as a policy file calls them: from, to, and whether evenly in the
logarithm. The published ones are among them; a ladder's hold is at least two timeouts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a trial over the training scenarios.

    Attributes:
        constants: of the trial, by their names in the law's settings.
        mean_loss: by which it is chosen.
        replications: that it rests on, of every scenario; the first is all of them.
    """

    constants: Mapping[str, float]
    mean_loss: float
    replications: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contest:
    """A training scenario, and what the laws came to in it as published.

    Attributes:
        questions: its expectations.
        arms: runs that expectations are held against.
        best: highest share of perfect worth in each replication, of laws that meet all; NaN: none.
    """

    questions: tuple[Expected, ...]
    scenario: Scenario
    arms: Runs
    best: tuple[float, ...]

    def loss(self, run: Run) -> float:
        """Of a replication."""
        share, meets_all = _share(self.questions, self.scenario, self.arms, run)
        return loss(share, meets_all, self.best[run.replication])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Losses(Goals):
    """The tuner's utility, as a loss to be made least: a share of perfect worth below the best."""

    contests: Mapping[str, _Contest]

    def sample(self, runs: Seen) -> Sample:
        return {
            name: {
                UTILITY: [-self.contests[name].loss(run) for run in each],
                PERFECT: [1.0 for _ in each],
            }
            for name, each in runs.items()
        }


def is_training(name: str) -> bool:
    """Whether a scenario that is there when the library is split is for training."""
    return sha256(name.encode()).digest()[-1] % 2 == 0 and load(name).scenario.replicas == 1


def loss(share: float, meets_all: bool, best: float) -> float:
    """Of a replication.

    Args:
        share: its utility as a share of what perfect answers would be worth.
        meets_all: whether it meets every expectation about the outcome.
        best: share of the best law as published that does; NaN: none does.
    """
    if math.isnan(best):
        return 0.0
    regret = best - share
    return regret if meets_all else max(regret, 0.0) + MISS


def law_space(law: str) -> Space:
    """What is tuned of a law, as the tuner has it."""
    fields = Fields(rewritten(default_text(), lambda tree: tree.update(law=law)))
    within = "ladder" if law in LADDERS else f"constants.{law}"
    return Space(
        fields,
        [
            Dimension(
                path=f"{within}.{name}",
                unit=fields[f"{within}.{name}"].unit,
                low=low,
                high=high,
                log=log,
            )
            for name, (low, high, log) in SPACES[law].items()
        ],
    )


def tune(
    names: Sequence[str], *, workers: Workers, trials: int = TRIALS, blocks: Sequence[int] = BLOCKS
) -> dict[str, list[Result]]:
    """Results of all trials, by law.

    Args:
        names: of the training scenarios.
        workers: who simulates.
        trials: of every law, in whole generations.
        blocks: as `BLOCKS`.
    """
    began = time.monotonic()
    loaded = [load(name) for name in names]
    scenarios = [seeded(each.scenario, None, "search") for each in loaded]
    policies = {each.scenario.scenario: each.policy or default_policy() for each in loaded}
    published = _published(scenarios, policies, range(blocks[-1]), workers)
    goals = _Losses(
        objectives=parse_objectives("utility"),
        constraints=(),
        scenarios={each.scenario: each for each in scenarios},
        contests={
            each.scenario: _contest(each, runs)
            for each, runs in zip(scenarios, published, strict=True)
        },
    )
    results = {}
    for law in SPACES:
        runs = {name.scenario: each[law] for name, each in zip(scenarios, published, strict=True)}
        as_published = goals.sample(runs)
        space = law_space(law)
        race = Race(
            goals,
            scenarios,
            space.fields.policy,
            arms={TODAY: as_published, STATIC: as_published},
            workers=workers,
            blocks=blocks,
            fitted=lambda scenario, policy: with_constants(
                policies[scenario.scenario], policy.law, constants(policy)
            ),
        )
        with TemporaryDirectory() as directory:
            path = Path(directory) / "study.jsonl"
            study = Study(path, {}, space=space, goals=goals, sampler="nsga2", seed=SEED)
            while len(study.tried) < trials:
                study.generation(race)
        results[law] = [
            Result(
                constants=constants(space.fields.policy),
                mean_loss=_mean_loss(as_published),
                replications=blocks[-1],
            ),
            *(_result(each) for each in study.tried[1:]),
        ]
        print(f"  {(time.monotonic() - began) / 60:.1f} min: {law}", flush=True)
    return results


def _published(
    scenarios: Sequence[Scenario],
    policies: Mapping[str, Policy],
    replications: range,
    workers: Workers,
) -> tuple[Runs, ...]:
    """Runs of every law with its published constants, and of the arms of expectations."""
    plans = []
    for scenario in scenarios:
        policy = policies[scenario.scenario]
        laws = {law: with_constants(policy, law, constants(_as_published(law))) for law in SPACES}
        arms = {**laws, STATIC: policy, CHEAPEST: policy}
        plans.append(Plan(scenario=scenario, arms=arms, replications=replications))
    return replicate(plans, workers=workers)


def _as_published(law: str) -> Policy:
    return replace(default_policy(), law=law)


def constants(policy: Policy) -> dict[str, float]:
    """Those of a policy that the space of its law has, by their names in the law's settings."""
    law = policy.law
    settings = policy.ladder if law in LADDERS else getattr(policy.constants, law)
    names = (name if hasattr(settings, name) else f"{name}_s" for name in SPACES[law])
    return {name: getattr(settings, name) for name in names}


def _contest(scenario: Scenario, runs: Runs) -> _Contest:
    questions = expected(scenario)
    found = [[_share(questions, scenario, runs, run) for run in runs[law]] for law in SPACES]
    best = tuple(
        max((share for share, meets_all in each if meets_all), default=math.nan)
        for each in zip(*found, strict=True)
    )
    return _Contest(
        questions=questions,
        scenario=scenario,
        arms={arm: runs[arm] for arm in (STATIC, CHEAPEST)},
        best=best,
    )


def _share(
    questions: Sequence[Expected], scenario: Scenario, arms: Runs, run: Run
) -> tuple[float, bool]:
    """Utility of a replication as a share of perfect worth, and whether it meets all."""
    same = {arm: (each[run.replication],) for arm, each in arms.items()}
    (found,) = standings(questions, {**same, TODAY: (run,)}, [TODAY], scenario.worth)
    return found.score.estimate / (REQUESTS * scenario.worth.answer), found.eligible


def _result(tried: Tried) -> Result:
    assert tried.trial is not None and tried.drawn.policy is not None, "ends are policies"
    return Result(
        constants=constants(tried.drawn.policy),
        mean_loss=_mean_loss(tried.trial.sample),
        replications=tried.trial.score.replications,
    )


def _mean_loss(sample: Sample) -> float:
    return -fmean(fmean(each[UTILITY]) for each in sample.values())


def chosen(results: Mapping[str, Sequence[Result]]) -> dict[str, Mapping[str, float]]:
    """Constants of the best trial of every law; none where the published ones are."""
    found: dict[str, Mapping[str, float]] = {}
    for law, every in results.items():
        whole = [each for each in every if each.replications == every[0].replications]
        best = min(whole, key=lambda each: each.mean_loss)
        found[law] = {} if best is every[0] else best.constants
    return found


def _record(names: Sequence[str], results: Mapping[str, Sequence[Result]]) -> dict[str, Any]:
    return {
        "training": list(names),
        "chosen": chosen(results),
        "trials": {
            law: [
                {
                    "constants": each.constants,
                    "mean_loss": round(each.mean_loss, 6),
                    "replications": each.replications,
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
    names = tuning()["training"]
    print(f"{len(names)} scenarios, {TRIALS} trials of each of {len(SPACES)} laws", flush=True)
    with local_workers(parser.parse_args().workers) as workers:
        record = _record(names, tune(names, workers=workers))
    TUNED_FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8", newline="\n")
    for law, values in record["chosen"].items():
        print(f"{law}: {values or 'as published'}")


if __name__ == "__main__":
    main()
