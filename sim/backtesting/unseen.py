"""What a candidate does that the journal never saw: marked, and swept instead of trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from balancer.core.modes import Mode
from balancer.core.policy import Policy
from balancer.core.strategy import Strategy, settings_of
from scenarios.profiles import profiles
from scenarios.schema import GeminiUpstream, Scenario

from ..fitting.columns import Cell
from ..fitting.fit import Fit

__all__ = ["SWEPT", "Unseen", "swept", "unseen"]

SWEPT = 0.30
"""How far what was never seen may be off, either way: speed and quality of a model; of a mode what
it takes of quality and leaves of an answer's length.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """What a candidate's runs have that the journal does not.

    Attributes:
        share: of its answers.
        models: that answered too little in the journal to be measured.
        ways: modes whose calls were edited as no call of the journal was.
    """

    share: float
    models: tuple[str, ...]
    ways: tuple[str, ...]


def unseen(fit: Fit, policy: Policy, answers: Mapping[Cell, int]) -> Unseen:
    """What of a candidate's answers the journal never saw.

    Args:
        fit: of the journal.
        policy: the candidate.
        answers: by mode and model, over all of its runs.
    """
    known = {(_edits(fit.policy.strategies[mode]), model) for mode, model in fit.answers}
    models: dict[str, int] = {}
    ways: dict[str, int] = {}
    strange = 0
    for (mode, model), count in answers.items():
        if (_edits(policy.strategies[mode]), model) in known:
            continue
        # Normal's calls are as their callers wrote them, whichever model takes them over.
        if model not in fit.calls.profiles:
            models[model] = models.get(model, 0) + count
        elif mode is Mode.NORMAL and _edits(policy.strategies[mode]) == _edits(Strategy()):
            continue
        else:
            ways[mode.label] = ways.get(mode.label, 0) + count
        strange += count
    whole = sum(answers.values())
    return Unseen(
        share=strange / whole if whole else 0.0,
        models=tuple(sorted(models)),
        ways=tuple(mode.label for mode in Mode if mode.label in ways),
    )


def _edits(strategy: Strategy) -> tuple[object, ...]:
    """What a strategy does to the text and length of a call."""
    values = (
        (row, getattr(strategy, row.name))
        for row in settings_of(type(strategy))
        if row.shapes_answer
    )
    return tuple(bool(value) if row.kind == "text" else value for row, value in values)


def swept(scenario: Scenario, models: Sequence[str], *, ways: bool, worse: bool) -> Scenario:
    """The scenario with models never seen slower and poorer, and ways poorer and longer; or better.

    Args:
        scenario: the fitted one.
        models: that were never measured.
        ways: whether edits that were never seen are off, too.
        worse: slower and poorer.
    """
    upstream = scenario.upstream
    assert isinstance(upstream, GeminiUpstream)
    slower = 1.0 + SWEPT if worse else 1.0 - SWEPT
    quality = 1.0 - SWEPT if worse else 1.0 + SWEPT
    known = profiles(scenario)
    changed: dict[str, dict[str, Any]] = dict(upstream.models)
    for model in models:
        profile = known[model]
        changed[model] = {
            **changed.get(model, {}),
            "ttft_p50": profile.ttft_p50 * slower,
            "ttft_p95": profile.ttft_p95 * slower,
            "tokens_per_s": profile.tokens_per_s / slower,
            "quality": min(1.0, profile.quality * quality),
        }
    update: dict[str, Any] = {"models": changed}
    if ways:
        update["concise_factor"] = min(1.0, upstream.concise_factor * slower)
        update["actions"] = upstream.actions.model_copy(
            update={
                name: min(1.0, getattr(upstream.actions, name) * quality)
                for name in type(upstream.actions).model_fields
            }
        )
    return scenario.model_copy(update={"upstream": upstream.model_copy(update=update)})
