"""What the sweep of countings concludes, from runs made up for it, and that it sweeps."""

from __future__ import annotations

import pytest

from sim.run.result import NONE, POLICY, STATIC, Run
from tests.proofs.counting import SETTINGS, Case, claims, exceptions, sweep

pytestmark = pytest.mark.slow


def runs(arm: str, availability: float, cost_usd: float) -> tuple[Run, ...]:
    """Three replications that differ a little."""
    return tuple(
        Run(
            arm=arm,
            replication=k,
            duration_s=3600.0,
            metrics={"availability": availability + k * 1e-5, "cost_usd": cost_usd + k * 0.1},
            transitions=(),
            servings=(),
        )
        for k in range(3)
    )


def case(static: dict[tuple[str, bool], float]) -> Case:
    """With is at 90 % in every setting; static as said, none always at half."""
    found = {}
    for setting in SETTINGS:
        found[setting] = {
            POLICY: runs(POLICY, 0.9, 5.0),
            STATIC: runs(STATIC, static.get(setting, 0.99), 9.0),
            NONE: runs(NONE, 0.5, 9.0),
        }
    return Case(name="c", runs=found)


def test_a_conclusion_that_every_counting_shares_holds() -> None:
    """Whatever it is: harm is a conclusion too."""
    found = claims([case({})])
    assert [claim.holds for claim in found] == [True, True, True]
    assert found[0].measured == "less, -9.00% to -9.00%"
    assert found[2].measured == "less, -4.00 $ to -4.00 $"
    assert exceptions([case({})]) == ()


def test_a_conclusion_that_a_counting_turns_does_not_hold() -> None:
    """One of three is enough."""
    found = claims([case({("bucket", False): 0.8})])
    assert [claim.holds for claim in found] == [False, True, True]
    assert found[0].measured == "less or more, -9.00% to +10.00%"


def test_what_refused_calls_change_when_they_count_is_listed() -> None:
    """And no claim hangs on it."""
    turned = case({("sliding", True): 0.8})
    assert all(claim.holds for claim in claims([turned]))
    assert exceptions([turned]) == (
        "c, sliding, refused calls counted: availability with against static is more (+10.00%).",
    )


def test_the_sweep_counts_in_every_way() -> None:
    """The arm without fallback fares differently: counted refusals lock it out."""
    (found,) = sweep(1, cases=["minute_quota_storm"], workers=1)
    assert set(found.runs) == set(SETTINGS)
    shares = {s: found.runs[s][NONE][0].metrics["availability"] for s in SETTINGS}
    assert len(set(shares.values())) > len(SETTINGS) / 2
    locked_out = shares.pop(("sliding", True))
    assert locked_out < min(shares.values()) / 2
