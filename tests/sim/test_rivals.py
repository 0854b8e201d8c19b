"""What each law is run with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.core.constants import BreakerConstants
from balancer.core.errors import InputError, PolicyError
from balancer.core.modes import Mode
from balancer.core.policy import LAWS, LadderSettings
from balancer.policy_file import default_policy
from scenarios.loader import library
from sim.run.engine import arm_policy
from sim.study.compared_laws import RIVALS, arms, chosen_laws, rival, tuning, with_constants
from tests.sim.small_world import world_policy


def test_every_law_is_a_rival_as_published() -> None:
    """With a sentence that says with what it is run; static is no law, but a rival."""
    assert {name for name, each in RIVALS.items() if not each.constants} == {*LAWS, "static"}
    assert all(each.law in LAWS and each.text for each in RIVALS.values())


def test_without_a_choice_all_rivals_are_compared() -> None:
    """Those with constants of their own too."""
    assert chosen_laws(None) == tuple(RIVALS)
    assert {"breaker_20", "threshold_hold", "dimmer_p95"} < set(RIVALS)


def test_a_rival_is_a_law_with_its_constants() -> None:
    """The rest of the policy stays."""
    policy = default_policy()
    own = replace(policy.constants, breaker=BreakerConstants(calls=20, cooldown_s=300.0))
    assert rival(policy, "breaker_20") == replace(policy, law="breaker", constants=own)
    held = replace(policy.ladder, hold_s=60.0)
    found = with_constants(policy, "mildest", {"hold_s": 60.0})
    assert found == replace(policy, law="mildest", ladder=held)


def test_the_tuning_is_of_laws_we_have_and_of_scenarios_of_the_library() -> None:
    """Or what it chose would be of another project; published constants are no rival again."""
    found = tuning()
    assert set(found["chosen"]) == set(found["trials"]) < set(LAWS)
    assert set(found["training"]) < set(library())
    for law, constants in found["chosen"].items():
        assert constants in [each["constants"] for each in found["trials"][law]] or not constants
        known = [each.constants for each in RIVALS.values() if each.law == law]
        assert known.count(constants) == 1


def test_laws_are_chosen_in_the_order_given() -> None:
    """Blanks do not matter."""
    assert chosen_laws("breaker, ladder") == ("breaker", "ladder")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ladder,braker", r"unknown law 'braker'.*breaker"),
        (",", "no law"),
        ("none,ladder,none", "'none' is named twice"),
    ],
)
def test_a_choice_that_cannot_be_meant_is_refused(text: str, problem: str) -> None:
    """With what was found, and the nearest name."""
    with pytest.raises(InputError, match=problem):
        chosen_laws(text)


@pytest.mark.parametrize("law", [law for law in LAWS if law != "breaker"])
def test_a_law_gets_the_policy_as_it_is(law: str) -> None:
    """Same rules, modes, budgets and models: only the law is another."""
    policy = default_policy()
    assert rival(policy, law) == replace(policy, law=law)


def test_static_is_the_policys_normal_mode_for_ever() -> None:
    """Its retries, fallback model and budgets; "none" are the application's own clients."""
    policy = default_policy()
    assert rival(policy, "static") == replace(policy, law="none")
    plans = arms(policy, ["static", "none"])
    assert arm_policy(plans["static"], "static").strategies == policy.strategies
    assert arm_policy(plans["none"], "none").strategies[0].fallback_models == ()


def test_the_breaker_falls_back_on_softs_model_inside_a_request() -> None:
    """As routers with fallbacks do; all other modes stay as they are."""
    policy = default_policy()
    found = rival(policy, "breaker")
    soft = policy.strategies[Mode.SOFT]
    assert found.strategies[Mode.NORMAL].fallback_models == (soft.model,)
    assert found.strategies[1:] == policy.strategies[1:]


def test_a_fallback_that_is_there_already_is_not_added_again() -> None:
    """The request would call the same model twice in a round."""
    once = rival(default_policy(), "breaker")
    assert rival(once, "breaker") == once


def test_a_policy_without_a_sibling_model_has_no_fallback() -> None:
    """Where soft leaves the model to the caller, there is none to fall back on."""
    policy = world_policy()
    strategies = tuple(replace(each, model=None) for each in policy.strategies)
    bare = replace(policy, strategies=strategies, baseline=None)  # type: ignore[arg-type]
    assert rival(bare, "breaker").strategies[Mode.NORMAL].fallback_models == ()


def test_a_policy_that_a_law_cannot_use_is_refused_by_name() -> None:
    """A timeout that only the ladder minds, because it judges by calls of the last hold."""
    policy = replace(default_policy(), law="none", ladder=LadderSettings(hold_s=60.0))
    with pytest.raises(PolicyError, match=r"under the law ladder: .*timeout"):
        rival(policy, "ladder")


def test_the_counterfactual_always_runs() -> None:
    """Cost saved is measured against it, asked for or not; and it runs once."""
    assert list(arms(default_policy(), ["breaker"])) == ["breaker", "none"]
    assert list(arms(default_policy(), ["none", "ladder"])) == ["none", "ladder"]
