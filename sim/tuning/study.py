"""A study: what is tried next, by Optuna, and all that was tried, in a file that outlives it.

Every trial is drawn from those of the generations before and from a seed of its own, and a
generation is told as a whole. So the study is a function of its arguments: a resumed one draws the
same trials again and takes what is in the file in place of simulating them.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from balancer.core.errors import InputError
from balancer.core.policy import Policy

from ..study.gate_record import fingerprint
from .constraints import WORST
from .goals import LOST, Goals, Score
from .objectives import Sample
from .space import Dimension, Drawn, Space
from .trials import BLOCKS, Race, Trial

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

__all__ = ["GENERATION", "SAMPLERS", "Study", "Tried"]

GENERATION = 12
"""Trials that are drawn, simulated and told together."""
SAMPLERS = ("nsga2", "tpe")
STARTUP = 2 * GENERATION
"""Trials that TPE draws at random before it has anything to go by."""
NAME = "tuning"
_IDENTITY, _ARMS = "tuning", "arms"
Direction = Literal["minimize", "maximize"]
_VALID = "policy"
"""Beside the constraints: that what was drawn is a policy."""


class Tried:
    """A trial that was drawn, and what came of it.

    Attributes:
        number: from 0, today's policy as far as the space has it.
        drawn: the policy.
        trial: None: it is no policy, and was never simulated.
    """

    __slots__ = ("drawn", "number", "trial")

    def __init__(self, number: int, drawn: Drawn, trial: Trial | None) -> None:
        self.number, self.drawn, self.trial = number, drawn, trial


class Study:
    """The trials of a tuning.

    Args:
        path: of the study's file; one that is there is gone on with.
        identity: what makes it this tuning, in values JSON can hold.
        space: that is searched.
        goals: that trials are judged by.
        sampler: one of `SAMPLERS`.
        seed: of what is drawn.

    Raises:
        InputError: the file is that of another tuning, or cannot be read; it is left as it is.
    """

    def __init__(
        self,
        path: Path,
        identity: Mapping[str, Any],
        *,
        space: Space,
        goals: Goals,
        sampler: str,
        seed: int,
    ) -> None:
        import optuna

        self._space, self._goals, self._seed = space, goals, seed
        self._sampler, self._path = sampler, path
        self.tried: list[Tried] = []
        self.resumed = 0
        with _quiet():
            self._file = _opened(path, identity, goals.directions)
            self._stored: list[FrozenTrial] = self._file.get_trials(deepcopy=False)
            self._memory = optuna.create_study(directions=list(goals.directions))
            self._memory.enqueue_trial(_typed(space, space.present))
        self._known: dict[str, Trial] = {}

    @property
    def arms(self) -> Mapping[str, Sample] | None:
        """Samples of today's policy and static that are in the file."""
        found: Mapping[str, Sample] | None = self._file.user_attrs.get(_ARMS)
        return found

    @property
    def replications(self) -> int:
        """Of every scenario, in all: each policy once, with today's and static."""
        return sum(each.score.replications for each in self._known.values()) + 2 * BLOCKS[-1]

    def keep_arms(self, arms: Mapping[str, Sample]) -> None:
        """Keep these samples."""
        self._file.set_user_attr(_ARMS, arms)

    def generation(self, race: Race) -> list[Tried]:
        """Draw a generation, run those of it that are not known, and keep what came of them."""
        first = len(self.tried)
        numbers = range(first, first + GENERATION)
        with _quiet():
            asked = [self._ask(number) for number in numbers]
        drawn = [self._space.draw(trial.params) for trial in asked]
        self._check_same(numbers, [trial.params for trial in asked])
        whole = len(self._stored) >= numbers.stop
        found = self._recalled(numbers) if whole else self._run(race, numbers, drawn)
        if whole:
            self.resumed += GENERATION
            race.remember(trial for trial in found if trial is not None)
        for trial, each, policy in zip(asked, found, drawn, strict=True):
            if each is not None and policy.policy is not None:
                self._known.setdefault(fingerprint(policy.policy), each)
            frozen = self._tell(trial, each, policy)
            if frozen.number >= len(self._stored):
                self._file.add_trial(frozen)
            self.tried.append(Tried(frozen.number, policy, each))
        return self.tried[first:]

    def told(self) -> OptunaStudy:
        """Trials that had all their replications, as a study of Optuna's."""
        import optuna

        with _quiet():
            study = optuna.create_study(directions=list(self._goals.directions))
            for each, frozen in zip(
                self.tried, self._memory.get_trials(deepcopy=False), strict=True
            ):
                if each.trial is not None and not each.trial.score.raced:
                    study.add_trial(frozen)
        return study

    def _ask(self, number: int) -> Any:
        self._memory.sampler = self._sampler_of(number)
        return self._memory.ask({each.path: _distribution(each) for each in self._space.dimensions})

    def _sampler_of(self, number: int) -> BaseSampler:
        from optuna.samplers import NSGAIISampler, TPESampler

        digest = hashlib.sha256(f"{self._seed}:{number}".encode()).digest()
        seed = int.from_bytes(digest[:4], "big")
        if self._sampler == "tpe":
            return TPESampler(seed=seed, n_startup_trials=STARTUP)
        return NSGAIISampler(seed=seed, population_size=GENERATION)

    def _run(
        self, race: Race, numbers: Sequence[int], drawn: Sequence[Drawn]
    ) -> list[Trial | None]:
        """What came of policies, each simulated once, whoever draws it again."""
        marks = [None if each.policy is None else fingerprint(each.policy) for each in drawn]
        new: dict[str, tuple[str, Policy]] = {}
        for number, mark, each in zip(numbers, marks, drawn, strict=True):
            if mark is not None and each.policy is not None and mark not in self._known:
                new.setdefault(mark, (f"trial {number}", each.policy))
        found = race.run(dict(new.values()))
        fresh = {mark: found[arm] for mark, (arm, _) in new.items()}
        known = {**self._known, **fresh}
        return [None if mark is None else known[mark] for mark in marks]

    def _recalled(self, numbers: Sequence[int]) -> list[Trial | None]:
        return [_trial_of(self._stored[number].user_attrs["trial"]) for number in numbers]

    def _check_same(self, numbers: Sequence[int], params: Sequence[Mapping[str, Any]]) -> None:
        for number, drawn in zip(numbers, params, strict=True):
            if number < len(self._stored) and self._stored[number].params != drawn:
                raise InputError(
                    f"trial {number} of the study was drawn otherwise than it is here, so it "
                    "cannot be gone on with; choose another --out",
                    where=str(self._path),
                )

    def _tell(self, trial: Any, found: Trial | None, drawn: Drawn) -> FrozenTrial:
        objectives, constraints = self._goals.objectives, self._goals.constraints
        lost = [each.sign * LOST for each in objectives]
        if found is None:
            values, misses = lost, [WORST] * len(constraints)
        else:
            score = found.score
            values = [
                value if value == value else bad  # noqa: PLR0124 - NaN is not itself
                for value, bad in zip(score.objectives, lost, strict=True)
            ]
            misses = list(score.misses)
        with _quiet():
            trial.set_constraint(_VALID, WORST if found is None else 0.0)
            for each, miss in zip(constraints, misses, strict=True):
                trial.set_constraint(each.text, miss)
            trial.set_user_attr("values", dict(drawn.values))
            trial.set_user_attr("trial", None if found is None else _plain(found))
            return self._memory.tell(trial, values)


def _plain(trial: Trial) -> dict[str, Any]:
    score = trial.score
    return {
        "objectives": [None if value != value else value for value in score.objectives],  # noqa: PLR0124
        "misses": list(score.misses),
        "replications": score.replications,
        "raced": score.raced,
        "sample": trial.sample,
    }


def _trial_of(found: Mapping[str, Any] | None) -> Trial | None:
    if found is None:
        return None
    return Trial(
        score=Score(
            objectives=tuple(
                float("nan") if value is None else value for value in found["objectives"]
            ),
            misses=tuple(found["misses"]),
            replications=found["replications"],
            raced=found["raced"],
        ),
        sample=found["sample"],
    )


def _typed(space: Space, drawn: Mapping[str, float]) -> dict[str, int | float]:
    return {
        each.path: int(drawn[each.path]) if each.whole else drawn[each.path]
        for each in space.dimensions
    }


def _distribution(each: Dimension) -> BaseDistribution:
    from optuna.distributions import FloatDistribution, IntDistribution

    high = each.nearest(each.high)
    if each.whole:
        return IntDistribution(int(each.low), int(high), log=each.log, step=int(each.step or 1))
    return FloatDistribution(each.low, high, log=each.log, step=each.step)


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna tells of every trial, and warns of what is meant."""
    import optuna

    told = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        optuna.logging.set_verbosity(told)


def _opened(
    path: Path, identity: Mapping[str, Any], directions: Sequence[Direction]
) -> OptunaStudy:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    if not path.exists():
        storage = JournalStorage(JournalFileBackend(str(path)))
        study = optuna.create_study(storage=storage, study_name=NAME, directions=list(directions))
        study.set_user_attr(_IDENTITY, json.loads(json.dumps(identity)))
        return study
    try:
        _mend(path)
        storage = JournalStorage(JournalFileBackend(str(path)))
        study = optuna.load_study(storage=storage, study_name=NAME)
        before = study.user_attrs[_IDENTITY]
        for trial in study.get_trials(deepcopy=False):
            _trial_of(trial.user_attrs["trial"])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError) as error:
        raise InputError(
            f"cannot be read as the study of a tuning ({type(error).__name__}); it is left as it "
            "is: move it away to begin anew, or choose another --out",
            where=str(path),
        ) from None
    _check_identity(before, json.loads(json.dumps(identity)), path)
    return study


def _mend(path: Path) -> None:
    """Cut off a last line that was not written to its end."""
    content = path.read_bytes()
    whole, _, torn = content.rpartition(b"\n")
    if torn and whole:
        json.loads(whole.splitlines()[0])["op_code"]
        path.write_bytes(whole + b"\n")


def _check_identity(before: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    for what, value in now.items():
        if before.get(what) == value:
            continue
        shown = ""
        if isinstance(value, str | int | list) and len(str(value)) < 80:
            shown = f" ({_short(before.get(what))}, now {_short(value)})"
        raise InputError(
            f"is the study of another tuning: {what} differ{shown}; it is left as it is: choose "
            "another --out, or move it away",
            where=str(path),
        )


def _short(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
