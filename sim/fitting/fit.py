"""A journal taken apart: traffic, calls, faults and quotas, and what it cannot tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from balancer.core.errors import InputError
from balancer.core.modes import MODES, Mode
from balancer.core.policy import Policy
from balancer.core.routes import resolve
from balancer.units import show_seconds
from scenarios.profiles import calibrated_profiles
from scenarios.schema import GeminiUpstream

from .calls import Fitted, Profile, Start, fit_calls
from .column_reader import read_columns
from .columns import Cell, Columns
from .episodes import Episode, base_level, failing, slow_segments
from .healthy import (
    Prompts,
    asked_models,
    healthy_calls,
    prompts_of,
    usual_octaves,
    well_ticks,
)
from .quotas import SeenQuota, fitted_quota
from .samples import Samples, samples
from .segments import Segment, share_segments
from .slowness import HANGING, SLOW, slowness
from .traffic import Traffic, fitted_traffic

__all__ = ["LEAST_CALLS", "LEAST_S", "Fit", "fit_journal", "reachable"]

LEAST_S = 300.0
"""Least length of a journal."""
LEAST_CALLS = 200
"""Least answers in it."""
WARM_UP_S = 60.0
MOST_OF_ALL = 0.2
"""Of its length, at most, is warm-up."""
LATEST_EPOCH = 4e9
"""Unix times beyond are no time of a journal."""

Column = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What was found.

    Attributes:
        columns: of the journal.
        policy: live then.
        starts_at: wall time of second 0, if the journal says it.
        duration_s, warm_up_s: of the scenario.
        asked: models that requests ask for, with shares, the most frequent first.
        traffic, prompts, calls: what requests and calls are like.
        answers: how many every mode and model gave while nothing was wrong, of those fitted.
        usual: by model, share of each kind of failure when nothing is wrong.
        episodes: faults, in order of time.
        quotas: by model.
        timeout_s: deadline of calls whose plan has none; None: not told.
        visited: modes that served anything.
        assumptions: what the journal cannot tell, a sentence each.
    """

    columns: Columns
    policy: Policy
    starts_at: datetime | None
    duration_s: float
    warm_up_s: float
    asked: Mapping[str, float]
    traffic: Traffic
    prompts: Prompts
    calls: Fitted
    answers: Mapping[Cell, int]
    usual: Mapping[str, Mapping[str, float]]
    episodes: tuple[Episode, ...]
    quotas: Mapping[str, SeenQuota]
    timeout_s: float | None
    visited: tuple[Mode, ...]
    assumptions: tuple[str, ...]


def fit_journal(paths: Sequence[Path]) -> Fit:
    """Fit a journal's files, oldest first.

    Raises:
        JournalError: a file or a line is wrong.
        InputError: the files are not of one journal, there is too little in them, or policies were
            live that did otherwise in a mode.
    """
    columns = read_columns(paths)
    policy = columns.policy
    tick_s = policy.tick_s
    _check_enough(columns, tick_s)
    _check_alike(columns)
    deadlines = tuple(strategy.timeout_s for strategy in policy.strategies)
    calls = samples(columns, tick_s, deadlines)
    models = list(dict.fromkeys(model for _, model in columns.cells))
    usual_octave = usual_octaves(calls, len(columns.cells))
    slow = {model: _slow(columns, calls, model, usual_octave) for model in models}
    failures = {model: failing(columns, model, _delay(usual_octave, columns, model, tick_s))
                for model in models}  # fmt: skip
    well = {
        model: _well(columns, calls, model, slow[model], failures[model][0], tick_s)
        for model in models
    }
    asked = asked_models(columns, policy, well)
    if not asked:
        raise InputError(
            "no call of normal mode was started; what its callers ask for and get is not told by "
            "the other modes: take in a stretch in which normal served, too",
            where=columns.where,
        )
    healthy, by_cell = healthy_calls(columns, calls, policy, list(asked), well)
    first = next(iter(asked))
    if (Mode.NORMAL, first) not in by_cell:
        raise InputError(
            f"too little of normal mode's calls to {first} while nothing was wrong; take in an "
            "hour or more before or after the incident",
            where=columns.where,
        )
    profiles = calibrated_profiles()
    start = Start(
        profiles={model: _known(model) for model in {cell.model for cell in healthy}},
        concise=GeminiUpstream().concise_factor,
    )
    fitted = fit_calls(healthy, start)
    prompts = prompts_of(columns)
    starts_at, phase_s = _start(columns, tick_s)
    quotas = {
        model: quota
        for model in models
        if (
            quota := fitted_quota(
                columns,
                model,
                tick_s=tick_s,
                phase_s=phase_s,
                prompt=prompts.mean,
                prompt_sd=prompts.deviation,
            )
        )
        is not None
    }
    episodes: list[Episode] = []
    for model in models:
        episodes += [
            each
            for each in failures[model][0]
            if not (each.error == "quota_minute" and model in quotas)
        ]
        if model in fitted.profiles:
            episodes += slowness(columns, calls, model, slow[model], by_cell, fitted, tick_s)
    duration_s = columns.ticks * tick_s
    found = Fit(
        columns=columns,
        policy=policy,
        starts_at=starts_at,
        duration_s=duration_s,
        warm_up_s=min(WARM_UP_S, math.floor(duration_s * MOST_OF_ALL)),
        asked=asked,
        traffic=fitted_traffic(columns, tick_s),
        prompts=prompts,
        calls=fitted,
        answers={cell: each.answers for cell, each in by_cell.items()},
        usual={
            model: {
                kind: share
                for kind, share in failures[model][1].items()
                if not (kind == "quota_minute" and model in quotas)
            }
            for model in models
        },
        episodes=tuple(sorted(episodes, key=lambda each: each.segment.begin)),
        quotas=quotas,
        timeout_s=_timeout_s(columns, calls, policy),
        visited=tuple(mode for mode in MODES if any(cell[0] is mode for cell in columns.cells)),
        assumptions=(),
    )
    unknown = [model for model in reachable(policy, asked) if model not in fitted.profiles]
    return replace(
        found, assumptions=tuple(_assumptions(found, [m for m in unknown if m in profiles]))
    )


def _check_enough(columns: Columns, tick_s: float) -> None:
    answers = int(columns.answers.sum())
    offered = int(columns.offered.sum())
    if not offered or not answers:
        raise InputError(
            "holds no traffic: expected requests, and calls that were answered",
            where=columns.where,
        )
    length_s = columns.ticks * tick_s
    if length_s < LEAST_S or answers < LEAST_CALLS:
        raise InputError(
            f"too short: {show_seconds(length_s)} with {answers:,} answers; expected at least "
            f"{show_seconds(LEAST_S)} and {LEAST_CALLS} answers",
            where=columns.where,
        )


def _check_alike(columns: Columns) -> None:
    """Refuse policies that did otherwise in a mode: a journal tells calls by the mode alone."""
    first, *others = columns.policies
    for policy in others:
        for mode in MODES:
            if policy.strategies[mode] != first.strategies[mode]:
                raise InputError(
                    f"policy {policy.name} does otherwise in {mode.label} than {first.name}, which "
                    "was live before, and their calls cannot be told apart; name the files of one",
                    where=columns.where,
                )


def _slow(columns: Columns, calls: Samples, model: str, usual: Column) -> list[Segment]:
    octave = calls.octave - usual[calls.cell]
    own = np.isin(calls.cell, columns.places(model))
    own &= np.isfinite(octave) & ~calls.late
    if not own.any():
        return []
    return slow_segments(calls.begin[own], octave[own], calls.count[own], columns.ticks)


def _delay(usual: Column, columns: Columns, model: str, tick_s: float) -> int:
    """Ticks that a model's call usually takes."""
    own = usual[columns.places(model)]
    known = own[np.isfinite(own)]
    return round(2.0 ** float(np.median(known)) / tick_s) if len(known) else 0


def _well(
    columns: Columns,
    calls: Samples,
    model: str,
    slow: Sequence[Segment],
    failures: Sequence[Episode],
    tick_s: float,
) -> Column:
    """Ticks in which nothing was wrong with a model, nor were calls of such a time still under
    way. Failures count too, unless too little would be left.
    """
    base = base_level(slow)
    ill = [each for each in slow if abs(each.level - base) >= SLOW]
    own = np.isin(calls.cell, columns.places(model))
    late, whole = (
        np.bincount(calls.begin[own], weights=weights[own], minlength=columns.ticks)
        for weights in (calls.count * calls.late, calls.count)
    )
    if late.any():
        ill += [each for each in share_segments(late, whole) if each.level >= HANGING]
    longest = float(calls.octave[own].max()) if own.any() else 0.0
    after = math.ceil(2.0**longest / tick_s) if ill else 0
    found = well_ticks(columns.ticks, ill, after)
    strict = found & well_ticks(columns.ticks, [each.segment for each in failures], 0)
    return strict if strict.sum() >= columns.ticks / 4 else found


def _known(model: str) -> Profile:
    """What is known of a model beforehand; of one nobody calibrated, something in between."""
    profile = calibrated_profiles().get(model)
    if profile is None:
        return Profile(
            ttft_p50=0.8, ttft_p95=1.0, tokens_per_s=200.0, speed_sigma=0.15, thinking_factor=1.0
        )
    return Profile(
        ttft_p50=profile.ttft_p50,
        ttft_p95=profile.ttft_p95,
        tokens_per_s=profile.tokens_per_s,
        speed_sigma=profile.speed_sigma,
        thinking_factor=profile.thinking_factor,
    )


def _start(columns: Columns, tick_s: float) -> tuple[datetime | None, float]:
    """Wall time of second 0, and how far it is into a minute of the clock."""
    since_s = columns.first * tick_s
    epoch = columns.runs[0].get("epoch")
    if epoch is None:
        return None, since_s % 60.0
    known = isinstance(epoch, int | float) and not isinstance(epoch, bool)
    if not known or not 0.0 <= epoch + since_s <= LATEST_EPOCH:
        raise InputError(
            f"run.epoch: found {epoch!r}, expected the Unix time of second 0",
            where=f"{columns.where.split(' to ')[0]}:1",
        )
    start_s = epoch + since_s
    return datetime.fromtimestamp(start_s, UTC), start_s % 60.0


def _timeout_s(columns: Columns, calls: Samples, policy: Policy) -> float | None:
    for place, (mode, _) in enumerate(columns.cells):
        seen = calls.deadlines[place]
        if policy.strategies[mode].timeout_s is None and not math.isnan(seen):
            return round(seen, 1)
    return None


def reachable(policy: Policy, asked: Mapping[str, float]) -> list[str]:
    """Models that a policy may call, in any mode, for those who ask for these."""
    found = [
        model
        for name in asked
        for strategy in policy.strategies
        for model in resolve(strategy, name, policy.catalog)
    ]
    return list(dict.fromkeys(found))


def _assumptions(found: Fit, unknown: Sequence[str]) -> list[str]:
    """What the journal cannot tell, and what is taken for true in its place."""
    said = []
    modes = [mode.label for mode in MODES if mode not in found.visited]
    if modes:
        said.append(
            f"{_listed(modes)} served nothing: what {'they do' if len(modes) > 1 else 'it does'} "
            "to answers is as the simulator has it"
        )
    if unknown:
        said.append(
            f"{_listed(unknown)} answered too little to be measured: profiles are the calibrated "
            "ones, and no fault is taken to have struck there"
        )
    if found.episodes:
        said.append(
            "faults strike the models on which they were seen, from outside: whatever is called "
            "less or more, they stay as they were, and models that nobody called meanwhile are "
            "taken to have been well"
        )
    if any(each.ignores_budget for each in found.episodes):
        said.append(
            "whether a thinking budget would have held back the longer thoughts is not told; it "
            "is taken that it would not"
        )
    said.append(
        "users who asked again are among the arrivals: a candidate that fails fewer of them "
        "is offered as many requests all the same (reasks 0%)"
    )
    said.append("users' patience is 2m, and nobody gave up earlier than was seen")
    said.append("quality is not told: answers are worth what the calibrated profiles say")
    said.append("the true bill is what usage and the price table of that day say")
    quiet = [model for model in found.calls.profiles if model not in found.quotas]
    if quiet:
        said.append(
            f"no quota of {_listed(quiet)} was hit, so none is set; a candidate that calls "
            "more of it might meet one"
        )
    if found.policy.strategies[Mode.NORMAL].retries is None:
        said.append("the clients' own retries are not told: none are taken")
    if found.timeout_s is None and any(each.timeout_s is None for each in found.policy.strategies):
        said.append("no call was called off, so the clients' deadline is not told: 1m is taken")
    if not _streams(found):
        said.append("no times to first tokens were told: they are the calibrated ones")
    said.append(
        "tiers and bought throughput that callers ask for are not told: calls are taken for "
        "standard ones, and are billed as such"
    )
    if found.columns.begins != Mode.NORMAL.label:
        said.append(f"the journal begins in {found.columns.begins}; the simulation in normal")
    if found.columns.torn:
        said.append(found.columns.torn)
    return said


def _streams(found: Fit) -> bool:
    return bool(len(found.columns.ttft.row))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
