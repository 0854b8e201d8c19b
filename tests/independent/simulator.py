"""A second simulator of the same mechanics: plain Python, one heap of events, written from `docs/`.

It shares no code and no random number with the one in `sim/`; both come to the same in distribution
if both do what `docs/explanation/simulator.md` says. Left out beside what its two other files leave
out: controllers, replicas, `max_in_flight` and `max_starts_per_s`.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from functools import partial
from types import SimpleNamespace as Thing
from typing import Any

from balancer.core.policy import Policy, Strategy
from scenarios.schema import Scenario

from .asked import ANSWER, PROMPT, THINKING, arrival_times, plan, tokens
from .upstream import Upstream

__all__ = ["simulate"]

Life = Generator[Any, bool | None]
"""Of a request: it yields the seconds it waits, or its ticket in the queue for a place."""


def simulate(scenario: Scenario, policy: Policy, arm: str, seed: int) -> dict[str, float]:
    """Metrics of one run of the arm none, static or cheapest, by the names of `verdict.json`."""
    return World(scenario, policy, arm, random.Random(seed)).run()


class World:
    """What happens in a run; of what falls on one instant, first what was made first."""

    def __init__(self, scenario: Scenario, policy: Policy, arm: str, rng: random.Random) -> None:
        self.scenario, self.clients, self.rng = scenario, scenario.clients, rng
        strategies = [Strategy()] if arm == "none" else policy.strategies
        self.plans = {
            model: [plan(scenario, policy, strategy, model) for strategy in strategies]
            for model in scenario.asked_models
        }
        self.mode = int(arm == "cheapest")
        self.upstream = Upstream(scenario, policy.tick_s, rng)
        self.sums: tuple[Any, Any] = Counter(), Counter()
        self.latencies: list[float] = []
        self.places, self.queue = self.clients.concurrency or math.inf, deque[Thing]()
        self.busy, self.saved, self.made, self.now = 0, 10.0, 0, 0.0
        self.events: list[tuple[float, int, int, Callable[[], None]]] = []

    def run(self) -> dict[str, float]:
        """Play it from the first arrival to the last outcome."""
        work, rng = self.scenario.workload, self.rng
        streams = [(work.arrivals, [kind for kind in work.classes if kind.arrivals is None])]
        shares = [*work.models.values()] or None
        streams += [(kind.arrivals, [kind]) for kind in work.classes if kind.arrivals is not None]
        for arrivals, kinds in streams:
            for at in arrival_times(arrivals, self.scenario.duration, rng) if kinds else ():
                (kind,) = rng.choices(kinds, [entry.share for entry in kinds])
                asked = Thing(priority=("low", "normal", "high").index(kind.priority))
                asked.counts = at >= self.scenario.warm_up
                asked.prompt = max(1, tokens(kind.prompt, PROMPT, rng))
                asked.cached = int(asked.prompt * kind.cached)
                asked.answer = max(1, tokens(kind.output, ANSWER, rng))
                asked.thinking = tokens(kind.thinking, THINKING, rng)
                (asked.model,) = rng.choices(self.scenario.asked_models, shares)
                asked.luck = [rng.random() for _ in self.upstream.faults]
                self.after(at, partial(self.go_on, self.life(asked)), rank=1)
        while self.events:
            self.now, _, _, act = heapq.heappop(self.events)
            act()
        return metrics(self.sums[True], sorted(self.latencies), self.scenario)

    def after(self, delay_s: float, act: Callable[[], None], *, rank: int = 0) -> None:
        """Let something happen later; what is ranked 0 comes before what is ranked 1."""
        self.made += 1
        heapq.heappush(self.events, (self.now + delay_s, rank, self.made, act))

    def go_on(self, life: Life, word: bool | None = None) -> None:
        """Let a request live on until it waits again."""
        try:
            wait = life.send(word)
        except StopIteration:
            return
        if isinstance(wait, Thing):
            wait.life = life
        else:
            self.after(wait, partial(self.go_on, life))

    def wake(self, ticket: Thing, *, has_place: bool) -> None:
        """Let one who waits for a place go on, with one or, when patience ends, without."""
        if ticket.open:
            ticket.open = False
            self.busy += has_place
            self.go_on(ticket.life, has_place)

    def leave(self) -> None:
        """Give up a place, which the first in the queue takes."""
        self.busy -= 1
        while self.queue and self.busy < self.places:
            self.wake(self.queue.popleft(), has_place=True)

    def let_go(self, model: str, bill: int) -> None:
        """The upstream is done with a call."""
        self.upstream.let_go(model, bill, self.now)

    def life(self, asked: Thing, again: int = 0) -> Life:
        """What happens to a request, from its arrival to its outcome."""
        clients, rng, came, plans = self.clients, self.rng, self.now, self.plans[asked.model]
        plan = plans[self.mode]
        ends_at, sums = came + clients.patience, self.sums[asked.counts]
        shed = rng.random() < plan.strategy.shed[asked.priority]
        sums.update(offered=1, reasked=again, shed=shed, degraded=self.mode > 0 and not shed)
        outcome, at, tried, place, first, dead = "shed", 0, 0, False, came, set[str]()
        while not shed:
            if not place and self.busy >= self.places:
                self.queue.append(ticket := Thing(open=True))
                self.after(ends_at - self.now, partial(self.wake, ticket, has_place=False))
                outcome, place = "timeout", bool((yield ticket))
                if not place:
                    break
            elif not place:
                self.busy += 1
            place, tried, first = True, tried + 1, first if tried else self.now
            model = plan.chain[at % len(plan.chain)]
            fate = self.upstream.call(asked, model, plan.strategy, self.now)
            lasts_s = min(fate.lasts_s, plan.timeout_s, ends_at - self.now)
            outcome = fate.outcome if lasts_s == fate.lasts_s else "timeout"
            left = outcome in ("timeout", "reset")
            if fate.held_s:
                self.upstream.held[model.name] += 1
                let_go = partial(self.let_go, model.name, fate.bill)
                self.after(fate.held_s if left else lasts_s, let_go)
            yield lasts_s
            sums.update(attempts=1, bill=fate.bill, told=fate.told_left if left else fate.told)
            if outcome == "answer":
                self.saved = min(10.0, self.saved + (clients.retry_budget or 0.0))
                break
            sums.update(failures=1)
            dead |= {model.name} if outcome == "quota_day" else set()
            link, wait_s = self.following(plan, at, tried, dead)
            if clients.honours_retry_delay and outcome == "quota_minute" and wait_s > 0:
                wait_s = max(wait_s, fate.delay_s)
            if self.now + wait_s >= ends_at:
                break
            at, at_once = link, link // len(plan.chain) == at // len(plan.chain)
            sums.update(at_once=at_once)
            if not at_once:
                place = False
                self.leave()
                yield wait_s
        if place:
            self.leave()
        waited_s, answered = self.now - came, outcome == "answer"
        sums.update(waited=0.0 if shed else waited_s, answered=answered)
        if asked.counts and (answered or (outcome == "timeout" and tried)):
            self.latencies.append(self.now - first)
        if answered:
            good = fate.quality * (waited_s <= self.scenario.worth.within)
            sums.update(quality=fate.quality, good=good, cut_short=fate.delivered < 1)
            sums.update(sibling=good * (model.name != plans[0].chain[0].name))
            return
        sums.update(static=plan.strategy.static_fallback is not None)
        back_in_s = clients.reasks.after * (0.5 + rng.random())
        if rng.random() < clients.reasks.share and self.now + back_in_s < self.scenario.duration:
            self.after(back_in_s, partial(self.go_on, self.life(asked, again=1)), rank=1)

    def following(self, plan: Thing, at: int, tried: int, dead: set[str]) -> tuple[int, float]:
        """Link of the next attempt, and how long it waits: for ever where there is none."""
        n, back = len(plan.chain), self.clients.backoff
        links = [i for i in range(at + 1, at + 1 + n) if plan.chain[i % n].name not in dead]
        if not links or tried >= n + plan.retries:
            return at, math.inf
        if links[0] // n > 0 and self.clients.retry_budget is not None:
            if self.saved < 1:
                return at, math.inf
            self.saved -= 1
        if links[0] // n == at // n:
            return links[0], 0.0
        wait_s = min(back.max, back.initial * back.factor ** (links[0] // n - 1))
        return links[0], wait_s + back.jitter * self.rng.random()


def metrics(sums: Any, latencies: Sequence[float], scenario: Scenario) -> dict[str, float]:
    """Metrics by the names of `verdict.json`, from sums and sorted latencies."""

    def percentile(share: float) -> float:
        sample = latencies[math.ceil(share * len(latencies)) - 1]
        return float(2 ** ((math.ceil(64 * math.log2(sample)) - 0.5) / 64))

    admitted = sums["offered"] - sums["shed"]
    usd, worth = sums["bill"] / 1e9, scenario.worth
    value = worth.answer * (sums["good"] - worth.waiting * sums["waited"])
    return {
        "offered": float(sums["offered"]),
        "reasked": float(sums["reasked"]),
        "admitted": float(admitted),
        "answered": float(sums["answered"]),
        "attempts": float(sums["attempts"]),
        "fallback_attempts": float(sums["at_once"]),
        "availability": sums["answered"] / sums["offered"],
        "latency_p50_s": percentile(0.5),
        "latency_p95_s": percentile(0.95),
        "latency_p99_s": percentile(0.99),
        "latency_mean_s": sum(latencies) / len(latencies),
        "error_rate": sums["failures"] / sums["attempts"],
        "cost_usd": usd,
        "observed_cost_usd": sums["told"] / 1e9,
        "cost_per_answer_usd": usd / sums["answered"],
        "quality": sums["quality"] / sums["answered"],
        "quality_weighted_answers": sums["quality"],
        "good_answers": sums["good"],
        "sibling_good_answers": sums["sibling"],
        "waiting_s": sums["waited"],
        "utility_usd": value - usd,
        "shed_share": sums["shed"] / sums["offered"],
        "fallback_share": sums["static"] / sums["offered"],
        "degraded_share": sums["degraded"] / admitted,
        "truncated_share": sums["cut_short"] / sums["answered"],
        "retry_amplification": (sums["attempts"] - sums["at_once"]) / admitted,
    }
