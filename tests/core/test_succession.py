"""A controller that goes on under another policy from where one stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from balancer.core.controller import Controller
from balancer.core.errors import MisuseError
from balancer.core.modes import Mode
from balancer.core.observations import Override
from balancer.core.policy import LAWS, LadderSettings, Policy
from tests.core.builders import make_policy, served, table, tick
from tests.core.loop import Health, Loop, during

OVERLOADED = Health(failing=0.6)
ENDLESS = range(10_000)


def browned_out(policy: Policy, ticks: int = 30) -> Loop:
    """A controller that has left normal."""
    loop = Loop(Controller(policy), during(ENDLESS, normal=OVERLOADED)).run(ticks)
    assert loop.now.mode > Mode.NORMAL
    return loop


def state_of(controller: Controller) -> dict[str, Any]:
    """As a journal's header holds it."""
    found: dict[str, Any] = json.loads(json.dumps(controller.state()))
    return found


def with_shedding(policy: Policy, mode: Mode, shed: float) -> Policy:
    """The same, shedding otherwise in a mode."""
    strategies = list(policy.strategies)
    strategies[mode] = replace(strategies[mode], shed=(shed, 0.0, 0.0))
    one, two, three, four = strategies
    return replace(policy, strategies=(one, two, three, four), baseline=None)


def test_a_controller_says_what_it_last_decided() -> None:
    """Nothing before the first tick."""
    controller = Controller(make_policy())
    assert (controller.tick, controller.decision) == (None, None)
    decision = controller.step(tick(3))
    assert (controller.tick, controller.decision) == (3, decision)


@pytest.mark.parametrize("law", LAWS)
def test_the_same_policy_keeps_everything(law: str) -> None:
    """Under every law, and it decides as the one before would have."""
    policy = make_policy(law=law)
    loop = Loop(Controller(policy), during(ENDLESS, normal=OVERLOADED)).run(50)
    again, kept = Controller.succeed(policy, state_of(loop.controller))
    assert kept == "everything"
    assert again.state() == loop.controller.state()
    assert again.decision == loop.now


def test_a_longer_or_shorter_memory_keeps_what_it_can_hold() -> None:
    """Another hold changes how many ticks are kept; the counts of windows stay right."""
    policy = make_policy(ladder=LadderSettings(hold_s=200.0, multiplier_max=4))
    loop = browned_out(policy, 900)
    for hold_s in (100.0, 400.0):
        other = replace(policy, ladder=LadderSettings(hold_s=hold_s, multiplier_max=1))
        again, kept = Controller.succeed(other, state_of(loop.controller))
        assert kept == "everything"
        ledger, before = again._signals.windows, loop.controller._signals.windows
        for row in range(5):
            for since in (899, 890, 850):
                assert ledger.since(row, since) == before.since(row, since)


@pytest.mark.parametrize("law", ["ladder", "mildest"])
def test_a_mode_that_sheds_otherwise_does_so_at_once(law: str) -> None:
    """The law keeps its evidence, and says anew what its mode means."""
    policy = with_shedding(make_policy(law=law), Mode.SOFT, 0.5)
    loop = Loop(Controller(policy))
    loop.overrides = {0: (Override(0, 10_000, Mode.SOFT, "test"),)}
    loop.run(5)
    assert loop.now.admit[0] == 0.5
    other = with_shedding(policy, Mode.SOFT, 0.25)
    again, kept = Controller.succeed(other, state_of(loop.controller))
    assert kept.startswith("everything but a probe round")
    assert again.decision is not None
    assert again.decision.admit[0] == 0.75
    assert again.step(tick(5)).admit[0] == 0.75


@pytest.mark.parametrize("before", ["ladder", "mildest"])
@pytest.mark.parametrize("after", ["ladder", "mildest"])
def test_other_rules_keep_the_mode_and_the_orders(before: str, after: str) -> None:
    """The evidence is of other cuts, or of another law."""
    loop = browned_out(make_policy(law=before))
    other = make_policy(table("error_rate", 0.3, 0.4, 0.5), law=after)
    again, kept = Controller.succeed(other, state_of(loop.controller))
    assert kept == "mode and orders: the rules watch something else"
    assert again.decision is not None
    assert again.decision.mode is loop.now.mode
    assert again.decision.reasons[0].text == f"{loop.now.mode.label}: kept under a new policy"
    assert again.step(tick(again.decision.tick + 1)).mode is loop.now.mode
    restored = Controller.restore(other, state_of(again))
    assert restored.state() == again.state()


@pytest.mark.parametrize(("before", "after"), [("ladder", "threshold"), ("breaker", "ladder")])
def test_another_law_keeps_the_orders_only(before: str, after: str) -> None:
    """An override still holds, and one that took over without a step restores with it."""
    controller = Controller(make_policy(law=before))
    controller.step(tick(0, overrides=(Override(0, 100, Mode.HARD, "test"),)))
    other = make_policy(law=after)
    again, kept = Controller.succeed(other, state_of(controller))
    assert kept == "orders: the law decides anew"
    assert again.decision is None
    restored = Controller.restore(other, state_of(again))
    for successor in (again, restored):
        assert successor.step(tick(1)).mode is Mode.HARD


def test_a_peer_that_sheds_otherwise_decides_anew() -> None:
    """What it wants was said in the old strategies' terms."""
    policy = make_policy(law="threshold")
    controller = Controller(policy)
    controller.step(tick(0, served(overloaded=20)))
    again, kept = Controller.succeed(with_shedding(policy, Mode.SOFT, 0.5), state_of(controller))
    assert kept == "orders: the law decides anew"
    assert again.tick == 0


def test_ticks_of_another_length_keep_nothing() -> None:
    """Every index means another moment."""
    policy = make_policy()
    state = state_of(browned_out(policy).controller)
    other = replace(policy, tick_s=0.5)
    again, kept = Controller.succeed(other, state)
    assert kept == "nothing: ticks have another length"
    assert again.tick is None
    with pytest.raises(MisuseError, match="ticks of another length"):
        Controller.restore(other, state)


def test_one_that_never_stepped_has_nothing_to_keep() -> None:
    """Under other rules; under the same all of nothing is kept."""
    state = state_of(Controller(make_policy()))
    other = make_policy(table("error_rate", 0.3, 0.4, 0.5))
    assert Controller.succeed(other, state)[1] == "nothing: no tick was stepped"
    shedding = with_shedding(make_policy(), Mode.SOFT, 0.5)
    assert Controller.succeed(shedding, state)[1] == "everything"
