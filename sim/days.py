"""A scenario and a policy as of the scenario's day: its prices, and which models have ended."""

from __future__ import annotations

from balancer.core.catalog import Catalog
from balancer.core.policy import Policy
from scenarios.schema import Scenario, UpstreamFault

__all__ = ["of_its_day", "served_names"]


def of_its_day(scenario: Scenario, policy: Policy) -> tuple[Scenario, Policy]:
    """What is simulated on the day a scenario names; without one, on that of the policy's models.

    The day holds for the whole run. A fault of a model that has ended strikes what serves it.

    Raises:
        PolicyError: prices or models of that day do not make a policy of it.
    """
    if scenario.date is not None:
        policy = policy.on(scenario.date.isoformat())
    struck = [
        fault.model_copy(update={"model": served_names((fault.model,), policy.catalog)[0]})
        if isinstance(fault, UpstreamFault) and fault.model is not None
        else fault
        for fault in scenario.faults
    ]
    return scenario.model_copy(update={"faults": tuple(struck)}), policy


def served_names(names: tuple[str, ...], catalog: Catalog) -> tuple[str, ...]:
    """Models that answer to some names, each under its own, in order and once."""
    cards = [(name, catalog.own(name)) for name in names]
    return tuple(
        dict.fromkeys(name if card is None else catalog.serving(card).name for name, card in cards)
    )
