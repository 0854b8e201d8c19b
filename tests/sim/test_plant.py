"""The plant as the control plane uses it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.decisions import Limits, plan
from balancer.core.errors import MisuseError
from balancer.core.histogram import Histogram
from balancer.core.modes import Mode, Priority
from balancer.core.observations import Observations, merge_ticks
from balancer.core.policy import Strategy
from balancer.core.signals import latency_cuts
from scenarios.schema import UpstreamFault
from sim.plant.clients import choose
from sim.plant.fault_rows import OFF
from sim.plant.plant import Plant
from sim.plant.world import GATES
from sim.streams import replication_key
from tests.core.builders import table

from .worlds import FLASH, LITE, decision, plant, policy, requests, scenario

HARD = Strategy(model=LITE, static_fallback="Sorry.")


def _ticks(run: Plant, number: int) -> list[Observations]:
    found = []
    for tick in range(number):
        run.advance(tick + 1.0)
        found.append(run.observe(tick))
    return found


def test_an_answer_is_observed_in_the_tick_it_reaches_the_client() -> None:
    """Counts, tokens, cost and latencies; before, its age."""
    first, second, third = _ticks(plant(requests(0.25)), 3)
    assert (first.offered, first.admitted, first.shed) == ((0, 1, 0), (0, 1, 0), (0, 0, 0))
    (row,) = first.served
    assert (row.mode, row.model, row.started, row.finished) == (Mode.NORMAL, FLASH, 1, 0)
    assert row.ages == Histogram.of([0.75])
    (row,) = second.served
    assert (row.started, row.finished, row.failed) == (0, 1, 0)
    assert row.latency == Histogram.of([1.5])
    assert row.ttft == Histogram.of([0.5])
    assert (row.prompt_tokens, row.output_tokens, row.nano_usd) == (1000, 100, 550_000)
    assert not row.ages
    assert third == Observations(tick=2)


def test_counts_above_the_cuts_come_ready_made() -> None:
    """Of latencies and ages, by calls and by requests: those that the histograms say."""
    under = replace(policy(), rules=table("latency_p95", 1.2))
    run = plant(requests(*(k / 7.0 for k in range(140))), under=under)
    cuts = latency_cuts(under)
    seen = [
        histogram
        for each in _ticks(run, 25)
        for row in (*each.served, *each.requests)
        for histogram in row
        if isinstance(histogram, Histogram) and histogram
    ]
    assert any(any(histogram.above(cuts)) for histogram in seen)
    for histogram in seen:
        assert histogram.counted(cuts) == Histogram(histogram.packed).counted(cuts)


def test_an_age_counts_from_the_first_attempt() -> None:
    """It is a lower bound of the latency."""
    run = plant(requests(0.0), scenario(clients={"retries": 1}))
    fails = UpstreamFault.model_validate({"kind": "error", "at": 0, "for": 1})
    run.set_fault(0, fails)
    run.advance(1.0)
    run.set_fault(0, fails, OFF)
    run.advance(2.0)
    assert run.observe(0).served[0].ages == Histogram.of([2.0])


def test_ticks_add_up_to_the_totals() -> None:
    """Whatever is observed has happened, and the other way round."""
    rows = requests(*np.linspace(0.0, 99.0, 500), priority=[0, 1, 2, 1, 1] * 100)
    run = plant(rows, scenario(flash={"error_share": 0.2}, clients={"retries": 1}))
    whole = merge_ticks(_ticks(run, 120))
    totals = run.totals()
    assert sum(whole.offered) == totals.offered == 500
    assert whole.offered == (100, 300, 100)
    (row,) = whole.served
    assert row.started == row.finished == totals.attempts
    assert row.failed == totals.attempts_failed > 50
    assert row.nano_usd == totals.observed_nano_usd == totals.true_nano_usd
    assert row.output_tokens == totals.output_tokens
    assert row.latency == totals.latency


def test_requests_before_the_warm_up_s_end_are_left_out_of_the_totals() -> None:
    """But not out of the observations."""
    run = plant(requests(1.0, 9.0, 11.0), scenario(warm_up=10))
    whole = merge_ticks(_ticks(run, 20))
    assert sum(whole.offered) == 3
    assert (run.totals().offered, run.totals().answered, run.totals().attempts) == (1, 1, 1)


def test_a_decision_governs_the_requests_that_come_after_it() -> None:
    """A plan binds at admission."""
    under = policy(hard=HARD)
    run = plant(requests(0.5, 1.5), under=under)
    first = _ticks(run, 1)
    run.apply(decision(under, Mode.HARD))
    run.advance(2.0)
    later = run.observe(1)
    assert [row.model for row in first[0].served] == [FLASH]
    assert {(row.mode, row.model) for row in later.served} == {
        (Mode.NORMAL, FLASH),
        (Mode.HARD, LITE),
    }
    assert run.totals().degraded == 1
    assert (run.totals().admitted, run.totals().degraded) == (2, 1)


@pytest.mark.slow
@given(
    admit=st.tuples(*[st.floats(0, 1)] * 3),
    share=st.floats(0, 1),
    u=st.floats(0, 1, exclude_max=True),
    priority=st.sampled_from(Priority),
)
@settings(max_examples=200)
def test_plans_are_those_of_the_core(
    admit: tuple[float, float, float], share: float, u: float, priority: Priority
) -> None:
    """The kernel's look-up and `plan` agree on every draw."""
    under = policy(hard=HARD)
    mix = (1.0 - share, 0.0, share, 0.0)
    made = decision(under, admit=admit, mixes=(mix, mix, mix))
    run = plant(requests(), under=under)
    run.apply(made)
    mode, admitted = choose(run.gates[0], int(priority), u)
    expected = plan(made, priority, u)
    assert (Mode(mode), admitted) == (expected.mode, expected.admitted)


def test_a_gate_has_room_for_every_mode() -> None:
    """Four modes and the refusal."""
    assert len(Mode) + 1 == GATES


def test_shed_requests_get_the_static_answer() -> None:
    """They are counted as shed and as fallback, and never start."""
    under = policy(hard=HARD)
    run = plant(requests(0.5, 0.6, 0.7, priority=[0, 1, 2]), under=under)
    run.apply(decision(under, Mode.HARD, admit=(0.0, 0.0, 1.0)))
    run.advance(1.0)
    seen = run.observe(0)
    assert seen.shed == seen.fallback == (1, 1, 0)
    assert seen.admitted == (0, 0, 1)
    run.drain()
    assert (run.totals().shed, run.totals().fallback, run.totals().answered) == (2, 2, 1)


def test_limits_shed_what_is_beyond_them() -> None:
    """Calls in flight, and admissions in a tick."""
    under = policy()
    for limits, admitted in ((Limits(max_in_flight=2), 2), (Limits(max_starts=3), 4)):
        run = plant(requests(0.1, 0.2, 0.3, 0.4, 1.1), under=under)
        run.apply(decision(under, limits=limits))
        seen = _ticks(run, 2)
        assert sum(sum(each.admitted) for each in seen) == admitted


def test_the_current_mode_s_retries_bind_too() -> None:
    """A request admitted with three retries makes none in a mode that allows none."""
    under = policy(Strategy(retries=3), hard=Strategy(model=LITE, retries=0))
    run = plant(requests(0.0), under=under)
    run.set_fault(0, UpstreamFault.model_validate({"kind": "error", "at": 0, "for": 1}))
    run.apply(decision(under, Mode.NORMAL))
    run.advance(0.1)
    run.apply(decision(under, Mode.HARD))
    run.drain()
    assert run.totals().attempts == 1


def test_a_crowd_of_hanging_calls_finds_room() -> None:
    """Slots and events grow, and nothing is lost by it."""
    run = plant(requests(*np.linspace(0.0, 50.0, 5000)), scenario(clients={"retries": 1}))
    run.set_fault(0, UpstreamFault.model_validate({"kind": "hang", "at": 0, "for": 1}))
    run.advance(51.0)
    assert run.in_flight == 5000
    run.drain()
    totals = run.totals()
    assert (totals.failed, totals.attempts) == (5000, 10_000)
    assert run.empty


def test_advancing_in_one_leap_or_in_many_is_the_same() -> None:
    """Between two calls nothing happens."""
    rows = requests(*np.linspace(0.0, 50.0, 300))
    of = scenario(flash={"error_share": 0.3}, clients={"retries": 2})
    leap, steps = plant(rows, of), plant(rows, of)
    leap.advance(60.0)
    for tenth in range(600):
        steps.advance((tenth + 1) / 10)
    assert leap.totals() == steps.totals()


def test_time_does_not_go_back() -> None:
    """An earlier moment changes nothing, the ages of calls in flight included."""
    run = plant(requests(0.0))
    run.advance(1.0)
    run.advance(0.5)
    assert run.observe(0).served[0].ages == Histogram.of([1.0])


def test_what_happens_at_a_moment_is_left_for_the_next_call() -> None:
    """Ticks are half open."""
    run = plant(requests(1.0))
    run.advance(1.0)
    assert run.totals().offered == 0
    run.advance(1.0001)
    assert run.totals().offered == 1


def test_memory_is_reported_as_it_was_set() -> None:
    """It is a gauge."""
    run = plant(requests())
    run.memory_ppm = 870_000
    assert run.observe(0).memory_ppm == 870_000


def test_a_fault_row_that_does_not_exist_is_refused() -> None:
    """With the range that does."""
    run = plant(requests())
    fault = UpstreamFault.model_validate({"kind": "hang", "at": 0, "for": 1})
    with pytest.raises(MisuseError, match=r"fault row 8 is outside 0\.\.7"):
        run.set_fault(8, fault)


def test_a_fault_of_a_model_nobody_calls_hits_nobody() -> None:
    """It is not taken for a fault of all models."""
    run = plant(requests(0.0))
    fault = {"kind": "error", "at": 0, "for": 1, "model": "gemini-2.5-pro"}
    run.set_fault(0, UpstreamFault.model_validate(fault))
    run.drain()
    assert run.totals().answered == 1


def test_latencies_are_kept_when_asked_for() -> None:
    """One a request, NaN where there is none."""
    run = Plant(
        scenario(clients={"patience": 1.0}),
        policy(),
        [requests(0.0, 5.0, output=[10, 900])],
        replication_key(1, 0),
        keep_latencies=True,
    )
    run.drain()
    assert run.latencies == pytest.approx([0.6, 1.0])


def test_every_request_is_served_by_the_model_it_asked_for() -> None:
    """Or by what the mode makes of that one, in the same plan for all of its attempts."""
    first, second, third = "gemini-3.8-flash", "gemini-3.5-flash-lite", "gemini-3.1-flash-lite"
    models = {second: 0.5, first: 0.5}
    under = policy(Strategy(fallback_models=("one cheaper",)), hard=Strategy(model="two cheaper"))
    run = plant(requests(0.0, 0.1, asked=[0, 1]), scenario(workload={"models": models}), under)
    run.set_fault(0, UpstreamFault.model_validate({"kind": "error", "at": 0, "for": 1}))
    run.advance(3.0)
    started = {row.model: row.started for row in run.observe(0).served}
    assert started == {first: 1, second: 2, third: 1}


def test_a_mode_moves_each_request_from_the_model_it_asked_for() -> None:
    """Three steps from either end at the same model."""
    models = {"gemini-3.5-flash-lite": 0.5, "gemini-3.8-flash": 0.5}
    under = policy(hard=Strategy(model="three cheaper"))
    run = plant(requests(0.0, 0.1, asked=[0, 1]), scenario(workload={"models": models}), under)
    run.apply(decision(under, Mode.HARD))
    run.advance(0.5)
    (row,) = run.observe(0).served
    assert (row.mode, row.model, row.started) == (Mode.HARD, LITE, 2)
