"""The upstream of the second simulator: quotas, faults and the fate of a call; from `docs/` alone.

The sections "A call upstream", "Quotas" and "Faults" of `docs/explanation/simulator.md`. Money is
in nano-dollars. Budgets and plain queues are left out.
"""

from __future__ import annotations

import math
import random
from collections import Counter, deque
from types import SimpleNamespace as Thing
from typing import Any, cast
from zoneinfo import ZoneInfo

from balancer.core.policy import Strategy
from scenarios.profiles import profiles
from scenarios.schema import GeminiUpstream, Scenario, UpstreamFault
from scenarios.tiers import spend_limit

from .asked import lognormal

__all__ = ["Upstream"]


class Limit:
    """A limit of a quota, and what was counted against it with the time at which it leaves."""

    def __init__(self, key: str, most: float, window_s: float, counting: str, **more: Any) -> None:
        self.key, self.most, self.window_s, self.counting = key, most, window_s, counting
        self.start_s, self.burst_s = more.get("start_s", 0.0), more.get("burst_s", 60.0)
        self.refused_too: bool = more.get("refused_too", False)
        self.cells = 1 if counting == "calendar" else more.get("cells", 3840)
        self.used, self.filled_at = 0.0, 0.0
        self.log: deque[tuple[float, float]] = deque()

    def wait(self, now: float, amount: float, factor: float) -> float:
        """Seconds until it grants this amount; 0 if it does so now."""
        most, wait = self.most * factor, 0.0
        if self.counting == "bucket":
            speed, room = most / self.window_s, most * float(self.burst_s) / self.window_s
            self.used = max(0.0, self.used - (now - self.filled_at) * speed)
            self.filled_at = now
            return max(0.0, self.used + amount - room) / speed if amount <= room else 60.0
        while self.log and self.log[0][0] <= now:
            self.used -= self.log.popleft()[1]
        left, coming = self.used, iter(self.log)
        while left + amount > most:
            leaves_at, counted = next(coming, (now + self.window_s, math.inf))
            left, wait = left - counted, leaves_at - now
        return wait

    def count(self, now: float, amount: float) -> None:
        """Count an amount; a bucket gives at most what is there."""
        if self.counting == "bucket":
            self.used = min(self.used + amount, self.most * self.burst_s / self.window_s)
            return
        cell, since = self.window_s / self.cells, now + self.start_s
        leaves_at = (since // cell + self.cells + (self.cells > 1)) * cell - self.start_s
        same = self.log.pop()[1] if self.log and self.log[-1][0] == leaves_at else 0.0
        self.log.append((leaves_at, same + amount))
        self.used += amount


def limits(quota: Any, shared: Any, scenario: Scenario) -> list[Limit]:
    """The limits of a quota; what it does not say of counting is as the shared one has it."""
    day = scenario.start and scenario.start.astimezone(ZoneInfo("America/Los_Angeles"))
    counting = quota.counting or shared.counting or "calendar"
    refused_too = shared.counts_refused if quota.counts_refused is None else quota.counts_refused
    said: dict[str, Any] = {"burst_s": quota.burst or shared.burst or 60.0}
    said["start_s"] = (day.hour * 60 + day.minute) * 60.0 + day.second if day else 0.0
    found = [("rpm", 60.0, counting), ("tpm", 60.0, counting), ("rpd", 86_400.0, "calendar")]
    return [
        Limit(key, most, window_s, how, refused_too=bool(refused_too), **said)
        for key, window_s, how in found
        if (most := getattr(quota, key)) is not None
    ]


def force(fault: UpstreamFault, t: float, tick_s: float, horizon: float) -> float:
    """By how much a fault is in force at t, from 0 to 1."""
    since = (t - fault.at) % (fault.repeat_every or math.inf)
    if t < fault.at or since >= fault.duration or t - since >= horizon:
        return 0.0
    step = since // tick_s * tick_s
    middle = (step + min(step + tick_s, fault.duration)) / 2
    ends = min(middle, fault.duration - middle)
    return min(1.0, ends / fault.ramp) if fault.ramp else 1.0


class Upstream:
    """Models with their quotas, the calls they hold, and the faults that strike them."""

    def __init__(self, scenario: Scenario, tick_s: float, rng: random.Random) -> None:
        self.rng, self.tick_s, self.horizon = rng, tick_s, scenario.duration
        self.overhead_s = scenario.clients.overhead
        self.said = cast("GeminiUpstream", scenario.upstream)
        self.faults = [fault for fault in scenario.faults if isinstance(fault, UpstreamFault)]
        common, spend = self.said.quota, spend_limit(self.said)
        self.spend = spend and Limit("usd", spend.usd * 1e9, spend.per, "sliding", cells=600)
        shared = limits(common, common, scenario) + ([self.spend] if self.spend else [])
        models = profiles(scenario).items()
        self.limits = {m: limits(profile.quota, common, scenario) + shared for m, profile in models}
        self.held: Counter[str] = Counter()

    def let_go(self, model: str, bill: float, now: float) -> None:
        """The upstream is done with a call."""
        self.held[model] -= 1
        if self.spend:
            self.spend.count(now, bill)

    def refused(self, asked: Thing, model: str, factor: float, now: float) -> tuple[str, float]:
        """Outcome and delay if a limit refuses a call; it is counted where all grant it."""
        amounts = {"rpm": 1, "rpd": 1, "tpm": asked.prompt, "usd": 0}
        mine = self.limits[model]
        waits = {limit: limit.wait(now, amounts[limit.key], factor) for limit in mine}
        refusing = [limit.key for limit in mine if waits[limit] > 0]
        for limit in mine:
            if limit.key != "usd" and (not refusing or limit.refused_too):
                limit.count(now, amounts[limit.key])
        outcome = "quota_day" if "rpd" in refusing else "quota_minute" if refusing else ""
        return outcome, max(waits.values(), default=0.0)

    def call(self, asked: Thing, model: Thing, strategy: Strategy, now: float) -> Thing:
        """The fate of a call that starts now; of a refusal, it holds nothing and costs nothing."""
        profile, rng, price = model.profile, self.rng, model.price
        struck = []
        for fault, luck in zip(self.faults, asked.luck, strict=True):
            by = force(fault, now, self.tick_s, self.horizon)
            share = fault.share * (by if fault.kind in ("hang", "error", "cut") else 1.0)
            u = luck if fault.deterministic else rng.random()
            if by > 0 and fault.model in (None, model.name) and u < share:
                struck.append((fault, by))
        kinds = {fault.kind for fault, _ in struck}

        def times(kind: str) -> float:
            return math.prod(1.0 + (f.factor - 1) * by for f, by in struck if f.kind == kind)

        def cost(output: int) -> int:
            tier = 3 if asked.prompt > price[0] else 0
            fresh = (asked.prompt - asked.cached) * price[1 + tier]
            return int(fresh + asked.cached * price[3 + tier] + output * price[2 + tier]) // 10**6

        failing = next((fault for fault, _ in struck if fault.kind == "error"), None)
        error = failing.error if failing else ""
        inside = any(f.where == "inside" for f, _ in struck if f is failing or f.kind == "hang")
        held, most = self.held[model.name] + 1, profile.overload_limit or math.inf
        outcome, delay_s = self.refused(asked, model.name, times("quota"), now)
        if not outcome and (rng.random() < 1 - most / held or rng.random() < profile.error_share):
            outcome = "overloaded"
        if not outcome and not inside and error not in ("", "reset", "malformed"):
            outcome, delay_s = error, 60.0
        if outcome:
            seen_s = profile.error_latency + self.overhead_s
            free = {"held_s": 0.0, "bill": 0, "told": 0, "told_left": 0}
            return Thing(outcome=outcome, delay_s=delay_s, lasts_s=seen_s, **free)
        natural = asked.thinking * profile.thinking_factor
        unbound = any(fault.ignores_budget for fault, _ in struck)
        wanted = min(natural * times("thinking"), math.inf if unbound else model.bound)
        thought = int(min(wanted + 0.5, model.cap))
        concise = self.said.concise_factor if strategy.instruction else 1.0
        whole = max(1, int(asked.answer * concise * times("output") + 0.5))
        answer = min(whole, model.cap - thought)
        delivered, outcome = 10**6 * answer // whole / 10**6, "answer" if answer else "empty"
        if answer and ("cut" in kinds or (inside and error in ("overloaded", "internal"))):
            answer, outcome = int(answer * rng.random()), "cut" if "cut" in kinds else error
        elif answer and error == "malformed":
            outcome = "malformed"
        speed = profile.tokens_per_s * math.exp(profile.speed_sigma * rng.gauss())
        slow = times("latency") * max(1, held / (profile.capacity or math.inf)) ** profile.slowdown
        first_s = lognormal(rng, profile.ttft_p50, profile.ttft_p95)
        ttft_s = (first_s + thought / speed) * slow
        ttft_s += sum(fault.add * by for fault, by in struck if fault.kind == "latency")
        held_s = lasts_s = ttft_s + answer / speed * slow
        if error == "reset":
            outcome = "reset"
            lasts_s = ttft_s + rng.random() * (held_s - ttft_s) if inside else profile.error_latency
        if "hang" in kinds:
            lasts_s, held_s = math.inf, 600.0
        told = cost(answer + thought)
        return Thing(
            outcome=outcome,
            lasts_s=lasts_s + self.overhead_s,
            held_s=held_s,
            bill=int(told * times("price") + 0.5),
            told=told,
            told_left=cost(0),
            delivered=delivered,
            quality=profile.quality * delivered * self.kept(strategy, thought, natural),
        )

    def kept(self, strategy: Strategy, thought: float, natural: float) -> float:
        """What a strategy's actions, and thinking that is missing, leave of quality."""
        actions: Any = self.said.actions
        missing = max(0.0, 1 - thought / natural) if natural else 0.0
        kept = 1 - (1 - actions.thinking_off) * missing
        kept *= actions.concise if strategy.instruction else 1.0
        kept *= 1.0 if strategy.tools else actions.no_tools
        return float(kept * (1.0 if strategy.history_turns is None else actions.short_history))
