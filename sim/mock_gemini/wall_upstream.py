"""The simulator's upstream in wall time: the same functions and draws, one call at a time."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from balancer.core.catalog import ModelCard
from balancer.core.observations import FAILURES
from scenarios.loader import profiles
from scenarios.schema import GeminiUpstream, ModelProfile, Workload

from ..call_bounds import UNBOUNDED, thinking_bound
from ..compiled import direct
from ..setup import new_upstream
from ..single_calls import begin_request
from ..streams import replication_key
from ..upstream import ANSWER, CALL, QUEUED, end
from ..workload import generate
from .bodies import Body
from .clock import ScenarioClock
from .fault_site import FaultSite, with_spare_faults
from .limits import Limits, Spending, limits_now, spending_now
from .settings import Settings

__all__ = ["Fate", "ModelEntry", "WallUpstream"]

_FIRST_CALLS = 256
_FATE = (
    "outcome",
    "output",
    "delivered_ppm",
    "quality_ppm",
    "answered",
    "thought",
    "prompt",
    "cached",
    "inside",
    "ttft_s",
    "duration_s",
    "holds_s",
    "bill_nano_usd",
    "retry_after_s",
    "served",
    "refuser",
)
"""Fields of a call's record that make its fate; from the third on in the order of `Fate`."""

_fate = itemgetter(*((CALL.names or ()).index(name) for name in _FATE))


class ModelEntry(NamedTuple):
    """A model that is served."""

    name: str
    row: int
    card: ModelCard
    profile: ModelProfile | None


class Fate(NamedTuple):
    """What becomes of a call, fixed when it begins. Seconds are the scenario's.

    Attributes:
        place: where its record is kept until `WallUpstream.end`.
        request, attempt: indices by which its draws are keyed.
        began_s: second of the scenario.
        outcome: None for an answer, else one of `FAILURES`.
        delivered_ppm: part of the natural answer that is delivered, in millionths.
        quality_ppm: of the answer, before what a plan's edits take from it.
        answered, thought, prompt, cached: tokens.
        inside: whether a failure or a hang comes after part of the response.
        ttft_s, duration_s, holds_s: as in `sim.upstream.CALL`.
        bill_nano_usd: what is charged.
        retry_after_s: of a refusal by quota.
        served: whether work was done.
        refuser: which limit refused it: an index of `sim.quota.REFUSERS`.
    """

    place: int
    request: int
    attempt: int
    began_s: float
    outcome: str | None
    delivered_ppm: int
    quality_ppm: int
    answered: int
    thought: int
    prompt: int
    cached: int
    inside: bool
    ttft_s: float
    duration_s: float
    holds_s: float
    bill_nano_usd: int
    retry_after_s: float
    served: bool
    refuser: int

    @property
    def whole(self) -> bool:
        """Whether nothing of the answer was cut off."""
        return self.delivered_ppm >= 1_000_000

    @property
    def hangs(self) -> bool:
        """Whether the caller never sees an end."""
        return math.isinf(self.duration_s)


class WallUpstream:
    """One play of a scenario's upstream, from second 0 on.

    Args:
        settings: scenario, prices, replication.
        clock: of the scenario.

    Attributes:
        models: those that are served, by name.
        tier: usage tier whose limits hold, or None.
        site: its faults.

    Raises:
        InputError: a scenario that cannot be played.
    """

    def __init__(self, settings: Settings, clock: ScenarioClock) -> None:
        scenario = settings.scenario
        self._clock = clock
        names = _served(settings)
        known = profiles(scenario)
        self.models = {
            name: ModelEntry(name, row, settings.policy.catalog.card(name), known.get(name))
            for row, name in enumerate(names)
        }
        key = replication_key(scenario.seed, settings.replication)
        upstream = new_upstream(scenario, settings.policy, key, names)
        self._upstream = with_spare_faults(upstream)
        self._queued = int(upstream.settings["kind"][0]) == QUEUED
        gemini = scenario.upstream if isinstance(scenario.upstream, GeminiUpstream) else None
        self._concise = 1.0 if gemini is None else gemini.concise_factor
        self.tier = None if gemini is None else gemini.tier
        requests = generate(scenario, key)
        if len(requests) == 0:
            requests = generate(scenario.model_copy(update={"workload": Workload()}), key)
        self._requests = requests
        self._calls = np.zeros(_FIRST_CALLS, CALL)
        self._free = list(range(_FIRST_CALLS))
        numbers = (0,) * 7  # place, model, index, attempt, prompt, cap, budget
        self._begin = direct(
            begin_request, self._upstream, requests, self._calls, *numbers, 1.0, 0.0
        )
        self._end = direct(end, self._upstream, self._calls, 0)
        self._next = 0
        self.site = FaultSite(scenario, self._upstream, names, clock, settings.policy.tick_s)

    def prompt_tokens(self, index: int) -> int:
        """Tokens of the prompt of a request of the workload."""
        return int(self._requests["prompt"][index % len(self._requests)])

    def begin(
        self,
        model: ModelEntry,
        body: Body,
        index: int | None,
        attempt: int,
        prompt_tokens: int | None,
    ) -> Fate:
        """Fix the fate of a call that starts now.

        Args:
            model: which is called.
            body: what is asked.
            index: of the request in the workload; None: the next one.
            attempt: from 0.
            prompt_tokens: None: those of the workload's request, cached ones included.
        """
        if index is None:
            index = self._next
            self._next += 1
        if not self._free:
            self._grow()
        place = self._free.pop()
        now_s = self._clock.now_s()
        self.site.move(now_s)
        self._begin(
            self._upstream,
            self._requests,
            self._calls,
            place,
            model.row,
            index,
            attempt,
            -1 if prompt_tokens is None else prompt_tokens,
            UNBOUNDED if body.cap is None else min(body.cap, UNBOUNDED),
            thinking_bound(model.profile, model.card, body.thinking),
            self._concise if body.brief else 1.0,
            now_s,
        )
        outcome, output, delivered_ppm, quality_ppm, answered, *rest = _fate(
            self._calls[place].item()
        )
        if self._queued and outcome == ANSWER:
            answered = output
        return Fate(
            place,
            index,
            attempt,
            now_s,
            None if outcome == ANSWER else FAILURES[outcome],
            delivered_ppm,
            quality_ppm,
            answered,
            *rest,
        )

    def end(self, fate: Fate) -> None:
        """The upstream is done with a call; once for every fate."""
        self._end(self._upstream, self._calls, fate.place)
        self._free.append(fate.place)

    def limits(self, model: ModelEntry | None) -> Limits:
        """Quota of a model, or (None) the one that all models share, and what is used of it."""
        return limits_now(self._upstream, None if model is None else model.row, self._clock.now_s())

    def spending(self) -> Spending | None:
        """The project's spend limit and what was billed in its window; None: there is none."""
        return spending_now(self._upstream, self._clock.now_s())

    def in_flight(self, model: ModelEntry) -> int:
        """Calls a model is busy with."""
        return int(self._upstream.models[model.row]["in_flight"])

    def _grow(self) -> None:
        before = len(self._calls)
        self._calls = np.concatenate([self._calls, np.zeros_like(self._calls)])
        self._free.extend(range(before, 2 * before))


def _served(settings: Settings) -> tuple[str, ...]:
    """Models that are both known to behave and priced; a queue serves all that are priced."""
    cards = settings.policy.catalog
    catalog = [card.name for card in cards.cards if cards.serving(card) is card]
    if not isinstance(settings.scenario.upstream, GeminiUpstream):
        return tuple(sorted(catalog))
    known = profiles(settings.scenario)
    for name in settings.scenario.upstream.models:
        settings.policy.catalog.card(name)
    return tuple(sorted(name for name in known if name in catalog))
