"""The claims themselves: each fails when what it claims is not so."""

from __future__ import annotations

from dataclasses import replace

from balancer.core.modes import Mode
from sim.run.result import Run
from sim.run.serving import Serving
from tests.control.laws import Claim, Comparison, claims
from tests.sim.samples import runs

OFFERED = {
    "offered": 1000.0,
    "answered": 999.0,
    "cost_usd": 1.0,
    "transitions": 2.0,
    "utility_usd": 20.0,
}


def some_runs(**changes: float) -> tuple[Run, ...]:
    """Three replications of like metrics that differ a little, as replications do."""
    made = []
    for run in runs("offered", [1000.0, 1001.0, 1002.0]):
        values = {**run.metrics, **OFFERED, **changes, "offered": run.metrics["offered"]}
        values["answered"] += values["offered"] - OFFERED["offered"]
        made.append(replace(run, metrics=values))
    return tuple(made)


def claimed(
    ladder: tuple[Run, ...] | None = None,
    threshold: tuple[Run, ...] | None = None,
    none: tuple[Run, ...] | None = None,
    static: tuple[Run, ...] | None = None,
) -> tuple[Claim, ...]:
    """Claims over one scenario; whatever is not given is as it should be."""
    return claims(
        [
            Comparison(
                scenario="cost_spike",
                ladder=ladder or some_runs(),
                threshold=threshold or some_runs(transitions=6.0),
                static=static or some_runs(cost_usd=2.0, transitions=0.0, utility_usd=19.0),
                none=none or some_runs(cost_usd=2.0, transitions=0.0, utility_usd=18.0),
            )
        ]
    )


def failing(found: tuple[Claim, ...]) -> list[str]:
    """First words of the claims that do not hold."""
    return [claim.name.split(" ")[0] for claim in found if not claim.holds]


def test_what_is_as_it_should_be_holds() -> None:
    """Three times fewer transitions are enough, equal availability is, and cheaper is."""
    assert failing(claimed()) == []


def test_too_many_transitions_are_found() -> None:
    """Less than three times fewer."""
    assert failing(claimed(threshold=some_runs(transitions=5.0))) == ["at"]


def test_a_ladder_that_never_moves_is_found() -> None:
    """Nothing is at most a third of anything."""
    assert failing(claimed(ladder=some_runs(transitions=0.0))) == ["at"]


def test_less_availability_is_found() -> None:
    """0.2 points are beyond the margin, 0.05 are not."""
    assert failing(claimed(ladder=some_runs(answered=997.0))) == ["availability"] * 2
    assert failing(claimed(ladder=some_runs(answered=998.5))) == []


def test_less_availability_than_the_normal_mode_alone_is_found() -> None:
    """Harm done by the controller itself."""
    better = some_runs(answered=1000.5, cost_usd=2.0, utility_usd=19.0)
    assert failing(claimed(static=better)) == ["availability"]


def test_answers_worth_less_are_found() -> None:
    """Than without a controller, and than the normal mode alone."""
    assert failing(claimed(ladder=some_runs(utility_usd=18.5))) == ["utility"]
    assert failing(claimed(ladder=some_runs(utility_usd=17.0))) == ["utility"] * 2


def test_dearer_answers_are_found() -> None:
    """Cost per answer, weighted by quality or not, and with it the money saved."""
    assert failing(claimed(ladder=some_runs(cost_usd=3.0))) == ["cost", "cost", "money"]


def test_answers_that_are_cheap_because_they_are_bad_are_found() -> None:
    """Half as dear, and not half as good."""
    assert failing(claimed(ladder=some_runs(quality_weighted_answers=0.4))) == ["cost"]


def test_a_ladder_that_does_not_come_back_is_found() -> None:
    """From soft, in one run of three."""
    soft = Serving(at_s=1000.0, worst=Mode.SOFT, back=False)
    first, *others = some_runs()
    ladder = (replace(first, servings=(soft,)), *others)
    assert failing(claimed(ladder=ladder)) == ["recovers"]
