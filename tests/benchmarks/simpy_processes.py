"""The plain way to simulate the same: one simpy process a request, in Python.

It serves twice. It is the baseline of the speed figures, and, because it calls the same
compiled upstream and draws the same numbers, it is a second opinion on the kernel: both must
come to the same totals. It leaves out what only some scenarios use: budgets, a client's
concurrency limit and retry budget, limits on admission, plain queues.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simpy

from balancer.core.controller import Controller
from balancer.core.decisions import Decision, Plan, plan
from balancer.core.histogram import Histogram, bucket_index
from balancer.core.modes import MODES, Mode, Priority
from balancer.core.observations import FAILURES, ModeObservations, ModeRequests, Observations
from balancer.core.policy import Policy
from balancer.core.pricing import cost_nano_usd
from balancer.core.routes import resolve
from scenarios.schema import Scenario
from sim.plant.call_bounds import call_bounds
from sim.plant.setup import model_names
from sim.plant.upstream import begin, end
from sim.plant.upstream_records import ANSWER, CALL
from sim.plant.upstream_setup import new_upstream
from sim.streams import BACKOFF, PLAN, uniform

__all__ = ["Account", "SimpyProcesses"]

Process = Generator[simpy.Event, Any, None]

_TIMEOUT = FAILURES.index("timeout")
_RESET = FAILURES.index("reset")
_QUOTA_DAY = FAILURES.index("quota_day")
_QUOTA_MINUTE = FAILURES.index("quota_minute")


@dataclass(slots=True)
class Account:
    """What became of all requests."""

    offered: int = 0
    shed: int = 0
    answered: int = 0
    failed: int = 0
    attempts: int = 0
    attempts_failed: int = 0
    true_nano_usd: int = 0
    observed_nano_usd: int = 0
    latency: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class _Tally:
    """What one (mode, model) did in a tick."""

    started: int = 0
    finished: int = 0
    failures: list[int] = field(default_factory=lambda: [0] * len(FAILURES))
    latency: Counter[int] = field(default_factory=Counter)
    ttft: Counter[int] = field(default_factory=Counter)
    prompt: int = 0
    cached: int = 0
    output: int = 0
    thinking: int = 0
    nano_usd: int = 0


@dataclass(slots=True)
class _Requests:
    """What became of the requests of one mode in a tick, and when those began that go on."""

    begun: int = 0
    answered: Counter[int] = field(default_factory=Counter)
    failed: Counter[int] = field(default_factory=Counter)
    since_s: dict[int, float] = field(default_factory=dict)


class SimpyProcesses:
    """One run.

    Args:
        scenario: what is simulated; its faults are left to the caller, in `upstream.faults`.
        policy: of the controller.
        requests: records of `sim.traffic.workload.REQUEST`.
        key: stream key of the replication.

    Attributes:
        account: what became of all requests.
        observed: what the controller was told, tick by tick.
    """

    def __init__(
        self, scenario: Scenario, policy: Policy, requests: np.ndarray[Any, Any], key: int
    ) -> None:
        self.account = Account()
        self.observed: list[Observations] = []
        self._scenario = scenario
        self._policy = policy
        self._requests = requests
        self._key = key
        self._models = model_names(scenario, policy)
        self.upstream = new_upstream(scenario, policy, key, self._models)
        self._bounds = {
            (mode, model): call_bounds(
                scenario,
                policy.strategies[mode],
                policy.catalog.card(model),
                policy.catalog.card(scenario.clients.model),
            )
            for mode in MODES
            for model in self._models
        }
        self._env = simpy.Environment()
        self._controller = Controller(policy)
        self._decision: Decision | None = None
        self._tallies: dict[tuple[Mode, str], _Tally] = {}
        self._flights: dict[tuple[Mode, str], dict[int, float]] = {}
        self._felt = {mode: _Requests() for mode in MODES}
        self._offered = [0, 0, 0]
        self._shed = [0, 0, 0]

    def run(self, until_s: float) -> Account:
        """Run until a moment."""
        self._env.process(self._arrivals())
        self._env.process(self._ticks())
        self._env.run(until=until_s)
        return self.account

    def _arrivals(self) -> Process:
        env = self._env
        for index in range(len(self._requests)):
            yield env.timeout(float(self._requests[index]["s"]) - env.now)
            env.process(self._request(index))

    def _request(self, index: int) -> Process:
        request = self._requests[index]
        priority = Priority(int(request["priority"]))
        self.account.offered += 1
        self._offered[priority] += 1
        chosen = Plan(Mode.NORMAL, self._policy.strategies[0])
        if self._decision is not None:
            chosen = plan(self._decision, priority, uniform(self._key, PLAN, index, 0))
        if not chosen.admitted:
            self.account.shed += 1
            self._shed[priority] += 1
            return
        yield from self._attempts(index, request, chosen)

    def _attempts(self, index: int, request: Any, chosen: Plan) -> Process:
        clients = self._scenario.clients
        strategy = chosen.strategy
        chain = resolve(strategy, clients.model, self._policy.catalog)
        began_s = self._env.now
        felt = self._felt[chosen.mode]
        felt.begun += 1
        felt.since_s[index] = began_s
        gives_up_s = began_s + clients.patience
        call = np.zeros(1, CALL)
        link = made = 0
        dead: set[str] = set()
        while True:
            outcome = yield from self._attempt(
                index, request, chosen, call, chain[link % len(chain)], made, gives_up_s, began_s
            )
            made += 1
            if outcome == ANSWER:
                self.account.answered += 1
                felt.answered[bucket_index(self._env.now - felt.since_s.pop(index))] += 1
                self.account.latency[bucket_index(self._env.now - began_s)] += 1
                return
            if outcome == _QUOTA_DAY:
                dead.add(chain[link % len(chain)])
            retries = min(self._retries(chosen.mode), self._retries(self._mode()))
            following = next(
                (
                    place
                    for place in range(link + 1, link + 1 + len(chain))
                    if chain[place % len(chain)] not in dead
                ),
                None,
            )
            if following is None or self._env.now >= gives_up_s or made >= len(chain) + retries:
                break
            round_ = following // len(chain)
            if round_ > link // len(chain):
                back = clients.backoff
                delay_s = min(back.max, back.initial * back.factor ** (round_ - 1))
                delay_s += back.jitter * uniform(self._key, BACKOFF, index, made)
                if clients.honours_retry_delay and outcome == _QUOTA_MINUTE:
                    delay_s = max(delay_s, float(call["retry_after_s"][0]))
                if self._env.now + delay_s >= gives_up_s:
                    break
                yield self._env.timeout(delay_s)
            link = following
        self.account.failed += 1
        felt.failed[bucket_index(self._env.now - felt.since_s.pop(index))] += 1
        if outcome == _TIMEOUT:
            self.account.latency[bucket_index(self._env.now - began_s)] += 1

    def _retries(self, mode: Mode) -> int:
        said = self._policy.strategies[mode].retries
        return self._scenario.clients.retries if said is None else said

    def _mode(self) -> Mode:
        return self._decision.mode if self._decision else Mode.NORMAL

    def _attempt(
        self,
        index: int,
        request: Any,
        chosen: Plan,
        call: np.ndarray[Any, Any],
        model: str,
        attempt: int,
        gives_up_s: float,
        began_s: float,
    ) -> Generator[simpy.Event, Any, int]:
        env = self._env
        clients = self._scenario.clients
        strategy = chosen.strategy
        started_s = env.now
        timeout_s = clients.timeout if strategy.timeout_s is None else strategy.timeout_s
        stays_until_s = min(started_s + timeout_s, gives_up_s)
        call["model"] = self._models.index(model)
        call["index"] = index
        call["attempt"] = attempt
        for name in ("prompt", "cached", "output", "thinking"):
            call[name] = request[name]
        call["cap"], call["budget"] = self._bounds[chosen.mode, model]
        concise = getattr(self._scenario.upstream, "concise_factor", 1.0)
        call["concise"] = concise if strategy.instruction else 1.0
        call["gives_up_s"] = stays_until_s
        begin(self.upstream, call, 0, started_s)
        fate = call[0]
        served = (chosen.mode, model)
        tally = self._tallies.setdefault(served, _Tally())
        tally.started += 1
        self.account.attempts += 1
        self._flights.setdefault(served, {})[index] = began_s
        outcome = int(fate["outcome"])
        ends_s = started_s + float(fate["duration_s"])
        if ends_s > stays_until_s:
            ends_s, outcome = stays_until_s, _TIMEOUT
        yield env.timeout(ends_s - env.now)
        del self._flights[served][index]
        self._book(served, fate, outcome, began_s)
        holds_s = started_s + float(fate["holds_s"]) - env.now
        if outcome in (_TIMEOUT, _RESET) and fate["held"] and holds_s > 0:
            env.process(self._release(call.copy(), holds_s))
        else:
            end(self.upstream, call, 0)
        return outcome

    def _release(self, call: np.ndarray[Any, Any], after_s: float) -> Process:
        yield self._env.timeout(after_s)
        end(self.upstream, call, 0)

    def _book(self, served: tuple[Mode, str], fate: Any, outcome: int, began_s: float) -> None:
        tally = self._tallies.setdefault(served, _Tally())
        tally.finished += 1
        if outcome in (ANSWER, _TIMEOUT):
            tally.latency[bucket_index(self._env.now - began_s)] += 1
        if outcome == ANSWER:
            tally.ttft[bucket_index(float(fate["ttft_s"]))] += 1
        else:
            tally.failures[outcome] += 1
            self.account.attempts_failed += 1
        if not fate["served"]:
            return
        prompt, cached = int(fate["prompt"]), int(fate["cached"])
        cost = int(fate["estimate_nano_usd"])
        if outcome in (_TIMEOUT, _RESET):
            price = self._policy.catalog.card(served[1]).price
            cost = cost_nano_usd(price, prompt, cached, 0, 0)
        else:
            tally.output += int(fate["answered"])
            tally.thinking += int(fate["thought"])
        tally.prompt += prompt
        tally.cached += cached
        tally.nano_usd += cost
        self.account.observed_nano_usd += cost
        self.account.true_nano_usd += int(fate["bill_nano_usd"])

    def _ticks(self) -> Process:
        tick_s = self._policy.tick_s
        for tick in range(math.ceil(self._scenario.duration / tick_s)):
            yield self._env.timeout((tick + 1) * tick_s - self._env.now)
            self.observed.append(self._observe(tick))
            self._decision = self._controller.step(self.observed[-1])

    def _observe(self, tick: int) -> Observations:
        low, normal, high = self._offered
        shed_low, shed_normal, shed_high = self._shed
        served = []
        for mode, model in sorted({*self._tallies, *self._flights}):
            tally = self._tallies.get((mode, model), _Tally())
            flights = self._flights.get((mode, model), {})
            if tally.started or tally.finished or flights:
                served.append(self._row(mode, model, tally, flights))
        self._tallies = {}
        self._offered = [0, 0, 0]
        self._shed = [0, 0, 0]
        return Observations(
            tick=tick,
            served=tuple(served),
            offered=(low, normal, high),
            admitted=(low - shed_low, normal - shed_normal, high - shed_high),
            shed=(shed_low, shed_normal, shed_high),
            requests=tuple(self._requests_of(mode) for mode in MODES if self._felt_in(mode)),
        )

    def _felt_in(self, mode: Mode) -> bool:
        felt = self._felt[mode]
        return bool(felt.begun or felt.answered or felt.failed or felt.since_s)

    def _requests_of(self, mode: Mode) -> ModeRequests:
        felt = self._felt[mode]
        found = ModeRequests(
            mode,
            felt.begun,
            Histogram.from_counts(felt.answered),
            Histogram.from_counts(felt.failed),
            Histogram.of(self._env.now - since_s for since_s in felt.since_s.values()),
        )
        felt.begun = 0
        felt.answered.clear()
        felt.failed.clear()
        return found

    def _row(
        self, mode: Mode, model: str, tally: _Tally, flights: dict[int, float]
    ) -> ModeObservations:
        return ModeObservations(
            mode=mode,
            model=model,
            started=tally.started,
            finished=tally.finished,
            failures=tuple(tally.failures),
            latency=Histogram.from_counts(tally.latency),
            ttft=Histogram.from_counts(tally.ttft),
            ages=Histogram.of(self._env.now - began_s for began_s in flights.values()),
            prompt_tokens=tally.prompt,
            cached_tokens=tally.cached,
            output_tokens=tally.output,
            thinking_tokens=tally.thinking,
            nano_usd=tally.nano_usd,
        )
