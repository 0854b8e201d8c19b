"""A state machine that holds every law to what the controller promises, whatever comes next.

Rules serve traffic as the law decided, keep silent, raise alerts, give orders, and save and
restore at any point. Beside the controller run four others that must decide the same: one
that is saved and restored, one at another time, one that reads the merged ticks of replicas,
and one whose callers make mistakes on top of all that.
"""

from __future__ import annotations

import json
import math
import random
from typing import ClassVar

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as hold

from balancer.core.constants import BreakerConstants
from balancer.core.controller import Controller
from balancer.core.decisions import Decision, plan
from balancer.core.modes import MODES, Mode, Priority
from balancer.core.observations import Alert, Observations, Override, merge_replicas
from balancer.core.policy import LAWS, Policy
from balancer.strategies import policies
from tests.core.builders import served, tick
from tests.properties.retellings import split, with_mistakes, without_ticks
from tests.properties.traffic import shifted

pytestmark = pytest.mark.slow

LATER = 1000
"""Ticks by which the controller at another time is ahead."""

TICK_S = 1.0
"""Of every policy that is drawn."""

COUNTS = st.integers(0, 12)
LATENCIES = st.sampled_from([0.4, 1.0, 3.0, 7.0, 30.0])


SETTINGS = settings(
    max_examples=20,
    stateful_step_count=20,
    # Shrinking a whole run may take minutes; whoever hunts a failure switches it on.
    phases=(Phase.explicit, Phase.generate),
)


class AnyLaw(RuleBasedStateMachine):
    """One run under one law."""

    law: ClassVar[str]

    @initialize(data=st.data(), first=st.integers(0, 3))
    def start(self, data: st.DataObject, first: int) -> None:
        """A policy of the law, and a clock that need not start at nought."""
        self.policy: Policy = data.draw(policies(self.law), label="policy")
        self.controller = Controller(self.policy)
        self.restored = Controller(self.policy)
        self.later = Controller(self.policy)
        self.merged = Controller(self.policy)
        self.mistaken = Controller(self.policy)
        self.next_tick = first
        self.alerts: list[Alert] = []
        self.orders: list[Override] = []
        self.decision: Decision | None = None
        self.mode = Mode.NORMAL
        self.ordered = False
        self.entered: float | None = None

    # --- what may come ------------------------------------------------------------------

    @rule(
        offered=st.tuples(COUNTS, COUNTS, COUNTS),
        latency_s=st.tuples(*[LATENCIES] * len(MODES)),
        failing=st.sampled_from([0.0, 0.0, 0.1, 1.0]),
        kind=st.sampled_from(["overloaded", "quota_minute"]),
        hanging=st.sampled_from([False, False, True]),
        nano_usd=st.sampled_from([0, 10**6, 10**9]),
        waiting=st.sampled_from([0, 0, 60]),
        ticks=st.integers(1, 15),
        seed=st.integers(0, 2**16),
    )
    def serve(
        self,
        *,
        offered: tuple[int, int, int],
        latency_s: tuple[float, ...],
        failing: float,
        kind: str,
        hanging: bool,
        nano_usd: int,
        waiting: int,
        ticks: int,
        seed: int,
    ) -> None:
        """Some ticks of traffic, each request by its plan."""
        chance = random.Random(seed)
        for _ in range(ticks):
            admitted, started = self._admit(offered, chance)
            entries = []
            for mode, count in started.items():
                failed = sum(chance.random() < failing for _ in range(count))
                answers = 0 if hanging else count - failed
                kinds = {kind: failed} if failed and not hanging else {}
                entry = served(
                    mode,
                    latencies=[latency_s[mode]] * answers,
                    ttft=[latency_s[mode] / 2] * answers,
                    ages=[latency_s[mode]] * (count if hanging else 0),
                    started=count,
                    nano_usd=nano_usd * answers,
                    tokens=100 * answers,
                    **kinds,
                )
                entries.append(entry)
            shed = tuple(all_ - taken for all_, taken in zip(offered, admitted, strict=True))
            self._step(
                tick(
                    self.next_tick,
                    *entries,
                    offered=offered,
                    admitted=admitted,
                    shed=shed,
                    waiting=waiting,
                    memory_ppm=100_000,
                ),
                chance,
            )

    @rule(missed=st.integers(0, 40))
    def keep_silent(self, missed: int) -> None:
        """Nothing comes, and nobody steps meanwhile."""
        self.next_tick += missed
        self._step(Observations(self.next_tick), random.Random(missed))

    @rule(
        key=st.sampled_from("ab"),
        ago=st.integers(0, 3),
        mode=st.sampled_from(MODES),
        raised=st.booleans(),
        lifetime=st.integers(1, 30),
    )
    def alert(self, *, key: str, ago: int, mode: Mode, raised: bool, lifetime: int) -> None:
        """A monitor speaks in the next tick, perhaps late."""
        self.alerts.append(Alert(key, max(0, self.next_tick - ago), mode, raised, lifetime))

    @rule(mode=st.sampled_from(MODES), lasting=st.integers(0, 30))
    def order(self, *, mode: Mode, lasting: int) -> None:
        """An operator speaks in the next tick."""
        self.orders.append(Override(self.next_tick, self.next_tick + lasting, mode, "drill"))

    @rule()
    def save_and_restore(self) -> None:
        """One of the controllers goes on in another process."""
        saved = json.dumps(self.restored.state(), allow_nan=False)
        self.restored = Controller.restore(self.policy, json.loads(saved))

    # --- what must hold -----------------------------------------------------------------

    @invariant()
    def the_same_is_remembered(self) -> None:
        """State that was saved and restored is the state."""
        if hasattr(self, "controller"):
            assert self.restored.state() == self.controller.state()

    def _admit(
        self, offered: tuple[int, int, int], chance: random.Random
    ) -> tuple[tuple[int, int, int], dict[Mode, int]]:
        """Give each request its plan: it is served in one mode, or shed, and never both."""
        started = dict.fromkeys(MODES, 0)
        admitted = [0, 0, 0]
        for priority in Priority:
            for _ in range(offered[priority]):
                if self.decision is None:
                    admitted[priority] += 1
                    started[Mode.NORMAL] += 1
                    continue
                u = chance.random()
                found = plan(self.decision, priority, u)
                assert found.admitted == (u < self.decision.admit[priority])
                assert found.strategy == self.policy.strategies[found.mode]
                if found.admitted:
                    assert self.decision.mixes[priority][found.mode] > 0
                    admitted[priority] += 1
                    started[found.mode] += 1
        assert sum(started.values()) == sum(admitted)
        return (admitted[0], admitted[1], admitted[2]), {m: n for m, n in started.items() if n}

    def _step(self, seen: Observations, chance: random.Random) -> None:
        seen = seen._replace(alerts=tuple(self.alerts), overrides=tuple(self.orders))
        self.alerts, self.orders = [], []
        self.next_tick = seen.tick + 1
        decision = self.controller.step(seen)
        assert self.restored.step(seen) == decision
        (moved,) = shifted([seen], LATER)
        assert without_ticks(self.later.step(moved), LATER) == without_ticks(decision, 0)
        assert self.merged.step(merge_replicas(split(seen, 3, chance))) == decision
        assert self.mistaken.step(with_mistakes(seen, random.Random(seen.tick))) == decision
        numbers_are_numbers(decision)
        self._explained(decision)
        self._held(decision)
        self.decision = decision

    def _explained(self, decision: Decision) -> None:
        """Whatever is not normal has a reason that names it, and so has every change."""
        labels = [reason.text.partition(":")[0] for reason in decision.reasons]
        if decision.mode is not Mode.NORMAL or decision.mode is not self.mode:
            assert decision.mode.label in labels, decision.reasons

    def _held(self, decision: Decision) -> None:
        """The laws that promise a hold step down no sooner, unless an order says so."""
        kinds = {reason.kind for reason in decision.reasons}
        held_s = None if self.entered is None else decision.tick * TICK_S - self.entered
        if decision.mode < self.mode and self.law == "ladder":
            rested = held_s is not None and held_s >= self.policy.ladder.hold_s
            assert kinds == {"override"} or (kinds == {"passed"} and rested)
        if decision.mode < self.mode and self.law == "breaker" and held_s is not None:
            assert kinds == {"override"} or held_s >= BreakerConstants().cooldown_s
        if decision.mode is not self.mode:
            self.mode, self.entered = decision.mode, decision.tick * TICK_S
            # What lies under an order, and since when, cannot be seen from outside.
            if self.law == "breaker" and self.ordered:
                self.entered = None
        self.ordered = bool(kinds & {"override", "alert"})
        if self.law == "breaker" and self.ordered:
            self.entered = None


def numbers_are_numbers(decision: Decision) -> None:
    """No NaN and no infinity leaves, and shares are shares."""
    for reason in decision.reasons:
        assert all(math.isfinite(value) for value in (reason.value or 0, reason.threshold or 0))
    for shares in (decision.mix, decision.admit, *decision.mixes):
        assert all(0.0 <= share <= 1.0 for share in shares)
    for mix in (decision.mix, *decision.mixes):
        assert math.isclose(sum(mix), 1.0, abs_tol=1e-9)


@pytest.mark.parametrize("law", LAWS)
def test_a_law_keeps_the_promises_of_the_controller(law: str) -> None:
    """Over drawn sequences of traffic, silence, alerts, orders and restarts."""
    machine = type("AnyLaw", (AnyLaw,), {"law": law})
    hold(machine, settings=SETTINGS)


@given(policies("none"))
def test_a_nan_would_be_seen(policy: Policy) -> None:
    """The machine's check can fail: it refuses a decision that was spoilt."""
    decision = Controller(policy).step(Observations(0))
    with pytest.raises(AssertionError):
        numbers_are_numbers(decision._replace(admit=(1.0, math.nan, 1.0)))
