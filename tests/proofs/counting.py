"""Proof: what depends on how an upstream counts its minute, and what does not.

Two scenarios of the library in which quotas bind, and the first one again with a sibling that
is too small for the crowd, under each counting, with refused calls counted and not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from balancer.policy_file import default_policy
from scenarios.loader import load
from scenarios.upstreams import Counting
from sim.run.result import NONE, POLICY, STATIC
from sim.study.intervals import Interval, mean_interval
from sim.study.replications import Plan, Runs, replicate
from sim.workers.pool import Workers
from tests.control.laws import Claim

from .claims import claim_table
from .document import Proof, table

__all__ = ["CASES", "SETTINGS", "Case", "claims", "exceptions", "prove", "sweep"]

REPLICATIONS = 10
COUNTINGS: Sequence[str] = get_args(Counting)
SETTINGS = [(counting, refused) for counting in COUNTINGS for refused in (False, True)]
"""Ways to count: the minute, and whether refused calls count."""
ARMS = (POLICY, STATIC, NONE)
MARGIN = 0.001
"""Availabilities that differ by less are called the same."""
SMALL_SIBLING_RPM = 600
QUESTIONS = (
    (POLICY, STATIC, "availability", MARGIN),
    (POLICY, NONE, "availability", MARGIN),
    (POLICY, STATIC, "cost_usd", 0.0),
)
"""Which arm is held against which, by what, and what difference is none."""

CASES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "conversation_overload": ("conversation_overload", ()),
    "minute_quota_storm": ("minute_quota_storm", ()),
    f"conversation_overload, sibling of {SMALL_SIBLING_RPM} a minute": (
        "conversation_overload",
        (f"upstream.models.one cheaper.quota.rpm={SMALL_SIBLING_RPM}",),
    ),
}
"""Scenario and what is set in it, by name."""

_TEXT = f"""\
Each scenario under every way of counting a minute ([what is known of it](explanation/quotas.md)),
{REPLICATIONS} replications on the same requests. *With* is the default policy or the scenario's
own, *static* its normal mode without a controller, *none* the application's own clients. Intervals
are 95 %.
"""

_DEPENDS = """\
What does depend on it is how well an application does that has nothing but retries: compare the
columns *none* before a figure of that arm is quoted. Where refused calls count, an overload that
keeps asking locks itself out of a sliding minute and of a bucket, and these conclusions change:
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One scenario under every setting.

    Attributes:
        name: of `CASES`.
        runs: of each arm, by setting.
    """

    name: str
    runs: Mapping[tuple[str, bool], Runs]

    def mean(self, setting: tuple[str, bool], arm: str, metric: str) -> Interval:
        """A metric of an arm."""
        return mean_interval([run.metrics[metric] for run in self.runs[setting][arm]])

    def difference(self, setting: tuple[str, bool], arm: str, other: str, metric: str) -> Interval:
        """One arm less another, on the same requests."""
        pairs = zip(self.runs[setting][arm], self.runs[setting][other], strict=True)
        return mean_interval([one.metrics[metric] - two.metrics[metric] for one, two in pairs])


def sweep(
    replications: int, *, cases: Sequence[str] = tuple(CASES), workers: int | Workers | None = None
) -> tuple[Case, ...]:
    """Run cases under every setting."""
    plans = []
    for name in cases:
        source, overrides = CASES[name]
        for counting, refused in SETTINGS:
            scenario, own = load(source, [*overrides, *_overrides(counting, refused)])
            arms = dict.fromkeys(ARMS, own or default_policy())
            plans.append(Plan(scenario=scenario, arms=arms, replications=range(replications)))
    runs = iter(replicate(plans, workers=workers))
    return tuple(
        Case(name=name, runs={setting: next(runs) for setting in SETTINGS}) for name in cases
    )


def _overrides(counting: str, refused: bool) -> tuple[str, ...]:
    said = str(refused).lower()
    return (f"upstream.quota.counting={counting}", f"upstream.quota.counts_refused={said}")


def prove(workers: int | Workers) -> Proof:
    """Sweep, and say what holds under every way of counting."""
    cases = sweep(REPLICATIONS, workers=workers)
    found = claims(cases)
    return Proof(
        text="\n".join(
            [
                _TEXT,
                claim_table(found),
                _DEPENDS,
                *(f"- {sentence}" for sentence in exceptions(cases) or ("none",)),
                "",
                *map(_section, cases),
            ]
        ),
        holds=all(claim.holds for claim in found),
    )


def claims(cases: Sequence[Case]) -> tuple[Claim, ...]:
    """What is concluded of each case whatever the counting, where refused calls do not count."""
    return tuple(_same(case, question) for case in cases for question in QUESTIONS)


def exceptions(cases: Sequence[Case]) -> tuple[str, ...]:
    """What is concluded otherwise where refused calls count, a sentence each."""
    found = []
    for case in cases:
        for arm, other, metric, margin in QUESTIONS:
            usual = _verdicts(case, (arm, other, metric, margin), counted=False)
            for counting in COUNTINGS:
                difference = case.difference((counting, True), arm, other, metric)
                verdict = _verdict(difference, margin)
                if {verdict} != usual:
                    found.append(
                        f"{case.name}, {counting}, refused calls counted: {_what(metric)} "
                        f"{_name(arm)} against {_name(other)} is {verdict} "
                        f"({_shown(metric, difference.estimate)})."
                    )
    return tuple(found)


def _same(case: Case, question: tuple[str, str, str, float]) -> Claim:
    """That one arm stands to another alike under every counting."""
    arm, other, metric, _ = question
    verdicts = _verdicts(case, question, counted=False)
    settings = [setting for setting in SETTINGS if not setting[1]]
    differences = [case.difference(each, arm, other, metric).estimate for each in settings]
    return Claim(
        name=f"{case.name}: {_what(metric)} {_name(arm)} against {_name(other)} is judged alike "
        "under every counting",
        measured=f"{' or '.join(sorted(verdicts))}, {_shown(metric, min(differences))} to "
        f"{_shown(metric, max(differences))}",
        holds=len(verdicts) == 1 and "undecided" not in verdicts,
    )


def _verdicts(case: Case, question: tuple[str, str, str, float], *, counted: bool) -> set[str]:
    arm, other, metric, margin = question
    return {
        _verdict(case.difference((counting, counted), arm, other, metric), margin)
        for counting in COUNTINGS
    }


def _verdict(difference: Interval, margin: float) -> str:
    if difference.low > margin:
        return "more"
    if difference.high < -margin:
        return "less"
    if -margin <= difference.low and difference.high <= margin:
        return "the same"
    return "undecided"


def _what(metric: str) -> str:
    return "cost" if metric == "cost_usd" else metric


def _shown(metric: str, value: float) -> str:
    return f"{value:+.2f} $" if metric == "cost_usd" else f"{value:+.2%}"


def _name(arm: str) -> str:
    return "with" if arm == POLICY else arm


def _section(case: Case) -> str:
    def lines() -> Iterable[tuple[str, ...]]:
        for setting in SETTINGS:
            counting, refused = setting
            yield (
                counting,
                "yes" if refused else "no",
                *(_percent(case.mean(setting, arm, "availability")) for arm in ARMS),
                *(f"{case.mean(setting, arm, 'latency_p95_s').estimate:.1f}" for arm in ARMS),
                *(f"{case.mean(setting, arm, 'cost_usd').estimate:.2f}" for arm in ARMS),
            )

    heads = (
        "counting",
        "refused count",
        "availability with",
        "static",
        "none",
        "P95 s with",
        "static",
        "none",
        "cost $ with",
        "static",
        "none",
    )
    return f"### {case.name}\n\n{table(heads, lines())}"


def _percent(found: Interval) -> str:
    return f"{found.estimate:.2%} [{found.low:.2%}, {found.high:.2%}]"
