"""What calls are like when nothing is wrong: tokens, speeds and first tokens, by model.

Means of tokens are told exactly, and their spread by how much the sums of ticks vary. How long
calls take is told as a distribution, for each mode and model. A profile has few numbers, so they
are chosen together: those with which calls, drawn as the simulator draws them, have the same
quantiles and the same means (least squares, on the same draws throughout).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import least_squares
from scipy.special import ndtri

from balancer.core.histogram import Histogram

__all__ = ["QUANTILES", "CellCalls", "Fitted", "Profile", "Start", "fit_calls", "octaves"]

Column = np.ndarray[Any, Any]

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
"""Points of the distribution of an answer's tokens."""
JUDGED = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Quantiles of durations that are to come out."""
DRAWS = 4096
SEED = 20_261_129
Z95 = 1.6448536269514722
MEANS = 6.0
"""Weight of a mean beside a quantile: bills follow means."""
SPREADS = 0.5
PRIOR = 0.05
"""Weight of staying where one began, for what nothing tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCalls:
    """What a mode and model showed while nothing was wrong.

    Attributes:
        model: that was called.
        answers: how many calls were answered.
        output, thinking: tokens of an answer in the mean.
        output_sd, thinking_sd: standard deviation between answers; NaN: not told.
        latency, ttft: in seconds.
        concise: whether an instruction asks to be brief.
        cap: most tokens of a call, thinking included.
        budget: most thinking tokens.
    """

    model: str
    answers: int
    output: float
    thinking: float
    output_sd: float
    thinking_sd: float
    latency: Histogram
    ttft: Histogram
    concise: bool
    cap: int
    budget: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How a model behaves, in the words of a scenario's profile."""

    ttft_p50: float
    ttft_p95: float
    tokens_per_s: float
    speed_sigma: float
    thinking_factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is taken for true until the journal says otherwise."""

    profiles: Mapping[str, Profile]
    concise: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What calls are like.

    Attributes:
        output: tokens of an answer that nothing shortens, at `QUANTILES`.
        thinking: median and 95 % quantile of what is thought freely; None: nothing is.
        concise: what an instruction to be brief leaves of an answer.
        profiles: by model.
        misfit: by model, how far the quantiles of its latency are off, as a root mean square share.
    """

    output: tuple[float, ...]
    thinking: tuple[float, float] | None
    concise: float
    profiles: Mapping[str, Profile]
    misfit: Mapping[str, float]


class _Draws:
    """Normal and uniform numbers, the same for every try."""

    def __init__(self) -> None:
        random = np.random.default_rng(SEED)
        # Strata, so that quantiles of a few thousand draws are steady.
        strata = (np.arange(DRAWS) + 0.5) / DRAWS
        self.output = random.permutation(strata)
        self.thinking, self.speed, self.first = (
            np.asarray(ndtri(random.permutation(strata))) for _ in range(3)
        )


class _Model:
    """Parameters as one vector, and what they come to."""

    def __init__(self, cells: Sequence[CellCalls], start: Start) -> None:
        self.cells = cells
        self.start = start
        self.draws = _Draws()
        self.names = list(dict.fromkeys(cell.model for cell in cells))
        main = cells[0]
        self.thinks = main.thinking >= 1.0
        self.brief = any(cell.concise for cell in cells)
        self.begin = self._begin(main)

    def _begin(self, main: CellCalls) -> Column:
        mu, sigma = _lognormal(main.output, main.output_sd)
        points = np.exp(mu + sigma * np.asarray(ndtri(np.clip(QUANTILES, 0.002, 0.998))))
        found = [math.log(points[0]), *np.log(np.diff(points) + 0.5)]
        if self.thinks:
            mu, sigma = _lognormal(main.thinking, main.thinking_sd)
            found += [mu, math.log(sigma)]
        if self.brief:
            found.append(math.log(self.start.concise))
        for name in self.names:
            found += self._own(name)
        return np.array(found)

    def _own(self, name: str) -> list[float]:
        known = self.start.profiles[name]
        cell = max((each for each in self.cells if each.model == name), key=lambda c: c.answers)
        speed, first = known.tokens_per_s, known.ttft_p50
        if cell.ttft:
            rest_s = cell.latency.mean() - cell.ttft.mean()
            if rest_s > 0.02:
                speed = cell.output / rest_s
            first = max(0.05, cell.ttft.mean() - cell.thinking / speed)
        ratio = math.log(known.ttft_p95 / known.ttft_p50)
        logs = [first, max(ratio, 0.02), speed, max(known.speed_sigma, 0.02), known.thinking_factor]
        return [math.log(each) for each in logs]

    def read(self, vector: Column) -> Fitted:
        """The vector in words."""
        size = len(QUANTILES)
        output = np.exp(vector[0]) + np.concatenate(([0.0], np.cumsum(np.exp(vector[1:size]))))
        at = size
        thinking = None
        if self.thinks:
            mu, sigma = vector[at], math.exp(vector[at + 1])
            thinking = (math.exp(mu), math.exp(mu + Z95 * sigma))
            at += 2
        concise = self.start.concise
        if self.brief:
            concise = min(1.0, math.exp(vector[at]))
            at += 1
        profiles = {}
        for place, name in enumerate(self.names):
            first, ratio, speed, sigma, factor = np.exp(vector[at + 5 * place : at + 5 * place + 5])
            profiles[name] = Profile(
                ttft_p50=float(first),
                ttft_p95=float(first * math.exp(ratio)),
                tokens_per_s=float(speed),
                speed_sigma=float(sigma),
                # The workload's thinking is what the first model thinks.
                thinking_factor=1.0 if place == 0 else float(factor),
            )
        return Fitted(
            output=tuple(output), thinking=thinking, concise=concise, profiles=profiles, misfit={}
        )

    def residuals(self, vector: Column) -> Column:
        """How far everything is off, weighted; with what nothing tells kept where it began."""
        found = self.read(vector)
        parts: list[Column | list[float]] = [PRIOR * (vector - self.begin)]
        for cell in self.cells:
            weight = min(1.0, math.sqrt(cell.answers / 500.0))
            latency, first, answered, thought = self.calls(found, cell)
            parts.append(weight * _off(latency, cell.latency))
            parts.append([MEANS * weight * (float(answered.mean()) / max(cell.output, 1.0) - 1.0)])
            if cell.ttft:
                parts.append(weight * _off(first, cell.ttft))
            if cell.thinking >= 1.0:
                parts.append([MEANS * weight * (float(thought.mean()) / cell.thinking - 1.0)])
            if cell is self.cells[0]:
                spreads = ((answered, cell.output_sd), (thought, cell.thinking_sd))
                parts.append([_spread(values, deviation) for values, deviation in spreads])
        return np.concatenate([np.asarray(part, float) for part in parts])

    def calls(self, found: Fitted, cell: CellCalls) -> tuple[Column, Column, Column, Column]:
        """Latency, time to first token, answer and thinking tokens of calls of a cell."""
        return _calls(self.draws, found, cell)


def _calls(
    draws: _Draws,
    found: Fitted,
    cell: CellCalls,
    *,
    thinking: float = 1.0,
    output: float = 1.0,
    ignores_budget: bool = False,
) -> tuple[Column, Column, Column, Column]:
    """As `sim.plant.upstream` makes them, without faults but for changed tokens."""
    own = found.profiles[cell.model]
    free = np.zeros(DRAWS)
    if found.thinking is not None:
        p50, p95 = found.thinking
        free = p50 * np.exp(math.log(p95 / p50) / Z95 * draws.thinking) * own.thinking_factor
    bound = math.inf if ignores_budget else cell.budget
    thought = np.minimum(np.minimum(free * thinking, bound), cell.cap)
    wanted = np.interp(draws.output, QUANTILES, found.output)
    wanted = wanted * (found.concise if cell.concise else 1.0) * output
    answered = np.minimum(np.maximum(wanted, 1.0), np.maximum(cell.cap - thought, 0.0))
    speed = own.tokens_per_s * np.exp(own.speed_sigma * draws.speed)
    sigma = math.log(own.ttft_p95 / own.ttft_p50) / Z95
    first = own.ttft_p50 * np.exp(sigma * draws.first) + thought / speed
    return first + answered / speed, first, answered, thought


def _off(drawn: Column, seen: Histogram) -> Column:
    """Relative differences of the judged quantiles."""
    ours = np.quantile(drawn, JUDGED)
    theirs = np.array([seen.quantile(q) for q in JUDGED])
    return np.asarray(ours / theirs - 1.0)


def _spread(values: Column, sd: float) -> float:
    if not sd > 0.0:
        return 0.0
    return float(SPREADS * (values.std() / sd - 1.0))


def _lognormal(mean: float, sd: float) -> tuple[float, float]:
    """Mean and deviation of the logarithm."""
    mean = max(mean, 1.0)
    spread = sd / mean if sd > 0.0 else 0.5
    sigma = math.sqrt(math.log1p(min(max(spread, 0.05), 5.0) ** 2))
    return math.log(mean) - sigma * sigma / 2.0, sigma


def fit_calls(cells: Sequence[CellCalls], start: Start) -> Fitted:
    """What calls are like.

    Args:
        cells: what was seen; the first is normal mode's with the model asked for most.
        start: what is taken for true until the journal says otherwise.
    """
    model = _Model(cells, start)
    low, high = model.begin - 4.0, model.begin + 4.0
    solved = least_squares(
        model.residuals,
        model.begin,
        bounds=(low, high),
        diff_step=5e-3,
        loss="soft_l1",
        f_scale=0.1,
        max_nfev=40,
    )
    found = model.read(solved.x)
    misfit: dict[str, list[float]] = {}
    for cell in cells:
        off = _off(model.calls(found, cell)[0], cell.latency)
        misfit.setdefault(cell.model, []).append(float(np.sqrt(np.mean(off * off))))
    return Fitted(
        output=found.output,
        thinking=found.thinking,
        concise=found.concise,
        profiles=found.profiles,
        misfit={name: max(each) for name, each in misfit.items()},
    )


def octaves(
    found: Fitted, cell: CellCalls, *, thinking: float, output: float, ignores_budget: bool
) -> Column:
    """Binary logarithms of the latencies of calls with so many times the tokens, ascending."""
    latency, *_ = _calls(
        _Draws(), found, cell, thinking=thinking, output=output, ignores_budget=ignores_budget
    )
    return np.asarray(np.sort(np.log2(latency)))
