"""What the law comes back to, and how much of the requests a milder mode is given."""

from __future__ import annotations

from itertools import pairwise

import pytest

from balancer.core.controller import Controller
from balancer.core.modes import Mode
from tests.core.builders import served, table, tick
from tests.core.loop import Health, during
from tests.core.mildest.rungs import (
    APART,
    BROKEN,
    FAULT,
    HARD,
    NORMAL,
    QUEUE,
    SLOW,
    SOFT,
    loop,
    memory,
    mildest,
    probes,
)


def test_it_comes_back_by_a_probe_whose_share_widens_to_the_whole() -> None:
    """15 requests in half a minute of ten a second are 5 %; then four times as many, then all."""
    run = loop(during(range(100, 200), normal=SLOW))
    run.until(SOFT)
    assert run.until(NORMAL) == 266
    shares = [text.partition("with ")[2] for _, text in probes(run)]
    assert [share.split()[0] for share in shares] == ["5.0%", "20.0%", "100.0%"]
    assert run.now.reasons[0].kind == "passed"
    assert run.now.reasons[0].text.startswith("normal: probe passed; latency_p95: 0 of ")


def test_a_probe_is_refused_after_two_bad_requests() -> None:
    """And the next one begins a hold later."""
    run = loop(during(FAULT, normal=SLOW)).run(500)
    refused = [text for text in run.texts if "failed at 5.0%" in text]
    assert refused[0] == "soft: probe of normal failed at 5.0%: latency_p95: 2 of 2 above 2 s"
    begun = [at for at, _ in probes(run)]
    assert all(later - earlier >= 120 for earlier, later in pairwise(begun))


def test_a_look_at_a_mode_that_harms_is_taken_ever_more_seldom_but_for_normal() -> None:
    """Hard serves all of them well, soft answers nobody and normal is slow."""
    run = loop(during(range(100, 5000), normal=SLOW, soft=BROKEN), mildest(strategies=APART))
    run.run(3000)
    assert run.now.mode is HARD
    assert memory(run)["ill"]["times"][:2] == [1, 3]
    soft = [at for at, text in probes(run) if text.startswith("hard: probing soft")]
    assert [round((later - earlier) / 120) for earlier, later in pairwise(soft)] == [
        2,
        4,
        4,
        4,
        4,
        4,
    ]


def test_a_relapse_doubles_the_time_that_a_mode_is_left_alone() -> None:
    """Half a minute of every 400 s is ill; the second time not all is given back at once."""
    run = loop(lambda t, m: SLOW if m is NORMAL and (t + 300) % 400 < 30 else Health()).run(3000)
    left = [step.tick for step in run.steps if step.after is SOFT]
    back = [step.tick for step in run.steps if step.after is NORMAL]
    away = [there - here for here, there in zip(left, back, strict=False)]
    assert left[:2] == [100, 500]
    assert away[1] - away[0] > 240


def test_a_cost_that_would_be_too_high_refuses_a_probe() -> None:
    """Soft is cheap, so its own cost says nothing; less than a tenth of the calls could be paid."""
    run = loop(during(range(100, 2000), normal=Health(nano_usd=4_000_000))).run(1500)
    assert run.path == [SOFT]
    assert any("token_cost_per_hour would be $144/h > $40.00/h" in text for text in run.texts)


def test_as_many_are_served_in_a_dear_mode_as_the_limit_pays_for() -> None:
    """Of $60/h in normal and $36/h in soft, $40/h pays for a sixth in normal."""
    run = loop(during(range(100, 4000), normal=Health(nano_usd=1_666_667))).run(3000)
    assert run.path == [SOFT]
    assert run.now.mixes[1][NORMAL] == pytest.approx(1 / 6, abs=0.01)
    assert run.now.reasons[0].text.startswith("soft: room for normal with 16.7%")


def test_a_share_that_is_kept_follows_the_number_of_requests() -> None:
    """Four fifths: $48/h in normal, $28.80/h in soft. Half: $30/h, below the exit threshold."""
    run = loop(during(range(100, 9000), normal=Health(nano_usd=1_666_667))).run(1000)
    run.per_tick = (0, 8, 0)
    assert run.run(1000).now.mixes[1][NORMAL] == pytest.approx(0.58, abs=0.03)
    run.per_tick = (0, 10, 0)
    assert run.run(600).now.mixes[1][NORMAL] == pytest.approx(1 / 6, abs=0.02)
    run.per_tick = (0, 5, 0)
    run.until(NORMAL)
    assert run.now.reasons[0].kind == "passed"


def test_a_share_that_is_kept_ends_when_its_users_fare_badly() -> None:
    """Held to the tests by which a mode is left."""
    dear = during(range(100, 9000), normal=Health(nano_usd=1_666_667))
    run = loop(lambda t, m: BROKEN if m is NORMAL and t >= 1000 else dear(t, m)).run(1020)
    assert run.now.mixes[1][NORMAL] == 0.0
    assert run.now.reasons[0].text.startswith("soft: probe of normal failed at 16")


def test_a_wider_share_that_fails_is_given_up_for_the_one_that_held() -> None:
    """Normal takes four in ten: 20 % hold, all do not, and what lies between is searched."""

    def crowded(at: int, mode: Mode) -> Health:
        share = run.now.mixes[1][NORMAL] if run.decisions else 1.0
        return SLOW if mode is NORMAL and 100 <= at < 6000 and share > 0.4 else Health()

    run = loop(crowded)
    run.until(SOFT)
    run.run(2000)
    assert run.path == [SOFT]
    assert 0.2 <= run.now.mixes[1][NORMAL] <= 0.4
    assert any(text.startswith("soft: room for normal with 20.0%") for text in run.texts)
    assert run.until(NORMAL) < 8000


def test_money_that_no_mode_saves_at_a_price_worth_paying_is_taken_for_granted() -> None:
    """Until the next try, in a quarter of an hour and then in half of one: normal is well else."""
    dear, slow = Health(nano_usd=4_000_000), Health(slow=0.6)
    world = during(range(100, 4000), normal=dear, soft=slow, hard=slow, emergency=slow)
    run = loop(world).run(3500)
    left = [step.tick for step in run.steps if run.decisions[step.tick - 2].mode is NORMAL]
    assert any("next try in 15 min" in text for text in run.texts)
    assert len(left) == 3
    assert left[1] - left[0] > 900 and left[2] - left[1] > 1800


def test_a_probe_whose_calls_have_not_ended_says_nothing_of_their_cost() -> None:
    """Normal was too dear; now it hangs, which no rule of this policy is about."""
    dear, hangs = Health(nano_usd=4_000_000), Health(hangs=True)
    run = loop(
        lambda t, m: (dear if t < 200 else hangs) if m is NORMAL and t >= 100 else Health(),
        mildest(table("token_cost_per_hour", 50.0)),
    ).run(500)
    assert run.path == [SOFT]
    assert memory(run)["probe"]["target"] == NORMAL


def test_tokens_that_would_be_too_many_refuse_a_probe() -> None:
    """By requests a minute and tokens a request."""
    controller = Controller(mildest(table("tokens_per_minute", 10_000)))
    texts = set()
    for index in range(600):
        shares = controller.decision.mix if controller.decision else (1.0, 0.0, 0.0, 0.0)
        entries = [
            served(mode, latencies=[1.0] * 5, tokens=5000 if mode is NORMAL else 100)
            for mode in Mode
            if shares[mode] > 0
        ]
        texts |= {reason.text for reason in controller.step(tick(index, *entries)).reasons}
    assert any("tokens_per_minute would be " in text for text in texts)


def test_a_gauge_above_its_threshold_refuses_a_probe() -> None:
    """What sent the law away is still there."""
    run = loop(policy=mildest(QUEUE), gauges=lambda t: {"waiting": 60 if t >= 100 else 0})
    run.run(400)
    assert run.path == [SOFT]
    assert "soft: probe of normal failed at 5.0%: queue_depth 60 > 50" in run.texts


def test_without_a_rule_that_counts_a_probe_takes_a_dozen_requests() -> None:
    """The queue has emptied; twelve calls of each share are served."""
    gauges = {"waiting": 60}
    run = loop(policy=mildest(QUEUE), gauges=lambda t: gauges if 100 <= t < 150 else {})
    assert run.until(SOFT) == 100
    assert 220 < run.until(NORMAL) < 400


def test_a_few_requests_a_minute_are_probed_with_all_of_them() -> None:
    """Three a minute: found after six, back within sixty of the end."""
    run = loop(during(range(2000, 6000), normal=Health(hangs=True)), per_tick=(0, 0.05, 0))
    assert run.until(SOFT) < 2000 + 7 * 20 + 3
    assert any("with 100.0% of requests" in text for _, text in probes(run.run(2000)))
    assert run.until(NORMAL) < 6000 + 60 * 20


def test_some_requests_a_second_are_probed_with_half_of_them() -> None:
    """Above one in three seconds never all of them at once."""
    run = loop(during(range(500, 900), normal=SLOW), per_tick=(0, 0.4, 0)).run(1500)
    assert probes(run)[0][1].endswith("with 50.0% of requests")


def test_silence_moves_nothing_and_begins_nothing() -> None:
    """Hours without a request, in soft."""
    run = loop(during(range(100, 130), normal=SLOW)).run(130)
    run.per_tick = (0, 0, 0)
    assert run.run(5000).path == [SOFT]
    assert [text for at, text in probes(run) if at > 130] == []


def test_a_probe_of_which_nothing_is_heard_ends() -> None:
    """Traffic stops while it is under way."""
    run = loop(during(range(100, 130), normal=SLOW)).run(235)
    assert memory(run)["probe"]["target"] == NORMAL
    run.per_tick = (0, 0, 0)
    run.run(4000)
    assert memory(run)["probe"]["target"] is None
    assert run.now.reasons[0].text == "soft: probe of normal ended, nothing was served in it"
