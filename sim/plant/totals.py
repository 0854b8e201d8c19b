"""The truth about a run, which no controller is shown: for verdicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balancer.core.histogram import MIN_INDEX, Histogram

from .world import World

__all__ = ["Totals", "read_totals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The truth about the requests that came after the warm-up, and their attempts.

    Attributes:
        offered, admitted, shed, answered, failed: requests; shed includes the refused. Those that
            the upstream refuses as they are written are in none of the totals.
        reasked: requests of users who ask again because they got nothing; among the offered.
        refused: requests shed because a budget could not afford them.
        fallback: requests shed or failed that got the static answer.
        truncated: answers cut short by the output cap.
        attempts, attempts_finished, attempts_failed: calls upstream.
        fallback_attempts: those of them at the next model of a plan, or in standard where flex was
            full, at once after one failed.
        rerouted, downgraded: answers of another model, or tier, than was sent.
        prompt_tokens, cached_tokens, output_tokens, thinking_tokens: as the upstream saw.
        true_nano_usd: the upstream's bill.
        observed_nano_usd: cost as the clients could tell it from usage and price table.
        degraded: admitted requests whose plan was above normal.
        quality_ppm_sum: quality of the answers, in millionths, summed.
        good_quality_ppm_sum: the same of answers that came while they were worth something.
        sibling_quality_ppm_sum: the part of it that other models gave than normal's first.
        waiting_s: that users waited, from asking to the outcome or to giving up, summed; those
            who were shed did not wait.
        latency: of answers and timeouts, from the first attempt's start to the outcome.
        latency_sum_s: their sum.
        overshoot_nano_usd: most by which the true spend of a rolling window passed a budget,
            warm-up included; spend counts when the caller sees the outcome.
    """

    offered: int
    reasked: int
    admitted: int
    shed: int
    answered: int
    failed: int
    refused: int
    fallback: int
    truncated: int
    attempts: int
    fallback_attempts: int
    rerouted: int
    downgraded: int
    attempts_finished: int
    attempts_failed: int
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    thinking_tokens: int
    true_nano_usd: int
    observed_nano_usd: int
    degraded: int
    quality_ppm_sum: int
    good_quality_ppm_sum: int
    sibling_quality_ppm_sum: int
    waiting_s: float
    latency: Histogram
    latency_sum_s: float
    overshoot_nano_usd: int


def read_totals(world: World) -> Totals:
    """The account of a world so far."""
    totals = world.totals[0]
    # What is counted by priority is told as its sum.
    counted = {name: totals[name].sum().item() for name in totals.dtype.names}
    modes = counted.pop("admitted_by_mode") - int(totals["admitted_by_mode"][0])
    counts = np.flatnonzero(world.latency)
    latency = {int(i) + MIN_INDEX: int(world.latency[i]) for i in counts}
    return Totals(degraded=modes, latency=Histogram.from_counts(latency), **counted)
