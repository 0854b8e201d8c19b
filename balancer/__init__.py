"""open-Balancer keeps Gemini-powered applications answering, fast and inside budget.

A `Controller` takes `Observations` once a tick and gives a `Decision`; every request takes
its `plan` from it. What changes mode, and what each mode does to a call, is a `Policy`.

Importing this package imports next to nothing: each name brings its module when it is first
used. The controller's need only the standard library; reading policy files needs pydantic
and ruamel.yaml.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import VERSION

if TYPE_CHECKING:
    from .core.catalog import Catalog, ModelCard
    from .core.controller import Controller
    from .core.decisions import Decision, Limits, Plan, Reason, plan
    from .core.errors import (
        BalancerError,
        ClockError,
        InputError,
        JournalError,
        MisuseError,
        PolicyError,
        ScenarioError,
        TraceError,
    )
    from .core.histogram import Histogram
    from .core.modes import Mode, Priority
    from .core.observations import (
        Alert,
        ModeObservations,
        ModeRequests,
        Observations,
        Override,
        merge_replicas,
        merge_ticks,
    )
    from .core.policy import Baseline, BudgetLimit, LadderSettings, Policy, Rule, Strategy
    from .policy_file import default_policy, load_policy, parse_policy, show_policy
    from .prices import default_catalog, load_prices
    from .runtime.attempts import Attempt
    from .runtime.balancer import Balancer
    from .runtime.calls import Asked, CallRecord, CallSettings, Outcome
    from .runtime.clock import Clock, ManualClock
    from .runtime.journal import JournalFiles
    from .runtime.ledger import Ledger
    from .runtime.requests import Request
    from .runtime.status import Status

__all__ = [
    "Alert",
    "Asked",
    "Attempt",
    "Balancer",
    "BalancerError",
    "Baseline",
    "BudgetLimit",
    "CallRecord",
    "CallSettings",
    "Catalog",
    "Clock",
    "ClockError",
    "Controller",
    "Decision",
    "Histogram",
    "InputError",
    "JournalError",
    "JournalFiles",
    "LadderSettings",
    "Ledger",
    "Limits",
    "ManualClock",
    "MisuseError",
    "Mode",
    "ModeObservations",
    "ModeRequests",
    "ModelCard",
    "Observations",
    "Outcome",
    "Override",
    "Plan",
    "Policy",
    "PolicyError",
    "Priority",
    "Reason",
    "Request",
    "Rule",
    "ScenarioError",
    "Status",
    "Strategy",
    "TraceError",
    "__version__",
    "default_catalog",
    "default_policy",
    "load_policy",
    "load_prices",
    "merge_replicas",
    "merge_ticks",
    "parse_policy",
    "plan",
    "show_policy",
]

__version__ = VERSION

_HOMES = {
    "Alert": "core.observations",
    "Asked": "runtime.calls",
    "Attempt": "runtime.attempts",
    "Balancer": "runtime.balancer",
    "BalancerError": "core.errors",
    "Baseline": "core.policy",
    "BudgetLimit": "core.policy",
    "CallRecord": "runtime.calls",
    "CallSettings": "runtime.calls",
    "Catalog": "core.catalog",
    "Clock": "runtime.clock",
    "ClockError": "core.errors",
    "Controller": "core.controller",
    "Decision": "core.decisions",
    "Histogram": "core.histogram",
    "InputError": "core.errors",
    "JournalError": "core.errors",
    "JournalFiles": "runtime.journal",
    "LadderSettings": "core.policy",
    "Ledger": "runtime.ledger",
    "Limits": "core.decisions",
    "ManualClock": "runtime.clock",
    "MisuseError": "core.errors",
    "Mode": "core.modes",
    "ModeObservations": "core.observations",
    "ModeRequests": "core.observations",
    "ModelCard": "core.catalog",
    "Observations": "core.observations",
    "Outcome": "runtime.calls",
    "Override": "core.observations",
    "Plan": "core.decisions",
    "Policy": "core.policy",
    "PolicyError": "core.errors",
    "Priority": "core.modes",
    "Reason": "core.decisions",
    "Request": "runtime.requests",
    "Rule": "core.policy",
    "ScenarioError": "core.errors",
    "Status": "runtime.status",
    "Strategy": "core.policy",
    "TraceError": "core.errors",
    "default_catalog": "prices",
    "default_policy": "policy_file",
    "load_policy": "policy_file",
    "load_prices": "prices",
    "merge_replicas": "core.observations",
    "merge_ticks": "core.observations",
    "parse_policy": "policy_file",
    "plan": "core.decisions",
    "show_policy": "policy_file",
}
"""Module of each public name."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    # Once found, a name is as quick as any other.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
