"""What a worse mode may remedy: which troubles are load, and which modes may answer for another."""

from __future__ import annotations

from ..modes import Mode
from ..policy import Policy
from ..routes import resolve
from ..signals import ERRORS, QUANTILES, Bound
from ..strategy import ROUTES

__all__ = ["differs", "is_load"]

LOAD = 1.25
"""Slow answers count as load when more requests come than the baseline's times this."""


def is_load(policy: Policy, bound: Bound, per_s: float) -> bool:
    """Whether shedding answers a broken rule: load and cost, never upstream errors.

    Nor refusals by quota: so many are answered as it allows, whoever else is sent away. Slow
    answers are load where more requests come than the policy was meant for.

    Args:
        policy: whose baseline is the usual load.
        bound: the rule that is broken.
        per_s: requests a second.
    """
    if bound.rule.signal in ERRORS:
        return False
    if bound.rule.signal not in QUANTILES or policy.baseline is None:
        return True
    return per_s > LOAD * policy.baseline.requests_per_s


def differs(policy: Policy, mode: Mode, other: Mode) -> bool:
    """Whether another mode may answer where requests of a mode fail.

    A failed request has asked every model of the chain; a mode that asks the same ones, in another
    order, would fare no better.
    """
    return bool(_models(policy, other) - _models(policy, mode))


def _models(policy: Policy, mode: Mode) -> frozenset[str]:
    """Models of a mode, for a caller of the usual one."""
    strategy = policy.strategies[mode]
    if policy.usual_model:
        return frozenset(resolve(strategy, policy.usual_model, policy.catalog))
    # Steps of any length may lead to the same model.
    return frozenset("cheaper" if ROUTES.get(name, 0) > 0 else name for name in strategy.models)
