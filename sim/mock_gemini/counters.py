"""What the mock has done: counts by model, and the last calls."""

from __future__ import annotations

from collections import Counter, deque
from itertools import islice
from typing import Any, NamedTuple

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
        bill_nano_usd: what is charged.
        cap: most output tokens asked for, or None.
        thinking_asked: the thinking setting asked for, or None.
        brief: whether a short answer was asked for.
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
    bill_nano_usd: int
    cap: int | None
    thinking_asked: int | str | None
    brief: bool


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
        self._models: dict[str, Counter[str]] = {}
        self._calls: deque[CallRecord] = deque(maxlen=KEPT_CALLS)
        self._numbered = 0

    def began(self, model: str) -> None:
        """A call begins."""
        counts = self._models.get(model)
        if counts is None:
            counts = self._models[model] = Counter()
        counts["started"] += 1

    def ended(
        self,
        model: str,
        method: str,
        fate: Fate,
        *,
        left: bool,
        cap: int | None,
        thinking: int | str | None,
        brief: bool,
    ) -> None:
        """Its client has the outcome, or has gone."""
        counts = self._models[model]
        outcome = fate.outcome or ANSWER
        counts["finished"] += 1
        counts[f"outcome {outcome}"] += 1
        if left:
            counts["left"] += 1
        if fate.served:
            counts["prompt"] += fate.prompt
            counts["cached"] += fate.cached
            counts["output"] += fate.answered
            counts["thinking"] += fate.thought
            counts["bill_nano_usd"] += fate.bill_nano_usd
        self._calls.append(
            CallRecord(
                self._numbered,
                model,
                method,
                fate.request,
                fate.attempt,
                fate.began_s,
                outcome,
                left,
                fate.inside,
                fate.ttft_s,
                None if fate.hangs else fate.duration_s,
                fate.prompt,
                fate.cached,
                fate.answered,
                fate.thought,
                fate.delivered_ppm,
                fate.bill_nano_usd,
                cap,
                thinking,
                brief,
            )
        )
        self._numbered += 1

    def models(self) -> dict[str, dict[str, Any]]:
        """Counts of every model that was called."""
        return {name: _shown(counts) for name, counts in sorted(self._models.items())}

    def total(self) -> dict[str, Any]:
        """Counts of all models together."""
        return _shown(sum(self._models.values(), Counter()))

    def calls(self, after: int, most: int) -> list[dict[str, Any]]:
        """Calls from a number on, in the order of their ends.

        Args:
            after: first number.
            most: how many at most.
        """
        forgotten = self._numbered - len(self._calls)
        first = max(0, after - forgotten)
        return [call._asdict() for call in islice(self._calls, first, first + most)]


def _shown(counts: Counter[str]) -> dict[str, Any]:
    outcomes = {
        name.removeprefix("outcome "): count
        for name, count in sorted(counts.items())
        if name.startswith("outcome ")
    }
    return {
        "started": counts["started"],
        "finished": counts["finished"],
        "left": counts["left"],
        "outcomes": outcomes,
        "prompt_tokens": counts["prompt"],
        "cached_tokens": counts["cached"],
        "output_tokens": counts["output"],
        "thinking_tokens": counts["thinking"],
        "bill_nano_usd": counts["bill_nano_usd"],
    }
