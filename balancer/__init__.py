"""open-Balancer keeps Gemini-powered applications answering, fast and inside budget.

A `Controller` takes `Observations` once a tick and gives a `Decision`; every request takes
its `plan` from it. What changes mode, and what each mode does to a call, is a `Policy`.

Importing this package imports nothing but the standard library; reading policy files needs
pydantic and ruamel.yaml, which are imported by the first call that reads one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    Observations,
    Override,
    merge_replicas,
    merge_ticks,
)
from .core.policy import Baseline, BudgetLimit, LadderSettings, Policy, Rule, Strategy
from .version import VERSION

if TYPE_CHECKING:
    from .policy_file import default_policy, load_policy, parse_policy, show_policy
    from .prices import default_catalog, load_prices

__all__ = [
    "Alert",
    "BalancerError",
    "Baseline",
    "BudgetLimit",
    "Catalog",
    "ClockError",
    "Controller",
    "Decision",
    "Histogram",
    "InputError",
    "JournalError",
    "LadderSettings",
    "Limits",
    "MisuseError",
    "Mode",
    "ModeObservations",
    "ModelCard",
    "Observations",
    "Override",
    "Plan",
    "Policy",
    "PolicyError",
    "Priority",
    "Reason",
    "Rule",
    "ScenarioError",
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

_READS_FILES = {
    "default_catalog": "prices",
    "default_policy": "policy_file",
    "load_policy": "policy_file",
    "load_prices": "prices",
    "parse_policy": "policy_file",
    "show_policy": "policy_file",
}


def __getattr__(name: str) -> Any:
    if name in _READS_FILES:
        return getattr(import_module(f".{_READS_FILES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
