"""What can be moved in a policy, and that both ways of moving it are the same."""

from __future__ import annotations

import pytest

from balancer.core.errors import InputError, PolicyError
from balancer.policy_file import default_policy, default_text, parse_policy, show_policy
from sim.playground.knobs import Knobs
from sim.tuning.fields import Fields

COMPLETE = show_policy(default_policy())
AMOUNTS = {
    "rules.0.above": "6.2s",
    "rules.1.above": "4%",
    "rules.2.above": "x1.9",
    "rules.5.above": "x3",
    "ladder.hold": "90s",
    "ladder.exit": "0.75",
    "ladder.probe_share_max": "8%",
    "modes.hard.shed.low": "25%",
    "modes.emergency.shed.normal": "60%",
}


def test_the_text_with_other_values_is_the_policy_with_other_values() -> None:
    """What is copied as YAML is what was simulated."""
    knobs = Knobs(Fields(COMPLETE))
    moved = knobs.policy(AMOUNTS)
    assert moved == parse_policy(knobs.yaml(AMOUNTS))
    assert moved.rules[0].threshold == 6.2
    assert moved.strategies[2].shed[0] == 0.25


def test_a_file_that_inherits_its_thresholds_is_moved_too() -> None:
    """Of the policy that ships, and of one that only names itself."""
    for text in (default_text(), "name: mine\n"):
        amounts = {"thresholds.soft.latency_p95": "9s", "ladder.hold": "3m"}
        knobs = Knobs(Fields(text))
        assert knobs.policy(amounts) == parse_policy(knobs.yaml(amounts))


def test_knobs_show_what_holds() -> None:
    """A threshold in its signal's unit, as it is judged; amounts as a policy file has them."""
    knobs = Knobs(Fields(COMPLETE))
    shown = {knob.path: knob for knob in knobs.shown(knobs.policy(AMOUNTS))}
    assert shown["rules.0.above"].amount == "6200ms"
    assert shown["rules.0.above"].value == pytest.approx(6.2, rel=0.006)
    moved = knobs.policy(AMOUNTS)
    assert shown["rules.2.above"].unit == "multiple"
    assert shown["rules.2.above"].value == moved.rules[2].threshold
    assert shown["rules.2.above"].factor * 1.9 == pytest.approx(moved.rules[2].threshold)
    assert shown["modes.emergency.shed.normal"].value == 0.6
    assert {knob.group for knob in shown.values()} == {"thresholds", "hold", "shares"}


def test_every_amount_that_is_shown_can_be_given() -> None:
    """To give a policy's own amounts changes nothing."""
    for text in (COMPLETE, default_text(), COMPLETE.replace("law: mildest", "law: threshold")):
        knobs = Knobs(Fields(text))
        policy = knobs.policy({})
        amounts = {knob.path: knob.amount for knob in knobs.shown(policy)}
        assert knobs.policy(amounts) == policy


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        ({"rules.0.abov": "6s"}, "did you mean 'rules.0.above'"),
        ({"modes.hard.output_cap": "100"}, "no such number to move"),
        ({"rules.0.above": "six"}, "rules.0.above: "),
        ({"rules.1.above": "140%"}, "rules.1.above: "),
        ({"rules.2.above": "$200"}, "expected a multiple such as x1.75"),
        ({"ladder.hold": "1" * 60}, "longer than 40 characters"),
    ],
)
def test_what_cannot_be_moved_is_refused_by_its_place(amounts: dict[str, str], said: str) -> None:
    """One message each."""
    with pytest.raises(InputError) as refused:
        Knobs(Fields(COMPLETE)).policy(amounts)
    assert said in str(refused.value)


def test_what_makes_no_policy_is_refused_as_a_policy_file_is() -> None:
    """A worse mode is not entered earlier."""
    with pytest.raises(PolicyError, match="not above the soft threshold"):
        Knobs(Fields(COMPLETE)).policy({"rules.3.above": "10s"})
