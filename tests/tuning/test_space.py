"""Spaces: what a file may say, and that nothing but policies in order come of them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from balancer.core.errors import InputError
from balancer.policy_file import parse_policy
from sim.tuning.default_space import default_space
from sim.tuning.fields import policy_fields
from sim.tuning.space import Dimension, Space, read_space
from tests.tuning.asking import space

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

BASES = {
    "the default policy": None,
    "a ladder": "law: ladder\n",
    "plain thresholds": "law: threshold\nconstants: {threshold: {hold: 30s}}\n",
    "dollars": "thresholds:\n  soft: {token_cost_per_hour: $200}\n"
    "  hard: {token_cost_per_hour: $300}\n",
    "high shares": "thresholds:\n  soft: {error_rate: 30%}\n  hard: {error_rate: 60%}\n"
    "  emergency: {error_rate: 90%}\n",
    "alerts": "- {alert: Slow, condition: P95 response time > 20s for 5 minutes, "
    "action: Activate soft brownout}\n",
}


def at(space: Space, parts: list[float]) -> dict[str, float]:
    """What is drawn so far along each range."""
    found = {}
    for each, part in zip(space.dimensions, parts, strict=True):
        if each.log:
            value = math.exp(math.log(each.low) + part * (math.log(each.high) - math.log(each.low)))
        else:
            value = each.low + part * (each.high - each.low)
        found[each.path] = each.nearest(value)
    return found


@pytest.mark.parametrize("base", BASES)
@given(data=st.data())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_the_default_space_draws_is_a_policy_in_order(
    base: str, data: st.DataObject
) -> None:
    """Every text parses; of a signal, a worse mode is entered at a higher threshold."""
    made = SPACES.setdefault(base, default_space(policy_fields(BASES[base])))
    count = len(made.dimensions)
    parts = data.draw(st.lists(st.floats(0, 1), min_size=count, max_size=count))
    drawn = made.draw(at(made, parts))
    assert drawn.policy is not None
    assert parse_policy(drawn.text) == drawn.policy
    for milder in drawn.policy.rules:
        for worse in drawn.policy.rules:
            if milder.signal == worse.signal and milder.level < worse.level:
                assert milder.threshold < worse.threshold


SPACES: dict[str, Space] = {}


@given(
    soft=st.floats(1, 400), ratio=st.floats(0.2, 5), hold=st.floats(0.5, 300), exit=st.floats(0, 2)
)
@settings(max_examples=25, deadline=None)
def test_what_is_no_policy_has_none(soft: float, ratio: float, hold: float, exit: float) -> None:  # noqa: A002
    """Of any values at all: there is a policy of the text, or there is nothing to simulate."""
    fields = policy_fields("thresholds:\n  soft: {latency_p95: 1s}\n  hard: {latency_p95: 2s}\n")
    values = {
        "thresholds.soft.latency_p95": soft,
        "thresholds.hard.latency_p95": ratio,
        "ladder.hold": hold,
        "ladder.exit": exit,
    }
    made = Space(
        fields,
        [
            Dimension(
                path=path,
                unit=fields[path].unit,
                low=value,
                high=value,
                times="thresholds.soft.latency_p95" if "hard" in path else "",
            )
            for path, value in values.items()
        ],
    )
    drawn = made.draw(values)
    if drawn.policy is None:
        assert ratio <= 1.01 or not 0.01 <= exit <= 1.0 or hold < 1.0
    else:
        first, second = (rule.threshold for rule in drawn.policy.rules)
        assert first < second


def test_the_present_values_are_today_s_policy() -> None:
    """So the first trial is the policy that is tuned."""
    made = default_space(policy_fields(None))
    assert made.draw(made.present).policy == policy_fields(None).policy


def test_costs_keep_their_form() -> None:
    """Multiples of the baseline stay multiples, dollars stay dollars."""
    for base, sign in (("the default policy", "x"), ("dollars", "$")):
        made = default_space(policy_fields(BASES[base]))
        drawn = made.draw(made.present)
        assert f"token_cost_per_hour: {sign}" in drawn.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "names nothing to tune"),
        ("thresholds.soft.latency_p59: {from: 8s, to: 30s}", "did you mean 'thresholds.soft.lat"),
        ("thresholds.soft.latency_p95: 12s", "expected a range such as {from: 8s, to: 30s}"),
        ("modes.soft.model: {from: 1, to: 2}", "modes.soft.model is no number"),
        ("baseline.requests_per_s: {from: 1, to: 2}", "says how things are"),
        ("ladder.hold: {from: 5m, to: 1m}", "from 5m to 1m is no range"),
        ("ladder.hold: {from: 1m, to: 2m, step: 5m}", "a step of 5m is larger than the range"),
        ("ladder.hold: {from: 1m, to: 2m, step: 0s}", "expected more than 0"),
        ("ladder.hold: {from: 1m, to: 2m, step: 10s, log: true}", "has both log and step"),
        ("ladder.settle: {from: 0s, to: 2m, log: true}", "has no logarithm at 0"),
        ("ladder.hold: {from: 1m, too: 2m}", "unknown key 'too' in ladder.hold"),
        ("ladder.hold: {from: 1m, to: 50%}", "ladder.hold: to: found '50%', expected a duration"),
        ("ladder.exit: {from: 0.5, to: 3}", "ladder.exit: at 3.0, no policy comes of it"),
        (
            "thresholds.soft.latency_p95: {from: 8s, to: 2000s}",
            "at 2000s, no policy comes of it: rule 'hard latency_p95': hard is entered at",
        ),
        (
            "thresholds.hard.latency_p95: {from: 1, to: 2, times: ladder.hold}",
            "is tied to 'ladder.hold'; expected another path of this file",
        ),
        (
            "ladder.hold: {from: 1, to: 2, times: ladder.hold}",
            "is tied to itself, in a circle",
        ),
        (
            "ladder.exit: {from: 0.5, to: 0.9}\nladder.hold: {from: 1, to: 2, times: ladder.exit}",
            "ladder.hold (seconds) is tied to ladder.exit (factor)",
        ),
    ],
)
def test_a_space_that_cannot_be_is_one_message(tmp_path: Path, text: str, words: str) -> None:
    """It names the file and line, what was found and what was expected."""
    with pytest.raises(InputError) as error:
        space(tmp_path, text)
    assert words in str(error.value)
    assert str(tmp_path / "space.yaml") in str(error.value)


@pytest.mark.parametrize(
    ("page", "name", "count"),
    [
        ("how-to/tune-a-policy.md", "space.yaml", 6),
        ("explanation/default-policy.md", "thresholds.yaml", 10),
    ],
)
def test_the_spaces_that_pages_show_are_some(
    tmp_path: Path, page: str, name: str, count: int
) -> None:
    """For the policy that ships."""
    text = (ROOT / "docs" / page).read_text()
    block = text.split(f"    # {name}\n")[1].split("\n\n")[0]
    path = tmp_path / name
    path.write_text(block.replace("    ", ""))
    assert len(read_space(path, policy_fields(None)).dimensions) == count


def test_ends_of_a_range_that_is_half_in_dollars_are_refused(tmp_path: Path) -> None:
    """A cost is one or the other."""
    path = tmp_path / "space.yaml"
    path.write_text("thresholds.soft.token_cost_per_hour: {from: x1.2, to: $200}\n")
    with pytest.raises(InputError, match="one end is in dollars and the other a multiple"):
        read_space(path, policy_fields(None))


@pytest.mark.parametrize(
    ("base", "line", "text"),
    [
        ("default", "{from: $150, to: $200}", "$190"),
        ("dollars", "{from: x1.2, to: x2}", "x1.84"),
    ],
)
def test_costs_are_told_in_the_unit_of_the_space(
    tmp_path: Path, base: str, line: str, text: str
) -> None:
    """Whichever of the two the policy has; the first trial is then today's as well."""
    fields = policy_fields(BASES.get(base))
    path = "thresholds.soft.token_cost_per_hour"
    (tmp_path / "space.yaml").write_text(f"{path}: {line}\n")
    made = read_space(tmp_path / "space.yaml", fields)
    assert made.dimensions[0].unit.show(made.today[path]) == text
    assert made.present == made.today
    drawn = made.draw(made.present).policy
    assert drawn is not None
    for one, other in zip(drawn.rules, fields.policy.rules, strict=True):
        assert one.threshold == pytest.approx(other.threshold, rel=0.01)


def test_what_is_tied_to_nothing_starts_at_the_top(tmp_path: Path) -> None:
    """No factor of no retries makes any, so today's policy says none."""
    (tmp_path / "space.yaml").write_text(
        "modes.soft.retries: {from: 0, to: 3}\n"
        "modes.hard.retries: {times: modes.soft.retries, from: 0.5, to: 1}\n"
    )
    fields = policy_fields("modes: {soft: {retries: 0}, hard: {retries: 0}}\n")
    made = read_space(tmp_path / "space.yaml", fields)
    assert made.present == {"modes.soft.retries": 0.0, "modes.hard.retries": 1.0}
    assert made.draw(made.present).policy == fields.policy


def test_steps_are_kept_and_tied_values_follow(tmp_path: Path) -> None:
    """What is drawn off the grid goes to the nearest step; a factor is of the other's value."""
    made = space(tmp_path)
    (hold,) = (each for each in made.dimensions if each.path == "ladder.hold")
    assert hold.nearest(71.0) == 60.0
    values = made.amounts(
        {
            "thresholds.soft.latency_p95": 10.0,
            "thresholds.hard.latency_p95": 1.5,
            "ladder.hold": 60.0,
        }
    )
    assert values["thresholds.hard.latency_p95"] == 15.0
