"""The signal of what was spent in ten minutes, and how laws act on it."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.core.controller import Controller
from balancer.core.doubts import doubts
from balancer.core.errors import PolicyError
from balancer.core.fit import findings
from balancer.core.modes import Mode
from balancer.core.policy import Baseline, Policy, Rule
from balancer.core.rules import shown
from balancer.core.signals import Signals
from balancer.core.windows import ALL
from tests.core.builders import make_policy, served, table, tick
from tests.core.loop import Health, Loop, always
from tests.core.test_fit import calm

NORMAL, SOFT, HARD, EMERGENCY = Mode
TEN_MINUTES = 600
DEAR = Health(nano_usd=2_000_000)
"""Two cents a second at ten requests a second: $12 in ten minutes."""
CHEAP = Health(nano_usd=200_000)


def spend(*thresholds: float, **more: Any) -> tuple[Rule, ...]:
    """Rules about what was spent in ten minutes."""
    return table("spend_10m", *thresholds, window_s=TEN_MINUTES, **more)


def policy(law: str = "mildest", rules: tuple[Rule, ...] | None = None) -> Policy:
    """One that leaves normal at $6, soft at $8 and hard at $9.50."""
    return make_policy(rules or spend(6.0, 8.0, 9.5), law=law)


def loop(law: str = "mildest", **modes: Health) -> Loop:
    """Ten requests a second; modes that are not named are cheap."""
    health = {mode.label: CHEAP for mode in Mode} | modes
    return Loop(Controller(policy(law)), always(**health))


def rush(tick_: int, mode: Mode) -> Health:
    """Normal is dear for five minutes and a half."""
    return DEAR if tick_ < 330 and mode is NORMAL else CHEAP


# --- the signal ---------------------------------------------------------------------------


def test_it_is_what_was_settled_in_all_modes_within_ten_minutes() -> None:
    """Whatever mode is asked about and since when: $0.01 in normal and $0.02 in soft a tick."""
    signals = Signals(policy())
    for index in range(700):
        entries = served(nano_usd=10_000_000), served(SOFT, nano_usd=20_000_000)
        signals.observe(tick(index, *entries))
    bound = signals.entry[0]
    assert signals.measure(bound, ALL, 690, 690).value == pytest.approx(18.0)
    assert signals.measure(bound, HARD, 0, 0).value == pytest.approx(18.0)


def test_it_leaves_the_window_after_ten_minutes() -> None:
    """A bill of $7 in tick 0 counts in the ticks up to 599."""
    signals = Signals(policy())
    found = []
    for index in range(602):
        entry = served(latencies=[1.0], nano_usd=7 * 10**9 if index == 0 else 0)
        signals.observe(tick(index, entry))
        found.append(signals.judge(signals.entry[0], NORMAL, -1, z=1.64, min_samples=20))
    assert found == [True] * 600 + [False] * 2


def test_one_bill_is_enough() -> None:
    """Money is counted and not estimated, so that no least number of calls is asked."""
    signals = Signals(policy())
    signals.observe(tick(0, served(latencies=[1.0], nano_usd=7 * 10**9)))
    assert signals.judge(signals.entry[0], NORMAL, -1, z=1.64, min_samples=20) is True
    assert signals.judge(signals.entry[1], NORMAL, -1, z=1.64, min_samples=20) is False


def test_it_reads_as_money() -> None:
    """In reasons and in the pages."""
    assert shown(7.5, "spend_10m") == "$7.50"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"window_s": 60.0}, "spend_10m is what was billed in 600 s; found a window of 60 s"),
        ({"threshold": 0.0}, r"threshold 0.0 \(usd\) is outside"),
        ({"threshold": float("nan")}, r"threshold nan \(usd\) is outside"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(more: dict[str, Any], says: str) -> None:
    """Its window is the spend limit's."""
    said = {"threshold": 6.0, "window_s": 600.0} | more
    with pytest.raises(PolicyError, match=says):
        make_policy((Rule(name="x", signal="spend_10m", level=SOFT, **said),))


def test_a_baseline_that_would_break_it_at_rest_is_warned_of() -> None:
    """Ten requests a second for $0.002 each are $12 in ten minutes."""
    baseline = Baseline(
        workload="test",
        requests_per_s=10.0,
        prompt_tokens=500,
        output_tokens=700,
        thinking_tokens=50,
    )
    found = doubts(make_policy(spend(6.0), baseline=baseline))
    assert any(text.startswith("spend_10m at rest on test is $1") for text in found)


def test_a_threshold_that_healthy_traffic_crosses_is_found() -> None:
    """As of the rules of pace, with what it comes to in ten minutes."""
    policy_ = make_policy(spend(1.0), law="mildest")
    found = findings(policy_, calm())
    assert [(each.rule.signal, each.loose) for each in found] == [("spend_10m", False)]
    assert found[0].seen == pytest.approx(12.0, rel=0.15)


# --- the mildest law ----------------------------------------------------------------------


def test_a_mode_is_left_at_its_threshold_and_no_other_is_entered() -> None:
    """Two cents a second: $6 are passed after 301 ticks; soft costs a tenth and stops it there."""
    run = loop(normal=DEAR).run(400)
    assert [(step.tick, step.after) for step in run.steps] == [(300, SOFT)]
    assert run.now.reasons[0].text == "soft: spend_10m $6.02 > $6.00"


def test_worse_modes_follow_only_where_it_goes_on_rising() -> None:
    """Soft and hard cost as much as normal."""
    run = loop(normal=DEAR, soft=DEAR, hard=DEAR).run(700)
    assert run.path == [SOFT, HARD, EMERGENCY]
    assert [step.tick for step in run.steps] == [300, 400, 475]


def test_it_comes_back_when_there_is_room_and_rests_where_it_may() -> None:
    """Normal comes to $12 in ten minutes: a part of the requests is served in it, for $4.80."""
    run = loop(normal=DEAR).run(3600)
    late = [decision.mixes[1][NORMAL] for decision in run.decisions[2400:]]
    assert 0.2 < sum(late) / len(late) < 0.45
    spent = [sum(entry.nano_usd for entry in each.served) / 1e9 for each in run.observed]
    assert max(sum(spent[end - 600 : end]) for end in range(600, 3600)) < 8.0


def test_a_rush_that_ends_is_followed_by_normal() -> None:
    """Once it has left the window, normal is well."""
    run = Loop(Controller(policy()), rush).run(2000)
    assert run.path[0] is SOFT
    assert run.now.mode is NORMAL


# --- other laws ---------------------------------------------------------------------------


def test_the_ladder_waits_until_it_is_below() -> None:
    """It goes to soft, and down only when what is spent has left the window."""
    run = loop("ladder", normal=DEAR).run(1200)
    assert run.steps[0].after is SOFT
    assert all(decision.mixes[1][NORMAL] == 0.0 for decision in run.decisions[301:600])


def test_the_ladder_goes_down_where_it_is_projected_to_stay_below() -> None:
    """Once the rush has left the window."""
    run = Loop(Controller(policy("ladder")), rush).run(2400)
    assert run.path[0] is SOFT
    assert run.now.mode is NORMAL
