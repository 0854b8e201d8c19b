"""What the mock has done: counts by model, and the last calls."""

from __future__ import annotations

from collections import Counter, deque
from itertools import islice
from typing import Any, NamedTuple

from balancer.core.tiers import REQUEST_TIERS, SERVED_TIERS

from .bodies import Body
from .wall_upstream import Fate

__all__ = ["KEPT_CALLS", "CallRecord", "Counters"]

KEPT_CALLS = 20_000
"""Calls that are remembered; the oldest are forgotten first."""

ANSWER = "answer"


class CallRecord(NamedTuple):
    """One call that is over.

    Attributes:
        number: from 0, in the order of their ends.
        model, method: what was called.
        request, attempt: indices by which its draws were keyed.
        began_s: second of the scenario.
        outcome: "answer", or a failure of `balancer.core.observations.FAILURES`: what the
            upstream did, whether or not the client still saw it.
        left: whether the client had gone before.
        inside: whether the failure came after part of the response.
        ttft_s, duration_s: scenario seconds; the duration of a hang is None.
        prompt, cached, output, thinking: tokens.
        delivered_ppm: part of the natural answer that was delivered, in millionths.
        quality_ppm: of the answer, before what a plan's edits take from it.
        bill_nano_usd: what is charged.
        cap: most output tokens asked for, or None.
        thinking_asked: the thinking setting asked for, or None.
        brief: whether a short answer was asked for.
        tier, served_tier: of service, asked for and served.
    """

    number: int
    model: str
    method: str
    request: int
    attempt: int
    began_s: float
    outcome: str
    left: bool
    inside: bool
    ttft_s: float
    duration_s: float | None
    prompt: int
    cached: int
    output: int
    thinking: int
    delivered_ppm: int
    quality_ppm: int
    bill_nano_usd: int
    cap: int | None
    thinking_asked: int | str | None
    brief: bool
    tier: str
    served_tier: str


class _Model:
    """Counts of one model."""

    __slots__ = (
        "bill_nano_usd",
        "cached",
        "finished",
        "left",
        "outcomes",
        "output",
        "prompt",
        "started",
        "thinking",
    )

    def __init__(self) -> None:
        self.started = self.finished = self.left = 0
        self.prompt = self.cached = self.output = self.thinking = self.bill_nano_usd = 0
        self.outcomes: dict[str, int] = {}

    def add(self, other: _Model) -> None:
        """Add another model's."""
        for name in self.__slots__:
            if name != "outcomes":
                setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, count in other.outcomes.items():
            self.outcomes[name] = self.outcomes.get(name, 0) + count

    def shown(self) -> dict[str, Any]:
        """As the admin API says them."""
        return {
            "started": self.started,
            "finished": self.finished,
            "left": self.left,
            "outcomes": dict(sorted(self.outcomes.items())),
            "prompt_tokens": self.prompt,
            "cached_tokens": self.cached,
            "output_tokens": self.output,
            "thinking_tokens": self.thinking,
            "bill_nano_usd": self.bill_nano_usd,
        }


class Counters:
    """Counts since the scenario's second 0; a call counts when its client has its outcome.

    Attributes:
        refused: responses 4xx to requests that no model was asked, by status.
        other: calls of the methods that are not generation, by name.
    """

    __slots__ = ("_calls", "_models", "_numbered", "other", "refused")

    def __init__(self) -> None:
        self.refused: Counter[int] = Counter()
        self.other: Counter[str] = Counter()
        self._models: dict[str, _Model] = {}
        self._calls: deque[tuple[int, str, str, Fate, Body, bool]] = deque(maxlen=KEPT_CALLS)
        self._numbered = 0

    def began(self, model: str) -> None:
        """A call begins."""
        counts = self._models.get(model)
        if counts is None:
            counts = self._models[model] = _Model()
        counts.started += 1

    def ended(self, model: str, method: str, fate: Fate, body: Body, *, left: bool) -> None:
        """Its client has the outcome, or has gone."""
        counts = self._models[model]
        outcome = fate.outcome or ANSWER
        counts.finished += 1
        counts.outcomes[outcome] = counts.outcomes.get(outcome, 0) + 1
        if left:
            counts.left += 1
        if fate.served:
            counts.prompt += fate.prompt
            counts.cached += fate.cached
            counts.output += fate.answered
            counts.thinking += fate.thought
            counts.bill_nano_usd += fate.bill_nano_usd
        self._calls.append((self._numbered, model, method, fate, body, left))
        self._numbered += 1

    def models(self) -> dict[str, dict[str, Any]]:
        """Counts of every model that was called."""
        return {name: counts.shown() for name, counts in sorted(self._models.items())}

    def total(self) -> dict[str, Any]:
        """Counts of all models together."""
        total = _Model()
        for counts in self._models.values():
            total.add(counts)
        return total.shown()

    def calls(self, after: int, most: int) -> list[dict[str, Any]]:
        """Calls from a number on, in the order of their ends.

        Args:
            after: first number.
            most: how many at most.
        """
        forgotten = self._numbered - len(self._calls)
        first = max(0, after - forgotten)
        return [_record(*call)._asdict() for call in islice(self._calls, first, first + most)]


def _record(number: int, model: str, method: str, fate: Fate, body: Body, left: bool) -> CallRecord:
    return CallRecord(
        number=number,
        model=model,
        method=method,
        request=fate.request,
        attempt=fate.attempt,
        began_s=fate.began_s,
        outcome=fate.outcome or ANSWER,
        left=left,
        inside=fate.inside,
        ttft_s=fate.ttft_s,
        duration_s=None if fate.hangs else fate.duration_s,
        prompt=fate.prompt,
        cached=fate.cached,
        output=fate.answered,
        thinking=fate.thought,
        delivered_ppm=fate.delivered_ppm,
        quality_ppm=fate.quality_ppm,
        bill_nano_usd=fate.bill_nano_usd,
        cap=body.cap,
        thinking_asked=body.thinking,
        brief=body.brief,
        tier=REQUEST_TIERS[fate.tier],
        served_tier=SERVED_TIERS[fate.served_tier],
    )
