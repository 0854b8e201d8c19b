"""The laws that are compared, each as those run it who use it today.

Every law gets the policy's rules, modes, budgets and models; what a law has no use for, it
leaves unused. Constants are the laws' published ones (`balancer.core.laws`). One law needs
more than its name: a circuit breaker with model fallback, as a router runs it, calls the
sibling model inside the request whenever a call fails, and not only while it is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from balancer.core.errors import InputError, PolicyError, nearest
from balancer.core.modes import Mode
from balancer.core.policy import Policy

from .run import NONE, STATIC

__all__ = ["RIVALS", "arms", "chosen_laws", "rival"]

RIVALS: Mapping[str, str] = {
    "ladder": "the policy as it is",
    "mildest": (
        "the policy as it is, under the mildest rung that holds: left by a sequential test on what "
        "users feel, entered again by another, and left again when it is no better"
    ),
    "threshold": (
        "the policy's rules, each mode for as long as its rule is true: no margin, no hold"
    ),
    "dimmer": (
        "normal and soft blended; once a second the blend follows the largest latency of five "
        "seconds, with the policy's lowest latency threshold as the setpoint and the pole at 0.9"
    ),
    "throttle": (
        "normal only; refuses locally what two minutes of accepted calls, K = 2 times, do not cover"
    ),
    "gradient": (
        "normal only; a limit of 20 to 200 calls in flight follows latency as Gradient2 does, and "
        "refuses what is beyond it"
    ),
    "breaker": (
        "normal, with soft's model as the fallback inside a failing request; when half of 100 "
        "calls fail or are slow, soft for 60 s, then a trial of ten calls"
    ),
    "alerts": (
        "normal, unless an alert asks for more: the policy's rules as a monitoring service "
        "evaluates them from outside, once a minute, told by webhook"
    ),
    "always_soft": "soft for ever: the cheap model always, and no controller",
    "always_hard": "hard for ever, and no controller",
    STATIC: (
        "normal for ever, with its retries, fallback model and budgets, and no controller: what a "
        "router gives"
    ),
    NONE: "the application's own clients: their model and retries, no controller and no budget",
}
"""Every law, and with what it is run; beside them the two ways to run none."""


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


def rival(policy: Policy, law: str) -> Policy:
    """The policy a law is run under.

    Raises:
        PolicyError: the policy cannot be used with this law.
    """
    try:
        if law == "breaker":
            policy = _with_fallback(policy)
        return replace(policy, law="none" if law == STATIC else law)
    except PolicyError as error:
        raise PolicyError(
            f"cannot run under the law {law}: {error}", where=f"policy {policy.name}"
        ) from None


def arms(policy: Policy, laws: Sequence[str]) -> dict[str, Policy]:
    """Policy of every law, and of none: the application's own clients."""
    return {law: rival(policy, law) for law in dict.fromkeys((*laws, NONE))}


def _with_fallback(policy: Policy) -> Policy:
    normal, soft, hard, emergency = policy.strategies
    sibling = policy.strategies[Mode.SOFT].model
    if sibling is None or sibling in (normal.model, *normal.fallback_models):
        return policy
    normal = replace(normal, fallback_models=(*normal.fallback_models, sibling))
    return replace(policy, strategies=(normal, soft, hard, emergency))
