"""The truth about a live run, put together from what its processes noted down.

It is the same account that the simulator keeps (`sim.plant.totals.Totals`), so that a live run is
judged by the same metrics: requests that came after the warm-up, the true bill, latency from
a request's start to its outcome for answers and timeouts.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from balancer.core.histogram import Histogram, bucket_index
from balancer.core.policy import Policy
from balancer.core.pricing import NANO_USD
from balancer.core.routes import resolve
from scenarios.profiles import profiles
from scenarios.schema import Scenario
from sim.plant.quality import kept_quality_ppm
from sim.plant.totals import Totals

from .rows import ANSWER, FAILED, FALLBACK, Call, Fate, Request
from .traffic import Planned

__all__ = ["account"]

_MILLION = 1_000_000

Attempt = TypeVar("Attempt", Call, Fate)


def account(
    scenario: Scenario,
    policy: Policy,
    traffic: Sequence[Planned],
    *,
    requests: Iterable[Request],
    calls: Iterable[Call],
    fates: Iterable[Fate],
) -> Totals:
    """The account of a live run.

    Args:
        scenario, policy: what was played.
        traffic: what should have been sent; what was not is not counted as offered.
        requests: as users saw them.
        calls: as the application saw them.
        fates: as the upstream dealt with them; none of a real one, whose bill is then taken
            to be what the calls were estimated to cost.
    """
    calls_of = _by_index(calls)
    fates_of = _by_index(fates)
    sent = {request.request: request for request in requests}
    counted = [
        (planned, sent[planned.number])
        for planned in traffic
        if planned.at_s >= scenario.warm_up and planned.number in sent
    ]
    book = _Book(scenario, policy, mocked=bool(fates_of))
    for planned, request in counted:
        book.enter(
            planned, request, calls_of.get(planned.number, []), fates_of.get(planned.number, [])
        )
    return book.totals(_overshoot_nano_usd(policy, traffic, calls_of, fates_of))


def _by_index(rows: Iterable[Attempt]) -> dict[int, list[Attempt]]:
    found: defaultdict[int, list[Attempt]] = defaultdict(list)
    for row in rows:
        found[row.request].append(row)
    for group in found.values():
        group.sort(key=lambda row: row.attempt)
    return dict(found)


class _Book:
    """Sums over requests."""

    __slots__ = (
        "_asked",
        "_chains",
        "_kept_ppm",
        "_latencies",
        "_mocked",
        "_quality",
        "_sums",
        "_waits_s",
        "_within_s",
    )

    def __init__(self, scenario: Scenario, policy: Policy, *, mocked: bool) -> None:
        self._mocked = mocked
        self._within_s = scenario.worth.within
        self._kept_ppm = [kept_quality_ppm(scenario, each) for each in policy.strategies]
        self._chains = {
            asked: [resolve(each, asked, policy.catalog) for each in policy.strategies]
            for asked in scenario.asked_models
        }
        self._asked = scenario.asked_models[0]
        self._quality = {
            name: round(profile.quality * _MILLION) for name, profile in profiles(scenario).items()
        }
        self._sums: Counter[str] = Counter()
        self._latencies: list[float] = []
        self._waits_s: list[float] = []

    def enter(
        self, planned: Planned, request: Request, calls: Sequence[Call], fates: Sequence[Fate]
    ) -> None:
        """One request and its attempts."""
        sums = self._sums
        answered = request.outcome == ANSWER
        sums["offered"] += 1
        sums["admitted" if calls else "shed"] += 1
        sums["answered"] += answered
        sums["failed"] += bool(calls) and not answered
        sums["fallback"] += request.outcome == FALLBACK
        sums["degraded"] += bool(calls) and calls[0].mode > 0
        chains = self._chains[planned.model or self._asked]
        for call, falls_back in zip(calls, _fallbacks(calls, chains), strict=True):
            sums["attempts"] += 1
            sums["fallback_attempts"] += falls_back
            sums["attempts_failed"] += call.failure != ""
            sums["observed_nano_usd"] += call.nano_usd
            if not self._mocked:
                self._add_tokens(call.prompt, call.cached, call.output, call.thinking)
                sums["true_nano_usd"] += call.nano_usd
        called = {call.attempt: call.model for call in calls}
        for fate in fates:
            self._add_tokens(fate.prompt, fate.cached, fate.answered, fate.thought)
            sums["true_nano_usd"] += fate.bill_nano_usd
            if not fate.failure:
                sums["rerouted"] += called.get(fate.attempt, fate.model) != fate.model
                sums["downgraded"] += fate.downgraded
        waited_s = max(request.ended_s - planned.at_s, 0.0)
        if calls or request.outcome in (ANSWER, FAILED):
            self._waits_s.append(waited_s)
        if answered:
            usual = chains[0][0]
            self._judge_answer(calls, fates, usual, in_time=waited_s <= self._within_s)
        if answered or (calls and calls[-1].failure == "timeout"):
            self._latencies.append(max(request.ended_s - request.sent_s, 0.0))

    def _add_tokens(self, prompt: int, cached: int, output: int, thinking: int) -> None:
        self._sums["prompt_tokens"] += prompt
        self._sums["cached_tokens"] += cached
        self._sums["output_tokens"] += output
        self._sums["thinking_tokens"] += thinking

    def _judge_answer(
        self, calls: Sequence[Call], fates: Sequence[Fate], usual: str, *, in_time: bool
    ) -> None:
        if fates:
            quality_ppm = fates[-1].quality_ppm
            self._sums["truncated"] += fates[-1].delivered_ppm < _MILLION
        else:
            quality_ppm = self._quality.get(calls[-1].model if calls else "", _MILLION)
        if calls:
            quality_ppm = quality_ppm * self._kept_ppm[calls[-1].mode] // _MILLION
        self._sums["quality_ppm_sum"] += quality_ppm
        self._sums["good_quality_ppm_sum"] += quality_ppm if in_time else 0
        if in_time and calls and calls[-1].model != usual:
            self._sums["sibling_quality_ppm_sum"] += quality_ppm

    def totals(self, overshoot_nano_usd: int) -> Totals:
        """The account."""
        counts = Counter(bucket_index(latency_s) for latency_s in self._latencies)
        measured: dict[str, Any] = {
            "attempts_finished": self._sums["attempts"],
            "waiting_s": math.fsum(self._waits_s),
            "latency": Histogram.from_counts(dict(counts)),
            "latency_sum_s": math.fsum(self._latencies),
            "overshoot_nano_usd": overshoot_nano_usd,
        }
        names = (field.name for field in fields(Totals))
        return Totals(**{name: self._sums[name] for name in names} | measured)


def _fallbacks(calls: Sequence[Call], chains: Sequence[Sequence[str]]) -> list[bool]:
    """Which attempts went on to a later model of their plan, and so repeated nothing."""
    places = []
    for call in calls:
        chain = chains[call.mode]
        places.append(chain.index(call.model) if call.model in chain else 0)
    return [k > 0 and place > places[k - 1] for k, place in enumerate(places)]


def _overshoot_nano_usd(
    policy: Policy,
    traffic: Sequence[Planned],
    calls_of: Mapping[int, Sequence[Call]],
    fates_of: Mapping[int, Sequence[Fate]],
) -> int:
    """Most by which the true spend of a rolling window passed a budget.

    A call's bill counts when its caller saw the outcome, as in the simulator.
    """
    most = 0
    for limit in policy.budgets:
        bills: Counter[int] = Counter()
        for planned in traffic:
            if limit.key in (None, planned.key):
                billed = {
                    fate.attempt: fate.bill_nano_usd for fate in fates_of.get(planned.number, ())
                }
                for call in calls_of.get(planned.number, ()):
                    tick = int(call.ended_s // policy.tick_s)
                    bills[tick] += billed.get(call.attempt, 0 if billed else call.nano_usd)
        window_ticks = max(1, round(limit.window_s / policy.tick_s))
        most = max(most, _worst_window(bills, window_ticks) - round(limit.usd * NANO_USD))
    return max(most, 0)


def _worst_window(bills: Mapping[int, int], ticks: int) -> int:
    """Largest sum over so many ticks in a row."""
    spent = sorted(bills.items())
    most = inside = first = 0
    for tick, nano_usd in spent:
        inside += nano_usd
        while spent[first][0] <= tick - ticks:
            inside -= spent[first][1]
            first += 1
        most = max(most, inside)
    return most
