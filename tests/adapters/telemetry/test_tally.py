"""From observations and decisions to metrics."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from balancer import metrics
from balancer.adapters.telemetry.series import Distribution
from balancer.adapters.telemetry.tally import Tally
from balancer.core.controller import Controller
from balancer.core.modes import Mode
from balancer.core.observations import Observations, Override
from balancer.core.policy import BudgetLimit, Policy
from tests.core.builders import make_policy, served, tick


def told(
    ticks: Sequence[Observations], policy: Policy | None = None, **options: object
) -> dict[str, dict[tuple[tuple[str, str], ...], object]]:
    """Metrics after a controller saw these ticks."""
    policy = make_policy() if policy is None else policy
    controller, tally = Controller(policy), Tally(policy, **options)  # type: ignore[arg-type]
    for observations in ticks:
        tally.observe(observations, controller.step(observations))
    return {metric.name: dict(values) for metric, values in tally.series}


def held(at: int, mode: Mode, until: int) -> Override:
    """An order to hold a mode."""
    return Override(at, until, mode, "test")


def test_attempts_are_counted_by_mode_and_model() -> None:
    """Finished, failed by kind, tokens and dollars."""
    found = told(
        [tick(0, served(latencies=[1.0, 2.0], overloaded=1, nano_usd=3_000_000_000, tokens=7))]
    )
    place = (("gen_ai.request.model", "big"), ("open_balancer.mode", "normal"))
    assert found["open_balancer.attempts.finished"] == {place: 3}
    failed = {tuple(sorted((*place, ("error.type", "overloaded")))): 1}
    assert found["open_balancer.attempts.failed"] == failed
    assert found["open_balancer.cost"] == {place: 3.0}
    assert found["open_balancer.tokens"] == {
        (*place[:1], ("gen_ai.token.type", "output"), place[1]): 7
    }
    latency = found["open_balancer.request.duration"][place]
    assert isinstance(latency, Distribution)
    assert latency.count == 2


def test_answers_of_another_model_or_tier_are_counted_by_mode_and_model() -> None:
    """Under the model that was called."""
    entry = served(Mode.SOFT, latencies=[1.0] * 3)._replace(rerouted=2, downgraded=1)
    found = told([tick(0, entry), tick(1, entry)])
    place = (("gen_ai.request.model", "small"), ("open_balancer.mode", "soft"))
    assert found["open_balancer.attempts.rerouted"] == {place: 4}
    assert found["open_balancer.attempts.downgraded"] == {place: 2}


def test_rates_look_back_a_minute() -> None:
    """What failed two minutes ago is forgotten; without traffic there is no rate."""
    failing = [tick(at, served(latencies=[1.0], internal=1)) for at in range(60)]
    assert told(failing)["open_balancer.error_rate"][()] == 0.5
    healthy = [tick(at, served(latencies=[1.0])) for at in range(60, 120)]
    assert told([*failing, *healthy])["open_balancer.error_rate"][()] == 0.0
    silent = [tick(at) for at in range(60, 120)]
    assert "open_balancer.error_rate" not in told([*failing, *silent])


def test_availability_is_of_what_was_offered() -> None:
    """A shed request counts as one that was not answered."""
    shed = Observations(0, (served(latencies=[1.0]),), (0, 2, 0), (0, 1, 0), (0, 1, 0))
    assert told([shed])["open_balancer.availability"][()] == 0.5


def test_the_cost_rate_is_the_signal() -> None:
    """A cent a call and a call a second is 36 dollars an hour."""
    ticks = [tick(at, served(latencies=[1.0], nano_usd=10_000_000)) for at in range(60)]
    assert told(ticks)["open_balancer.cost.rate"][()] == pytest.approx(36.0)


def test_what_is_saved_is_held_against_calls_in_normal() -> None:
    """Ten calls at a cent in normal, ten at a tenth of it in soft: nine tenths of ten cents."""
    normal = [tick(at, served(latencies=[1.0], nano_usd=10_000_000)) for at in range(10)]
    soft = [
        tick(at, served(Mode.SOFT, latencies=[1.0], nano_usd=1_000_000)) for at in range(10, 20)
    ]
    assert told([*normal, *soft])["open_balancer.cost.saved"][()] == pytest.approx(0.09)


def test_a_brownout_is_an_activation_and_a_recovery() -> None:
    """From leaving normal to being back in it, 30 s."""
    ticks = [tick(at) for at in range(50)]
    ticks[10] = tick(10, overrides=(held(10, Mode.HARD, 40),))
    ticks[40] = tick(40, overrides=(held(40, Mode.NORMAL, 50),))
    found = told(ticks)
    assert found["open_balancer.activations"] == {(("open_balancer.mode", "hard"),): 1}
    assert len(found["open_balancer.mode.changes"]) == 2
    recovery = found["open_balancer.recovery.duration"][()]
    assert isinstance(recovery, Distribution)
    assert (recovery.count, recovery.total) == (1, 30.0)
    assert found["open_balancer.mode.current"][()] == 0


def test_a_model_without_calls_has_none_in_flight() -> None:
    """And not those of the last time it had any."""
    found = told([tick(0, served(ages=[1.0, 2.0])), tick(1)])
    assert list(found["open_balancer.attempts.in_flight"].values()) == [0]


def test_budgets_say_what_is_left_and_where_it_goes() -> None:
    """A dollar a minute is 60 by the end of the hour."""
    policy = make_policy(budgets=(BudgetLimit(usd=100.0, window_s=3600.0),))
    ticks = [tick(at, served(latencies=[1.0], nano_usd=16_666_667)) for at in range(60)]
    found = told(ticks, policy, left=lambda: {(None, 3600.0): 99_000_000_000})
    place = (("open_balancer.budget.window", "3600s"),)
    assert found["open_balancer.budget.left"] == {place: 99.0}
    assert found["open_balancer.budget.projected"][place] == pytest.approx(60.0, rel=1e-3)


def test_an_arm_stands_beside_every_point() -> None:
    """So that a dashboard can tell with from without."""
    found = told([tick(0, served(latencies=[1.0]))], everywhere=((metrics.ARM, "none"),))
    assert all((metrics.ARM, "none") in key for values in found.values() for key in values)
