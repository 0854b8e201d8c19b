"""Warnings at the start of a command: what is allowed in a policy but probably not wanted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from scenarios.schema import Scenario

    from ..core.policy import Policy

__all__ = ["policy_given", "warn", "warn_of", "warn_of_check", "warn_of_traffic"]

_DOLLARS = ("token_cost_per_hour", "spend_10m")
_OTHER = 3.0
"""Times as much, or as little, that make other traffic of it."""


def warn(text: str) -> None:
    """A warning, where it does not mix with results."""
    typer.echo(f"warning: {text}", err=True)


def policy_given(path: Path, *, quiet: bool = False) -> Policy:
    """A policy file, with a warning for each duration in it that has no unit.

    Raises:
        PolicyError: see `load_policy`.
    """
    from ..policy_file import load_policy

    return load_policy(path, tell=_nothing if quiet else warn)


def warn_of(policies: Iterable[Policy]) -> None:
    """What is doubtful in policies, each named once."""
    from ..core.doubts import doubts

    for name, text in dict.fromkeys((p.name, text) for p in policies for text in doubts(p)):
        warn(f"policy {name}: {text}")


def warn_of_check(policy: Policy, file: str) -> None:
    """What `policy check` says of a policy that was written to a file."""
    from ..runtime.ahead import doubts_from
    from ..runtime.ends import ends
    from .models import read_day

    today = read_day(None)
    for text in (*(end.text for end in ends(policy, policy.catalog, today)),
                 *doubts_from(policy, today)):  # fmt: skip
        warn(f"{file}: {text}")


def warn_of_traffic(pairs: Iterable[tuple[Policy, Scenario]]) -> None:
    """Policies whose thresholds on spending are made for other traffic than a scenario's.

    A line each, which names the first of such scenarios. Multiples of the baseline's cost are told
    of only where traffic is more than the baseline's: there they act though nothing is wrong. Those
    of the default's baseline are not, for nobody measured that as theirs.
    """
    from ..policy_file import default_policy

    found: dict[tuple[str, str], dict[str, float]] = {}
    for policy, scenario in pairs:
        if policy.baseline is None:
            continue
        made_for, rate = policy.baseline.requests_per_s, _requests_per_s(scenario)
        rules = [rule for rule in policy.rules if rule.signal in _DOLLARS]
        multiples = all(rule.at_rest is not None for rule in rules)
        more = rate > _OTHER * made_for and policy.baseline != default_policy().baseline
        other = max(rate, made_for) > _OTHER * min(rate, made_for)
        if rules and (more if multiples else other):
            what = "on spending, multiples of the baseline's," if multiples else "in dollars"
            key = (f"policy {policy.name} is for {made_for:g} requests/s", what)
            found.setdefault(key, {})[scenario.scenario] = rate
    for (begin, what), rates in found.items():
        name, rate = next(iter(rates.items()))
        among = f" (one of {len(rates)} such)" if len(rates) > 1 else ""
        warn(f"{begin}, scenario {name} has {rate:.3g}{among}: its thresholds {what} may not fit")


def _requests_per_s(scenario: Scenario) -> float:
    """Of all its classes, before its pattern changes it."""
    own = (each.arrivals.rate for each in scenario.workload.classes if each.arrivals is not None)
    return scenario.workload.arrivals.rate + sum(own)


def _nothing(_text: str) -> None:
    pass
