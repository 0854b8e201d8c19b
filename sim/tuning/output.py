"""What is looked at around a front before it is reported, and its policies as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from balancer.core.errors import PolicyError
from balancer.core.policy import Policy

from ..report_directory import FRONT
from .importance import Importances, importances
from .results import Candidate, Measured, Seen
from .robustness import Robustness, robustness
from .sensitivity import Sensitivity, sensitivity, spaced
from .space import DIGITS, Space
from .tune import AROUND, Progress, Tuned

__all__ = ["Around", "look_around", "shown_values", "tuning_files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What was seen around the proposed policy and its front; nothing without one."""

    sensitivities: tuple[Sensitivity, ...] = ()
    importances: Importances | None = None
    robustness: Robustness | None = None


def look_around(
    found: Tuned, place: int | None, *, workers: int | None, progress: Progress
) -> Around:
    """Move each number of the proposed policy, and change what was assumed.

    Args:
        found: the tuning.
        place: of the proposed policy in the front; None: there is none.
        workers: processes.
        progress: told of runs.

    Raises:
        WorkerError: a worker process died.
    """
    tuning = found.tuning
    told = importances(found.study.told(), tuning.objectives)
    if place is None:
        return Around(importances=told)
    chosen, space = tuning.front[place], found.space

    def measure(ours: Seen, today: Seen) -> Measured:
        return found.goals.measure(ours, today)

    def policy_of(values: Mapping[str, float]) -> Policy:
        try:
            return space.fields.parsed(space.text(values))
        except ValueError as error:
            raise PolicyError(str(error)) from None

    return Around(
        sensitivities=sensitivity(
            chosen,
            _ranges(chosen, space),
            policy_of=policy_of,
            today=tuning.today.policy,
            scenarios=found.fresh,
            replications=range(AROUND),
            measure=measure,
            workers=workers,
            progress=progress("runs with a number moved"),
        ),
        importances=told,
        robustness=robustness(
            tuning,
            found.fresh,
            measure=measure,
            replications=AROUND,
            workers=workers,
            progress=progress("runs with other assumptions"),
        ),
    )


def _ranges(chosen: Candidate, space: Space) -> dict[str, tuple[float, ...]]:
    """Values to move each number through: its ends, the chosen one and what lies halfway."""
    found = {}
    for each in space.dimensions:
        if each.path not in chosen.values:
            continue
        base = chosen.values.get(each.times, 1.0) if each.times else 1.0
        value = chosen.values[each.path]
        values = spaced(value, each.low * base, each.high * base, log=each.log)
        rounded = {
            float(round(v)) if each.unit.whole else float(f"{v:.{DIGITS}g}")
            for v in values
            if v != value
        }
        found[each.path] = tuple(sorted(rounded | {value}))
    return found


def shown_values(found: Tuned, around: Around) -> dict[str, dict[float, str]]:
    """Values as a policy file says them, by path."""
    units = {each.path: each.unit for each in found.space.dimensions}
    texts: dict[str, dict[float, str]] = {path: {} for path in units}

    def note(path: str, value: float) -> None:
        try:
            texts[path][value] = str(units[path].show(value))
        except ValueError:  # beyond what a policy can have
            texts[path][value] = f"{value:g}"

    for candidate in (found.tuning.today, *found.tuning.front):
        for path, value in candidate.values.items():
            note(path, value)
    for each in around.sensitivities:
        for step in each.steps:
            note(each.path, step.value)
    return texts


def tuning_files(found: Tuned, directory: Path, candidate: int | None) -> dict[int, str]:
    """Write the front as policy files; their names by trial.

    Args:
        found: the tuning.
        directory: an existing one.
        candidate: place in the front of the policy to write once more; None: of none.
    """
    front: Sequence[Candidate] = found.tuning.front
    (directory / FRONT).mkdir()
    names = {}
    for place, each in enumerate(front):
        name = f"{FRONT}/{place + 1}.yaml"
        _write(directory / name, each.text)
        names[each.trial] = name
    if candidate is not None and front:
        _write(directory / "candidate.yaml", front[candidate].text)
    return names


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
