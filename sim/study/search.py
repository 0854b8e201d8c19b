"""Looks for the mildest timeline of faults under which a policy misses a goal.

Hypothesis draws timelines within stated bounds, climbs towards those that come near, and
shrinks what it finds: fewer faults, then milder, shorter, earlier ones. A timeline counts as
found only when the verdict of all its replications is *fail*, the whole interval beyond the
bound; so the scenario that is written fails for everybody, by the same seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, Phase, find, settings, target
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.errors import NoSuchExample
from pydantic import TypeAdapter

from balancer.core.errors import InputError
from balancer.core.policy import Policy
from balancer.records.verdict import Judgement
from balancer.strategies import FAULT_LEVELS, FaultBounds, TimedFault, fault_timelines, mildness
from balancer.strategies.fault_timelines import DURATIONS_S
from scenarios.profiles import profiles
from scenarios.schema import Expectation, Fault, GeminiUpstream, Scenario
from scenarios.tiers import spend_limit

from ..run.engine import simulate
from ..run.fault_windows import check_faults
from ..run.result import POLICY, Run
from ..run.serving import worst_served
from ..streams import replication_key
from ..traffic.workload import Traffic
from .expectations import Expected, MetricBound, NeverAbove, NoHarm, expected, held_against
from .verdict import is_never, judge

__all__ = ["Search", "added_fault", "bounds_for", "search"]

SHRINKING = 2
"""For each example that is drawn, at most this many timelines are tried to make it milder."""

_FAULT: TypeAdapter[Fault] = TypeAdapter(Fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What came of a search.

    Attributes:
        timeline: the mildest found; None: nothing was found. Empty: it needs no fault.
        judgement: of the expectation it breaks.
        tried: how many timelines were simulated.
        complete: False when it was interrupted; a milder one may have been near.
        replications: of each verdict.
    """

    timeline: tuple[TimedFault, ...] | None
    judgement: Judgement | None
    tried: int
    complete: bool
    replications: int


def bounds_for(scenario: Scenario, *, most: int, kinds: Sequence[str] = ()) -> FaultBounds:
    """Bounds that fit a scenario: faults start after the warm-up and end before the horizon.

    Args:
        scenario: to which faults will be added.
        most: most faults at once.
        kinds: of faults; empty: all that can matter in this scenario.

    Raises:
        InputError: an unknown kind, or a scenario too short for any fault.
    """
    for kind in kinds:
        if kind not in FAULT_LEVELS:
            raise InputError(f"unknown kind of fault {kind!r}; known: {', '.join(FAULT_LEVELS)}")
    if not kinds:
        kinds = [kind for kind in FAULT_LEVELS if kind != "quota" or _has_quota(scenario)]
    room_s = scenario.duration - scenario.warm_up
    durations_s = tuple(each for each in DURATIONS_S if each <= room_s)
    if not durations_s:
        raise InputError(f"{room_s:g} s after the warm-up are too short for a fault")
    return FaultBounds(
        from_s=scenario.warm_up,
        until_s=scenario.duration,
        most=most,
        kinds=tuple(kinds),
        durations_s=durations_s,
    )


def added_fault(fault: TimedFault) -> Fault:
    """A fault of a timeline as a scenario has it."""
    return _FAULT.validate_python(fault.entry())


def _has_quota(scenario: Scenario) -> bool:
    upstream = scenario.upstream
    if not isinstance(upstream, GeminiUpstream):
        return False
    return (
        upstream.quota.limited
        or spend_limit(upstream) is not None
        or any(profile.quota.limited for profile in profiles(scenario).values())
    )


def search(
    scenario: Scenario,
    policy: Policy,
    expectation: Mapping[str, Any],
    bounds: FaultBounds,
    *,
    examples: int = 60,
    replications: int = 5,
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Search:
    """Look for the mildest timeline of faults that breaks an expectation.

    The same arguments give the same result. An interrupt (Ctrl-C) ends the search with the
    mildest timeline so far.

    Args:
        scenario: to which the faults are added; its own stay, its expectations do not count.
        policy: of the controller.
        expectation: as an item of a scenario file.
        bounds: within which timelines are drawn.
        examples: timelines drawn; for each at most `SHRINKING` more serve to make one milder.
        replications: of each timeline, at least two.
        seed: of the search; the traffic's is the scenario's.
        progress: called with timelines tried and the most there can be.

    Raises:
        InputError: the scenario cannot be simulated, or one replication was asked for.
    """
    if replications < 2:
        raise InputError("one replication has no spread to judge by; expected 2 or more")
    trial = _Trial(scenario, policy, expectation, replications)
    most = (1 + SHRINKING) * examples

    def breaks(timeline: tuple[TimedFault, ...]) -> bool:
        found = trial.breaks(timeline) if trial.tried < most else trial.known(timeline)
        if progress is not None:
            progress(trial.tried, most)
        target(trial.nearness(timeline))
        return found

    chance = Random(seed)  # noqa: S311  # draws that anybody can repeat
    complete = True
    try:
        with _nothing_left_behind():
            # What fails by itself needs no fault, and nothing is milder.
            if not trial.breaks(()) and _found(bounds, breaks, examples, chance):
                # Shrinking ends where no small step is milder; a milder one may be further off.
                while trial.tried < most and any(
                    _found(narrower, breaks, examples, chance)
                    for narrower in _narrower(bounds, min(trial.broken, key=mildness))
                ):
                    pass
    except KeyboardInterrupt:
        complete = False
    timeline = min(trial.broken, key=mildness, default=None)
    return Search(
        timeline=timeline,
        judgement=None if timeline is None else trial.broken[timeline],
        tried=trial.tried,
        complete=complete,
        replications=replications,
    )


@contextmanager
def _nothing_left_behind() -> Iterator[None]:
    """Keep Hypothesis from writing a directory of its own where the command was called."""
    with TemporaryDirectory(prefix="open-balancer-") as directory:
        set_hypothesis_home_dir(directory)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)


def _found(
    bounds: FaultBounds,
    breaks: Callable[[tuple[TimedFault, ...]], bool],
    examples: int,
    chance: Random,
) -> bool:
    """Whether a timeline within the bounds breaks the expectation."""
    try:
        find(
            fault_timelines(bounds),
            breaks,
            settings=settings(
                max_examples=examples,
                database=None,
                deadline=None,
                derandomize=False,
                phases=(Phase.generate, Phase.target, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
            random=chance,
        )
    except NoSuchExample:
        return False
    return True


def _narrower(bounds: FaultBounds, best: Sequence[TimedFault]) -> Iterator[FaultBounds]:
    """Bounds within which every timeline is milder: fewer faults, or lower levels."""
    worst = max(fault.level for fault in best)
    if len(best) > 1:
        yield replace(bounds, most=len(best) - 1)
    if worst > 0:
        yield replace(bounds, most=len(best), levels=worst)


class _Trial:
    """Simulates timelines, each once, on the same requests.

    Attributes:
        tried: how many timelines so far.
        broken: those that break the expectation, with its judgement.
    """

    def __init__(
        self,
        scenario: Scenario,
        policy: Policy,
        expectation: Mapping[str, Any],
        replications: int,
    ) -> None:
        asked = (Expectation.model_validate(expectation),)
        self._base = scenario.model_copy(update={"expectations": asked})
        check_faults(self._base)
        self._policy = policy
        (self._question,) = expected(self._base)
        self._against = held_against(self._question)
        self._replications = replications
        self._traffic: dict[int, Traffic] = {}
        self._nearness: dict[tuple[TimedFault, ...], float] = {}
        self.broken: dict[tuple[TimedFault, ...], Judgement] = {}

    @property
    def tried(self) -> int:
        return len(self._nearness)

    def known(self, timeline: tuple[TimedFault, ...]) -> bool:
        """Whether a timeline was seen to break the expectation."""
        return timeline in self.broken

    def nearness(self, timeline: tuple[TimedFault, ...]) -> float:
        """How far a timeline goes towards breaking it; more is nearer."""
        return self._nearness.get(timeline, 0.0)

    def breaks(self, timeline: tuple[TimedFault, ...]) -> bool:
        """Whether the expectation fails under the scenario's faults and these."""
        if timeline in self._nearness:
            return self.known(timeline)
        faults = tuple(map(added_fault, timeline))
        scenario = self._base.model_copy(update={"faults": (*self._base.faults, *faults)})
        runs: list[Run] = []
        others: list[Run] = []
        judgement = None
        for replication in range(self._replications):
            runs.append(self._run(scenario, replication, POLICY))
            arms: dict[str, list[Run]] = {}
            if self._against is not None:
                others.append(self._run(scenario, replication, self._against))
                arms[self._against] = others
            judgement = judge(self._question, runs, arms)
            if self._hopeless(judgement):
                break
        assert judgement is not None
        self._nearness[timeline] = _nearness(self._question, runs[0], judgement)
        if judgement.verdict == "fail":
            self.broken[timeline] = judgement
        return self.known(timeline)

    def _hopeless(self, judgement: Judgement) -> bool:
        """Whether the first runs are so well that the others need not be seen."""
        if not isinstance(self._question, MetricBound | NoHarm):
            return False
        if isinstance(self._question, MetricBound) and is_never(self._question):
            # One bad run is one too many, and the next may be it.
            return False
        estimate, bound = judgement.value.estimate, judgement.bound
        return estimate >= bound if judgement.better == "higher" else estimate <= bound

    def _run(self, scenario: Scenario, replication: int, arm: str) -> Run:
        if replication not in self._traffic:
            key = replication_key(scenario.seed, replication)
            self._traffic[replication] = Traffic(scenario, key)
        traffic = self._traffic[replication]
        return simulate(scenario, self._policy, replication=replication, arm=arm, traffic=traffic)


def _nearness(question: Expected, run: Run, judgement: Judgement) -> float:
    if isinstance(question, NeverAbove):
        return float(worst_served(run.servings))
    value = judgement.value.estimate - judgement.bound
    if not math.isfinite(value):
        return 0.0
    return -value if judgement.better == "higher" else value
