"""All that is told of a tuning: what matters in the proposed policy, what holds, and the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..workers.pool import Workers
from .importance import importances
from .record import tuning_record
from .robustness import robustness
from .sensitivity import sensitivity, spaced
from .space import Space, rounded
from .tune import AROUND, Progress, Tuned

__all__ = ["explained", "values_around"]


def explained(
    tuned: Tuned,
    space: Space,
    *,
    chosen: int | None = None,
    files: Mapping[int, str] | None = None,
    command: Sequence[str] = (),
    gate: Sequence[str] = (),
    workers: int | Workers | None = None,
    progress: Progress = lambda _name: lambda _done, _total: None,
) -> dict[str, Any]:
    """The object of `tuning.json`, with everything that is to be simulated for it.

    Args:
        tuned: what came of a tuning.
        space: that was searched.
        chosen: place in the front of the policy that is proposed; None: the knee.
        files, command, gate: as of `sim.tuning.record.tuning_record`.
        workers: as of `sim.study.replications.replicate`.
        progress: told of what is moved and of what is off.

    Raises:
        InputError, WorkerError: as `sim.study.replications.replicate`.
    """
    tuning, goals = tuned.tuning, tuned.goals
    found: dict[str, Any] = {}
    if tuning.front:
        proposed = tuning.front[tuning.knee if chosen is None else chosen]
        found["sensitivities"] = sensitivity(
            proposed,
            values_around(space, proposed.values),
            policy_of=lambda values: space.fields.parsed(space.text(values)),
            today=tuning.today.policy,
            scenarios=tuned.fresh,
            replications=range(AROUND),
            goals=goals,
            workers=workers,
            progress=progress("runs of numbers moved alone"),
        )
        found["robustness"] = robustness(
            tuning,
            tuned.fresh,
            goals=goals,
            replications=AROUND,
            workers=workers,
            progress=progress("runs with assumptions off"),
        )
    return tuning_record(
        tuning,
        goals,
        show={each.path: each.unit.show for each in space.dimensions},
        files=files,
        chosen=chosen,
        broken=tuned.broken,
        invalid=tuned.invalid,
        importances=importances(tuned.study.told(), tuning.objectives),
        command=command,
        gate=gate,
        **found,
    )


def values_around(space: Space, values: Mapping[str, float]) -> dict[str, tuple[float, ...]]:
    """Values to move each number of a policy to, others as they are: by path, in its unit.

    A range that is tied to another number is of so many times what that is.
    """
    found = {}
    for each in space.dimensions:
        if each.path not in values:
            continue
        scale = values.get(each.times, 1.0) if each.times else 1.0
        low, high = each.low * scale, each.high * scale
        own = values[each.path]
        found[each.path] = tuple(
            dict.fromkeys(
                value if value == own else rounded(value, whole=each.unit.whole)
                for value in spaced(own, low, high)
            )
        )
    return found
