"""The live balancer: ticks, orders, plain calls, modes, hot reload, shadow mode."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from balancer.core.controller import Controller
from balancer.core.errors import MisuseError
from balancer.core.modes import Mode, Priority
from balancer.core.observations import Alert, Observations
from balancer.core.policy import BudgetLimit, Strategy
from balancer.core.replay import replay
from balancer.journal_file import open_journal
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.clock import Clock
from tests.waiting import GIVE_UP_S, until

from .bench import Bench


def test_what_happened_in_a_tick_is_stepped_when_it_is_over() -> None:
    """Twice a moment inside a tick gives nothing."""
    bench = Bench()
    bench.calls(6, latency_s=0.1)
    assert bench.balancer.tick() is None
    seen = bench.seen()
    assert seen.tick == 0
    assert (seen.offered, seen.admitted) == ((2, 2, 2), (2, 2, 2))
    (entry,) = seen.served
    assert (entry.started, entry.finished, entry.latency.total) == (6, 6, 6)
    assert (entry.prompt_tokens, entry.output_tokens) == (6000, 600)
    assert bench.balancer.tick() is None


def test_a_call_in_flight_is_seen_by_its_age() -> None:
    """A hang finishes nothing."""
    bench = Bench()
    call = bench.balancer.begin()
    seen = bench.seen()
    assert seen.in_flight == 1
    assert seen.served[0].ages.above((-1, 0)) == (1, 0)  # just 1 s
    bench.balancer.finish(call)
    assert bench.seen().in_flight == 0


def test_a_decision_governs_from_the_next_tick_on() -> None:
    """A call that began before keeps its plan and is charged to it."""
    bench = Bench()
    early = bench.balancer.begin()
    bench.balancer.override(Mode.HARD, "test", for_s=60.0)
    assert bench.balancer.begin().plan.mode is Mode.NORMAL
    bench.seen()
    late = bench.balancer.begin()
    bench.balancer.finish(early)
    bench.balancer.finish(late)
    assert late.plan.mode is Mode.HARD
    assert [(e.mode, e.finished) for e in bench.seen().served] == [
        (Mode.NORMAL, 1),
        (Mode.HARD, 1),
    ]


def test_missed_ticks_are_stepped_empty() -> None:
    """What was counted belongs to the last one that is over."""
    bench = Bench()
    bench.seen()
    bench.calls(3)
    bench.clock.advance(9.0)
    seen = bench.seen()
    assert seen.tick == 10
    assert seen.offered == (1, 1, 1)
    assert bench.balancer.status().tick == 10


@pytest.mark.parametrize("stall", [12, 60])
def test_a_late_ticker_says_of_how_many_ticks_its_line_is(stall: int) -> None:
    """What was counted in them cannot be told apart, so it is of all of them."""
    bench = Bench()
    bench.seen()
    bench.clock.advance(stall)
    bench.balancer.tick()
    bench.seen()
    assert [seen.ticks for seen, _ in bench.ticks] == [1, stall, 1]


def test_what_a_broken_controller_lost_is_in_no_later_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody has the counts of that tick."""
    bench = Bench()
    bench.seen()
    with monkeypatch.context() as patch:
        patch.setattr(Controller, "step", lambda *_: 1 / 0)
        bench.clock.advance(5.0)
        bench.balancer.tick()
    assert bench.seen().ticks == 1


def test_a_balancer_counts_from_its_beginning() -> None:
    """Ticks before it was made are nobody's."""
    assert Bench(now_s=100.0).seen().ticks == 1


def test_an_hour_of_calls_that_are_slow_by_nature_is_said_to_misfit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Twenty seconds each, where the default policy expects fifteen: in the log too, and once."""
    bench = Bench(replace(default_policy(), law="none"))
    for _ in range(361):
        bench.calls(1, latency_s=20.0)
        bench.balancer.tick()
    (said,) = bench.balancer.status().misfits
    assert said.startswith("latency_p95 is 20")
    assert "the threshold of soft is 15 s" in said
    (line,) = caplog.messages
    assert line.startswith("the policy does not fit its traffic: latency_p95 is 20")


def test_a_clock_that_goes_back_steps_nothing() -> None:
    """The index never goes back."""
    bench = Bench(now_s=100.0)
    bench.seen()
    bench.clock.advance(-50.0)
    assert bench.balancer.tick() is None
    bench.clock.set(102.0)
    decision = bench.balancer.tick()
    assert decision is not None
    assert decision.tick == 101


def test_a_leap_over_a_week_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    """Loudly, in normal, and going on."""
    bench = Bench()
    bench.brown_out()
    bench.clock.advance(8 * 86_400.0)
    bench.seen()
    assert bench.mode is Mode.NORMAL
    assert bench.balancer.status().problems == {}
    assert "leap of over a week" in caplog.text


def test_an_override_holds_until_its_end_in_scenario_time() -> None:
    """And may be lifted before."""
    bench = Bench()
    bench.balancer.override(Mode.EMERGENCY, "drill", for_s=3.0)
    modes = [bench.seen() and bench.mode for _ in range(4)]
    assert modes[:3] == [Mode.EMERGENCY] * 3
    assert "drill" in bench.ticks[0][1].reasons[0].text
    bench = Bench(replace(default_policy(), law="threshold"))
    bench.balancer.override(Mode.HARD, "drill", until_s=100.0)
    modes = [bench.seen() and bench.mode]
    bench.balancer.lift("over")
    modes += [bench.seen() and bench.mode]
    assert modes == [Mode.HARD, Mode.NORMAL]


@pytest.mark.parametrize("law", ["mildest", "ladder", "threshold"])
def test_within_one_tick_the_last_order_holds(law: str, tmp_path: Path) -> None:
    """A shorter one after a longer one, and a lift after both; the journal replays to the bit."""
    bench = Bench(replace(default_policy(), law=law), journal=tmp_path / "journal.jsonl")
    balancer = bench.balancer
    balancer.override(Mode.EMERGENCY, "a slip", for_s=600.0)
    balancer.override(Mode.HARD, "what was meant", for_s=60.0)
    bench.seen()
    assert bench.mode is Mode.HARD
    balancer.override(Mode.EMERGENCY, "once more", for_s=600.0)
    balancer.lift("the wheel is back")
    bench.seen()
    assert balancer.status().override is None
    balancer.lift("for nothing")
    last = balancer.override(Mode.SOFT, "the last word", for_s=1.0)
    bench.seen()
    assert balancer.status().override == last
    balancer.close()
    assert replay(open_journal(tmp_path / "journal.jsonl")).identical


def test_an_override_says_why_and_until_when() -> None:
    """Each lack of it is named."""
    balancer = Bench(now_s=10.0).balancer
    with pytest.raises(MisuseError, match="one of both"):
        balancer.override(Mode.SOFT, "why")
    with pytest.raises(MisuseError, match="needs a reason"):
        balancer.override(Mode.SOFT, " ", for_s=1.0)
    with pytest.raises(MisuseError, match="would end at 5 s; it is 10 s now"):
        balancer.override(Mode.SOFT, "why", until_s=5.0)
    with pytest.raises(MisuseError, match="would end"):
        balancer.override(Mode.SOFT, "why", for_s=float("inf"))


def test_an_alert_asks_for_a_mode_and_takes_it_back() -> None:
    """At ticks of the balancer's own scale."""
    bench = Bench(replace(default_policy(), law="threshold"), now_s=50.0)
    bench.balancer.alert(Alert("pager", bench.balancer.now_tick, Mode.HARD))
    assert bench.seen().alerts[0].at_tick == 50
    modes = [bench.mode]
    bench.balancer.alert(Alert("pager", bench.balancer.now_tick, Mode.HARD, raised=False))
    bench.seen()
    assert [*modes, bench.mode] == [Mode.HARD, Mode.NORMAL]


def test_a_shed_call_is_counted_and_not_finished() -> None:
    """In emergency low priority is refused."""
    bench = Bench()
    bench.balancer.override(Mode.EMERGENCY, "test", for_s=60.0)
    bench.seen()
    call = bench.balancer.begin(Priority.LOW)
    assert not call.admitted
    with pytest.raises(MisuseError, match="shed"):
        bench.balancer.finish(call)
    assert bench.seen().shed == (1, 0, 0)


def test_plain_calls_keep_to_limits() -> None:
    """Most in flight at once."""
    policy = default_policy()
    one, *others = policy.strategies
    limited = replace(policy, strategies=(replace(one, max_in_flight=2), *others), baseline=None)  # type: ignore[arg-type]
    bench = Bench(limited)
    bench.seen()
    calls = [bench.balancer.begin() for _ in range(3)]
    assert [call.admitted for call in calls] == [True, True, False]
    seen = bench.seen()
    assert (seen.admitted[1], seen.shed[1]) == (2, 1)


def test_a_call_is_finished_once_and_by_a_known_kind() -> None:
    """Anything else is misuse."""
    balancer = Bench().balancer
    call = balancer.begin(model="gemini-2.5-pro")
    with pytest.raises(MisuseError, match="expected one of overloaded"):
        balancer.finish(call, "late")
    balancer.finish(call)
    with pytest.raises(MisuseError, match="finished before"):
        balancer.finish(call)


def test_a_call_that_nobody_finishes_is_given_up_after_an_hour() -> None:
    """So that forgotten calls fill neither the memory nor the ages; finishing it late is fine."""
    bench = Bench()
    call = bench.balancer.begin()
    bench.clock.advance(3601.0)
    bench.seen()
    assert bench.balancer.status().in_flight == 0
    (entry,) = bench.seen().served
    assert (entry.finished, entry.failed, entry.latency.total) == (1, 0, 1)
    bench.balancer.finish(call)


def test_a_plain_call_cannot_keep_a_hard_budget() -> None:
    """It says what does."""
    policy = replace(default_policy(), budgets=(BudgetLimit(usd=1.0, window_s=60.0),))
    with pytest.raises(MisuseError, match=r"use request\(\)"):
        Bench(policy).balancer.begin()


def test_a_plan_without_a_model_charges_the_callers() -> None:
    """Passed through, a call is charged to the model that it names."""
    bench = Bench()
    bench.balancer.bypass(True, "test")
    bench.balancer.finish(bench.balancer.begin(model="gemini-2.5-pro"))
    assert bench.seen().served[0].model == "gemini-2.5-pro"


def test_a_model_without_a_price_counts_as_free_and_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Once."""
    bench = Bench()
    bench.balancer.bypass(True, "test")
    for _ in range(2):
        call = bench.balancer.begin(model="my-tuned-model")
        bench.balancer.finish(call, prompt_tokens=10)
    assert bench.seen().served[0].nano_usd == 0
    assert caplog.text.count("no price is known of model 'my-tuned-model'") == 1


def test_a_plan_can_be_looked_up_without_counting() -> None:
    """As dashboards do."""
    bench = Bench()
    assert bench.balancer.plan(Priority.LOW, 0.3).mode is Mode.NORMAL
    assert bench.balancer.plan().admitted
    assert bench.seen().offered == (0, 0, 0)


def test_shadow_mode_decides_and_changes_nothing() -> None:
    """Calls are charged to the mode that they would have been served in."""
    bench = Bench(shadow=True)
    bench.balancer.override(Mode.EMERGENCY, "test", for_s=60.0)
    bench.seen()
    call = bench.balancer.begin(Priority.LOW)
    assert (call.admitted, call.plan.mode) == (True, Mode.EMERGENCY)
    assert call.plan.strategy == Strategy()
    assert bench.mode is Mode.EMERGENCY
    status = bench.balancer.status()
    assert (status.shadow, status.enforced) == (True, False)


def test_hot_reload_keeps_everything_where_the_meaning_is_the_same() -> None:
    """Another model in soft is none of the controller's business; it governs at once."""
    bench = Bench()
    bench.brown_out()
    mode = bench.mode
    policy = default_policy()
    # Of normal it would be another cost at rest, which thresholds of cost follow.
    normal, *below = policy.strategies
    strategies = (normal, *(replace(each, instruction="Be brief.") for each in below))
    kept = bench.balancer.use(replace(policy, name="other", strategies=strategies))  # type: ignore[arg-type]
    assert kept == "everything"
    assert bench.balancer.begin().plan.strategy.instruction == "Be brief."
    assert bench.mode is mode
    assert bench.balancer.status().policy == "other"
    assert bench.balancer.policy.name == "other"
    bench.seen()
    assert bench.mode is mode


def test_hot_reload_of_other_rules_keeps_the_mode() -> None:
    """And begins with fresh evidence."""
    bench = Bench()
    bench.brown_out()
    mode = bench.mode
    policy = default_policy()
    rules = tuple(replace(rule, threshold=rule.threshold * 1.5) for rule in policy.rules)
    assert bench.balancer.use(replace(policy, rules=rules)).startswith("mode and orders")
    assert bench.mode is mode
    assert bench.balancer.status().kept.startswith("mode and orders")
    bench.seen()
    assert bench.mode is mode


def test_hot_reload_of_another_tick_goes_on_on_its_scale() -> None:
    """Half a second long."""
    bench = Bench()
    bench.seen()
    assert bench.balancer.use(replace(default_policy(), tick_s=0.5)).startswith("nothing")
    bench.clock.advance(0.5)
    bench.balancer.tick()
    assert bench.ticks[-1][0].tick == 2


@pytest.mark.parametrize(("before_s", "after_s"), [(1.0, 2.0), (10.0, 1.0), (1.0, 60.0)])
def test_hot_reload_of_another_tick_changes_nothing_of_the_time_that_it_is(
    before_s: float, after_s: float, tmp_path: Path
) -> None:
    """A day after the beginning, too: the next tick is the one under way, and of one tick."""
    path = tmp_path / "journal.jsonl"
    bench = Bench(replace(default_policy(), tick_s=before_s), now_s=86_400.0, journal=path)
    bench.seen()
    bench.balancer.use(replace(default_policy(), tick_s=after_s))
    bench.clock.advance(after_s)
    bench.balancer.tick()
    seen = bench.ticks[-1][0]
    assert seen.tick == bench.balancer.now_tick - 1
    assert seen.ticks == 1
    assert bench.balancer.status().tick == seen.tick
    bench.balancer.override(Mode.HARD, "a trial", for_s=1800.0)
    bench.clock.advance(after_s)
    bench.balancer.tick()
    assert bench.mode is Mode.HARD
    bench.balancer.close()
    assert {entry.observations.ticks for entry in open_journal(path)} == {1}


@pytest.mark.parametrize("after_s", [0.5, 2.0, 30.0])
def test_an_order_that_waits_while_ticks_change_ends_when_it_was_told(after_s: float) -> None:
    """And so does an alert: both were given in ticks of before."""
    bench = Bench(now_s=3600.0)
    bench.seen()
    bench.balancer.override(Mode.HARD, "a trial", for_s=600.0)
    bench.balancer.alert(Alert("a", bench.balancer.now_tick, Mode.SOFT, lifetime_ticks=1200))
    bench.balancer.use(replace(default_policy(), tick_s=after_s))
    ends: dict[Mode, float] = {}
    while not ends or bench.mode is not Mode.NORMAL:
        bench.clock.advance(after_s)
        bench.balancer.tick()
        ends[bench.mode] = bench.clock.now_s()
    assert ends[Mode.HARD] == pytest.approx(4201.0, abs=after_s)
    assert ends[Mode.SOFT] == pytest.approx(4801.0, abs=after_s)


def test_longer_ticks_do_not_make_the_ticker_late() -> None:
    """Nor shorter ones: what it waits for is of another length from then on."""
    balancer = Balancer(clock=Clock()).start()
    try:
        admission = balancer._admission
        balancer.use(replace(default_policy(), tick_s=60.0))
        until(lambda: admission.alive_until - admission.raw() > 500.0, "it may wait for ten ticks")
        ticks: list[int] = []
        balancer.listeners.ticks.add(lambda seen, _: ticks.append(seen.tick))
        balancer.use(replace(default_policy(), tick_s=0.05))
        until(lambda: len(ticks) > 2, "it steps at once")
    finally:
        balancer.close()


def test_a_listener_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and those after it are called."""
    bench = Bench()
    found: list[Observations] = []

    def broken(seen: Observations, decided: object) -> None:
        raise RuntimeError("broken")

    bench.balancer.listeners.ticks.add(broken)
    bench.balancer.listeners.ticks.add(lambda seen, _: found.append(seen))
    bench.seen()
    assert len(found) == 1
    assert "a listener failed" in caplog.text


def test_a_thread_steps_the_controller_until_it_is_closed() -> None:
    """The part of a tick at the end is stepped too: nothing recorded is lost."""
    stepped = threading.Event()
    offered = [0, 0, 0]

    def listen(seen: Observations, _: object) -> None:
        for priority in Priority:
            offered[priority] += seen.offered[priority]
        if seen.tick >= 2:
            stepped.set()

    balancer = Balancer(clock=Clock(speed=50.0))
    balancer.listeners.ticks.add(listen)
    with balancer:
        assert balancer.start() is balancer
        assert balancer.status().running
        balancer.finish(balancer.begin())
        assert stepped.wait(GIVE_UP_S)
        balancer.finish(balancer.begin(Priority.HIGH))
    balancer.close()
    assert offered == [0, 1, 1]
    assert not balancer.status().running
    assert balancer.begin().plan.strategy == Strategy()
    with balancer:
        assert balancer.begin().plan.strategy != Strategy()


def test_a_task_of_an_event_loop_steps_it_too() -> None:
    """With `async with`, and no thread."""

    async def run() -> int:
        stepped = asyncio.Event()
        before = threading.active_count()
        balancer = Balancer(clock=Clock(speed=50.0))
        balancer.listeners.ticks.add(lambda seen, _: stepped.set() if seen.tick >= 2 else None)
        async with balancer:
            assert balancer.status().running
            async with balancer:
                await asyncio.wait_for(stepped.wait(), GIVE_UP_S)
        assert threading.active_count() == before
        return balancer.status().tick or 0

    assert asyncio.run(run()) >= 2
