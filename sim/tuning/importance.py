"""Which numbers of a policy decide how well a trial does, told from the trials of a study.

By PED-ANOVA (Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter
Importance in Arbitrary Subspaces", IJCAI 2023): a number is important as far as the values of the
best trials are spread otherwise than those of all. One objective at a time.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from balancer.records.tuning import Importance, Importances, Share

from ..study.intervals import Interval

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

__all__ = ["LEAST_TRIALS", "Importance", "Importances", "importances"]

BEST = 0.1
"""Share of the trials that counts as the best."""
LEAST_BEST = 5
"""Fewer of the best trials tell nothing of how their values are spread."""
LEAST_TRIALS = 40
"""Complete trials below which nothing is said: the best would be more than an eighth of all."""
RESAMPLES = 40
_TAIL = 0.05


def importances(study: Study, objectives: Sequence[str]) -> Importances:
    """Importance of the dimensions of a study for each of its objectives, the same every time.

    Shares of 1; their ends are those of nine in ten resamples of the trials.

    Args:
        study: whose complete trials have a value for each objective; those that were given up
            count for nothing.
        objectives: names of its values, in their order.
    """
    import optuna
    from optuna.trial import TrialState

    trials = [
        trial
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if all(abs(value) < float("inf") for value in trial.values)
    ]
    if len(trials) < LEAST_TRIALS:
        return Importances(trials=len(trials), needed=LEAST_TRIALS, objectives=())
    # A study is made for each resample, and each would be told of.
    told = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        found = tuple(
            _importance(study, trials, place, name) for place, name in enumerate(objectives)
        )
    finally:
        optuna.logging.set_verbosity(told)
    return Importances(trials=len(trials), needed=LEAST_TRIALS, objectives=found)


def _importance(study: Study, trials: Sequence[FrozenTrial], place: int, name: str) -> Importance:
    from optuna.study import StudyDirection

    sign = 1.0 if study.directions[place] is StudyDirection.MINIMIZE else -1.0
    shares = _shares(trials, place, sign)
    random = Random(place)  # noqa: S311 - resampling, the same every time
    again = [_shares(random.choices(trials, k=len(trials)), place, sign) for _ in range(RESAMPLES)]
    ends = {path: sorted(resampled.get(path, 0.0) for resampled in again) for path in shares}
    cut = round(_TAIL * RESAMPLES)
    return Importance(
        objective=name,
        shares=tuple(
            Share(
                path=path,
                share=Interval(
                    estimate=share,
                    low=min(share, ends[path][cut]),
                    high=max(share, ends[path][-1 - cut]),
                ),
            )
            for path, share in sorted(shares.items(), key=lambda item: (-item[1], item[0]))
        ),
    )


def _shares(trials: Sequence[FrozenTrial], place: int, sign: float) -> dict[str, float]:
    """Shares of 1; all 0 where the best trials differ from the others in nothing."""
    import optuna
    from optuna.importance import PedAnovaImportanceEvaluator

    alone = optuna.create_study()
    alone.add_trials(
        [
            optuna.trial.create_trial(
                params=trial.params,
                distributions=trial.distributions,
                value=sign * trial.values[place],
            )
            for trial in trials
        ]
    )
    evaluator = PedAnovaImportanceEvaluator(target_quantile=max(BEST, LEAST_BEST / len(trials)))
    with warnings.catch_warnings():
        # Where the values of many trials are the same, the best of them may be all.
        warnings.simplefilter("ignore")
        found = evaluator.evaluate(alone)
    total = sum(found.values())
    return {path: each / total if total > 0.0 else 0.0 for path, each in found.items()}
