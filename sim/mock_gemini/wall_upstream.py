"""The simulator's upstream in wall time: the same functions and draws, one call at a time."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import Awaitable
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from balancer.core.catalog import ModelCard
from balancer.core.observations import FAILURES
from scenarios.profiles import profiles
from scenarios.schema import GeminiUpstream, ModelProfile, Workload

from ..compiled import direct
from ..plant.call_bounds import UNBOUNDED, thinking_bound
from ..plant.service_tiers import WAITS, has_place
from ..plant.single_calls import begin_request
from ..plant.upstream import end, resume
from ..plant.upstream_records import ANSWER, CALL, QUEUED
from ..plant.upstream_setup import new_upstream
from ..streams import replication_key
from ..traffic.workload import generate
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
    "tier",
    "served_tier",
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
        ttft_s, duration_s, holds_s: as in `sim.plant.upstream_records.CALL`.
        bill_nano_usd: what is charged.
        retry_after_s: of a refusal by quota.
        served: whether work was done.
        refuser: which limit refused it: an index of `sim.plant.quota.REFUSERS`.
        tier, served_tier: of service, asked for and served: indices of
            `balancer.core.tiers.SERVED_TIERS`.
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
    tier: int
    served_tier: int

    @property
    def whole(self) -> bool:
        """Whether nothing of the answer was cut off."""
        return self.delivered_ppm >= 1_000_000

    @property
    def waits(self) -> bool:
        """Whether it is one of flex, for which there is no place yet: see `WallUpstream.place`."""
        return self.served_tier == WAITS

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
            name: ModelEntry(name, row, card, known.get(card.name))
            for row, name in enumerate(names)
            for card in (settings.policy.catalog.card(name),)
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
            begin_request, self._upstream, requests, self._calls, *numbers, 1.0, 0, 0, 0.0
        )
        self._end = direct(end, self._upstream, self._calls, 0)
        self._next = 0
        self._speed = settings.speed
        self._waiting: defaultdict[int, deque[tuple[Fate, asyncio.Future[Fate]]]]
        self._waiting = defaultdict(deque)
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
            body.tier,
            body.request_type,
            now_s,
        )
        fate = self._fate_of(place, index, attempt, now_s)
        if fate.waits:
            row = self._serves(place)
            self._upstream.models[row]["waiting"] += 1
            waiting = asyncio.get_running_loop().create_future()
            self._waiting[row].append((fate, waiting))
        return fate

    async def place(self, fate: Fate, leaves: Awaitable[object]) -> Fate | None:
        """What becomes of a flex call that waits, once it is known.

        Args:
            fate: of the call, which ends with the refusal of one that has waited for too long.
            leaves: done when its client has gone.

        Returns:
            Its fate, or None when its client has gone: then nothing is held any more.
        """
        row = self._serves(fate.place)
        waiting = next(found for each, found in self._waiting[row] if each is fate)
        gone = asyncio.ensure_future(leaves)
        await asyncio.wait(
            (waiting, gone),
            timeout=fate.duration_s / self._speed,
            return_when=asyncio.FIRST_COMPLETED,
        )
        left = gone.done()
        gone.cancel()
        if waiting.done():
            found: Fate = waiting.result()
            if left:
                self.end(found)
        else:
            self._waiting[row].remove((fate, waiting))
            self._upstream.models[row]["waiting"] -= 1
            found = fate._replace(served_tier=fate.tier)
            if left:
                self._free.append(fate.place)
        return None if left else found

    def _serve_waiting(self, row: int) -> None:
        """Let flex calls begin that wait for a place, first come first served."""
        model: Any = self._upstream.models[row]
        now_s = self._clock.now_s()
        while self._waiting[row] and has_place(model):
            fate, waiting = self._waiting[row].popleft()
            model["waiting"] -= 1
            resume(self._upstream, self._calls, fate.place, fate.began_s, now_s)
            waiting.set_result(self._fate_of(fate.place, fate.request, fate.attempt, fate.began_s))

    def _serves(self, place: int) -> int:
        """Row of the model that serves a call."""
        return int(self._upstream.models[self._calls[place]["model"]]["serves"])

    def _fate_of(self, place: int, index: int, attempt: int, began_s: float) -> Fate:
        outcome, output, delivered_ppm, quality_ppm, answered, *rest = _fate(
            self._calls[place].item()
        )
        if self._queued and outcome == ANSWER:
            answered = output
        return Fate(
            place,
            index,
            attempt,
            began_s,
            None if outcome == ANSWER else FAILURES[outcome],
            delivered_ppm,
            quality_ppm,
            answered,
            *rest,
        )

    def end(self, fate: Fate) -> None:
        """The upstream is done with a call; once for every fate."""
        row = self._serves(fate.place)
        self._end(self._upstream, self._calls, fate.place)
        self._free.append(fate.place)
        if self._waiting[row]:
            self._serve_waiting(row)

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
