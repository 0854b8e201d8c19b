"""The laws that are compared, each as those run it who use it today.

Every law gets the policy's rules, modes, budgets and models; what a law has no use for, it
leaves unused. A rival is a law with its constants: the laws' published ones (`balancer.core.laws`),
those that an audit found strong, and those that a fair tuning found best (`sim/tuned.json`, written
by `python -m tests.proofs.tuning`). One law needs more than its name: a circuit breaker with model
fallback, as a router runs it, calls the sibling model inside the request whenever a call fails,
and not only while it is open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any

from balancer.core.errors import InputError, PolicyError, nearest
from balancer.core.modes import Mode
from balancer.core.policy import Policy

from ..run.result import NONE, STATIC

__all__ = ["RIVALS", "TUNED", "Rival", "arms", "chosen_laws", "rival", "tuning", "with_constants"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A law, and with what it is run.

    Attributes:
        law: one of `balancer.core.policy.LAWS`.
        text: a sentence for reports.
        constants: those that differ from the policy's, by their names in the law's settings.
    """

    law: str
    text: str
    constants: Mapping[str, float] = field(default_factory=dict)


def tuning() -> Mapping[str, Any]:
    """What the tuning found, as `sim/tuned.json` has it: training scenarios, trials, the chosen."""
    found: Mapping[str, Any] = json.loads(
        files("sim").joinpath("tuned.json").read_text(encoding="utf-8")
    )
    return found


_PUBLISHED: Mapping[str, Rival] = {
    "ladder": Rival(
        law="ladder",
        text="the policy as it is, under the ladder: windows and thresholds, one rung at a time",
    ),
    "mildest": Rival(
        law="mildest",
        text=(
            "the policy as it is, under the mildest rung that holds: left by a sequential test on "
            "what users feel, entered again by another, and left again when it is no better"
        ),
    ),
    "threshold": Rival(
        law="threshold",
        text="the policy's rules, each mode for as long as its rule is true: no margin, no hold",
    ),
    "threshold_hold": Rival(
        law="threshold",
        text="the same, each mode for two minutes after its rule was last true",
        constants={"hold_s": 120.0},
    ),
    "dimmer": Rival(
        law="dimmer",
        text=(
            "normal and soft blended; once a second the blend follows the largest latency of five "
            "seconds, with the policy's lowest latency threshold as the setpoint and the pole at "
            "0.9"
        ),
    ),
    "dimmer_p95": Rival(
        law="dimmer",
        text="the same, on P95 over a minute",
        constants={"quantile": 0.95, "window_s": 60.0},
    ),
    "throttle": Rival(
        law="throttle",
        text=(
            "normal only; refuses locally what two minutes of accepted calls, K = 2 times, do not "
            "cover"
        ),
    ),
    "gradient": Rival(
        law="gradient",
        text=(
            "normal only; a limit of 20 to 200 calls in flight follows latency as Gradient2 does, "
            "and refuses what is beyond it"
        ),
    ),
    "breaker": Rival(
        law="breaker",
        text=(
            "normal, with soft's model as the fallback inside a failing request; when half of 100 "
            "calls fail or are slow, soft for 60 s, then a trial of ten calls"
        ),
    ),
    "breaker_20": Rival(
        law="breaker",
        text="the same, when half of 20 calls fail or are slow, soft for 300 s",
        constants={"calls": 20, "cooldown_s": 300.0},
    ),
    "alerts": Rival(
        law="alerts",
        text=(
            "normal, unless an alert asks for more: the policy's rules as a monitoring service "
            "evaluates them from outside, once a minute, told by webhook"
        ),
    ),
    "always_soft": Rival(
        law="always_soft", text="soft for ever: the cheap model always, and no controller"
    ),
    "always_hard": Rival(law="always_hard", text="hard for ever, and no controller"),
    STATIC: Rival(
        law="none",
        text=(
            "normal for ever, with its retries, fallback model and budgets, and no controller: "
            "what a router gives"
        ),
    ),
    NONE: Rival(
        law="none",
        text="the application's own clients: their model and retries, no controller and no budget",
    ),
}

TUNED = "_tuned"
"""Ends the name of a law with the constants that its tuning chose."""


def _tuned() -> dict[str, Rival]:
    return {
        law + TUNED: Rival(
            law=law,
            text=f"{law} with {_said(constants)}: the best of its trials on the training scenarios",
            constants=constants,
        )
        for law, constants in tuning()["chosen"].items()
        # The published constants, or those of another rival, run already.
        if all(constants != each.constants for each in _PUBLISHED.values() if each.law == law)
    }


def _said(constants: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in constants.items())


RIVALS: Mapping[str, Rival] = {**_PUBLISHED, **_tuned()}
"""Every law as it is compared, by name; beside them the two ways to run none."""


def chosen_laws(text: str | None) -> tuple[str, ...]:
    """Laws named in a list such as "ladder,breaker"; all of them where nothing is said.

    Raises:
        InputError: a law we do not know, one named twice, or none at all.
    """
    if text is None:
        return tuple(RIVALS)
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    known = ", ".join(RIVALS)
    for name in names:
        if name not in RIVALS:
            raise InputError(f"unknown law {name!r}{nearest(name, RIVALS)}; known: {known}")
    if not names:
        raise InputError(f"found no law in {text!r}; known: {known}")
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise InputError(f"law {twice[0]!r} is named twice")
    return names


def rival(policy: Policy, name: str) -> Policy:
    """The policy a rival is run under.

    Args:
        policy: whose rules and modes it gets.
        name: a key of `RIVALS`.

    Raises:
        PolicyError: the policy cannot be used with this law.
    """
    own = RIVALS[name]
    return with_constants(policy, own.law, own.constants, name=name)


def with_constants(
    policy: Policy, law: str, constants: Mapping[str, float], *, name: str = ""
) -> Policy:
    """A policy under a law with constants of its own.

    Args:
        policy: whose rules and modes it gets.
        law: one of `balancer.core.policy.LAWS`.
        constants: those to replace, of `LadderSettings` for ladder and mildest.
        name: what errors call it; the law unless said.

    Raises:
        PolicyError: the policy cannot be used with this law.
    """
    try:
        if law == "breaker":
            policy = _with_fallback(policy)
        if not constants:
            return replace(policy, law=law)
        if law in {"ladder", "mildest"}:
            ladder = replace(policy.ladder, **constants)  # type: ignore[arg-type]
            return replace(policy, law=law, ladder=ladder)
        own = replace(getattr(policy.constants, law), **constants)
        return replace(policy, law=law, constants=replace(policy.constants, **{law: own}))
    except PolicyError as error:
        raise PolicyError(
            f"cannot run under the law {name or law}: {error}", where=f"policy {policy.name}"
        ) from None


def arms(policy: Policy, laws: Sequence[str]) -> dict[str, Policy]:
    """Policy of every law, and of none: the application's own clients."""
    return {law: rival(policy, law) for law in dict.fromkeys((*laws, NONE))}


def _with_fallback(policy: Policy) -> Policy:
    normal, soft, hard, emergency = policy.strategies
    sibling = policy.strategies[Mode.SOFT].models[0]
    if sibling in ("asked", *normal.models):
        return policy
    normal = replace(normal, fallback_models=(*normal.fallback_models, sibling))
    return replace(policy, strategies=(normal, soft, hard, emergency))
