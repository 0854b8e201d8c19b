"""What is measured and claimed in random worlds, on made-up values."""

from __future__ import annotations

from balancer.policy_file import default_model, default_policy
from scenarios.schema import Scenario
from sim.run.result import Run

from .harm import Outcome, Pair, claims, counts, harmed, ingredients, outcome, worst


def run(*, availability: float, utility_usd: float) -> Run:
    """Of a hundred requests."""
    metrics = {
        "availability": availability,
        "utility_usd": utility_usd,
        "offered": 110.0,
        "reasked": 10.0,
        "transitions_per_hour": 3.0,
        "shed_share": 0.05,
    }
    return Run(
        arm="x", replication=0, duration_s=3600.0, metrics=metrics, transitions=(), servings=()
    )


def lost(seed: int, *points: float, worth: float = -1.0) -> Outcome:
    """A world with these differences in availability, and about this one in utility."""
    ones = tuple(1.0 for _ in points)
    return Outcome(
        seed=seed,
        points=points,
        worth=tuple(worth + 0.01 * each for each in range(len(points))),
        availability=ones,
        static=ones,
        transitions_per_hour=ones,
        shed=ones,
    )


def test_an_outcome_is_the_policy_less_static() -> None:
    """Availability in points, utility in percent of what a hundred perfect answers are worth."""
    pair = Pair(
        policy=run(availability=0.95, utility_usd=2.0),
        static=run(availability=0.9, utility_usd=2.6),
    )
    found = outcome(7, [pair], answer_usd=0.03)
    assert found.seed == 7
    (points,), (worth,) = found.points, found.worth
    assert round(points, 9) == 5.0 and round(worth, 9) == -20.0
    assert (found.availability, found.static, found.shed) == ((95.0,), (90.0,), (5.0,))
    assert found.transitions_per_hour == (3.0,)


def test_differences_are_counted_beyond_a_bound() -> None:
    """On the bound is within it."""
    assert counts([-3.0, -0.5, 0.0, 0.5, 0.6, 2.0], 0.5) == (1, 3, 2)
    assert counts([], 0.5) == (0, 0, 0)


def test_the_worst_come_first() -> None:
    """By the first replication; of equal ones, the lower seed."""
    found = worst([lost(1, 0.0), lost(4, -1.0, 9.0), lost(3, -1.0), lost(2, -2.0)], 3)
    assert [each.seed for each in found] == [2, 3, 4]


def test_harm_is_a_loss_beyond_doubt_that_nothing_makes_up_for() -> None:
    """Not one that may be chance, nor one that users would choose."""
    sure = (-5.0, -5.1, -4.9)
    assert harmed(lost(1, *sure))
    assert not harmed(lost(1, -5.0, 5.0, -9.0))
    assert not harmed(lost(1, -0.9, -0.91, -0.89))
    assert not harmed(lost(1, *sure, worth=3.0))
    assert harmed(lost(1, *sure, worth=-0.01))


def test_every_claim_can_fail() -> None:
    """Each by itself."""
    good = [lost(seed, points) for seed, points in enumerate((2.0, 2.1, 2.2, -0.6))]
    calm = [lost(9, 0.0, 0.1, -0.1)]
    assert all(claim.holds for claim in claims(good, calm)[:1])
    none, above, twice = claims([lost(1, 2.0), lost(2, 2.1)], calm)
    assert none.holds and above.holds and twice.holds and none.measured == "in none"

    harm, _, _ = claims(good, [*calm, lost(8, -5.0, -5.0, -5.0)])
    assert not harm.holds and harm.measured == "in 8 (-5.00 (-5.00 to -5.00))"
    _, above, twice = claims([lost(1, -9.0), *good], calm)
    assert not above.holds and not twice.holds and twice.measured == "3 better, 2 worse"


def test_a_world_is_told_in_a_line() -> None:
    """What is short and what goes wrong, and nothing else."""
    main = default_model()
    scenario = Scenario.model_validate(
        {
            "scenario": "w",
            "title": "t",
            "workload": {
                "arrivals": {"rate": 2, "pattern": [{"kind": "step", "at": 9, "factor": 2}]},
                "classes": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5}],
            },
            "upstream": {
                "models": {main: {"quota": {"rpm": 60}, "capacity": 5, "overload_limit": 9}},
                "quota": {"rpm": 240},
            },
            "clients": {"patience": 20},
            "replicas": 4,
            "faults": [
                {"kind": "hang", "model": main, "at": 0, "for": 10, "repeat_every": 60},
                {"kind": "delay", "by": 5, "at": 0, "for": 10},
            ],
        }
    )
    assert ingredients(scenario, default_policy()).split("; ") == [
        "default",
        "2/s",
        "traffic step",
        "priorities",
        f"{main} 0.5 × traffic quota",
        f"{main} slows at 5 calls",
        "refuses at 9",
        "project 2 × traffic quota",
        "patience 20 s",
        "4 replicas",
        f"calls to {main} hang, for 10 s every 60 s",
        "observations arrive 5 s late, for 10 s",
    ]
    plain = Scenario(scenario="w", title="t")
    assert ingredients(plain, default_policy()) == "default; 5.5/s"
