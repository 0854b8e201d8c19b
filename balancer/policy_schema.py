"""What a policy file may say, key by key. `balancer.policy_file` makes a `Policy` of it.

Every key is optional: what is not said is taken from the default policy.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, field_validator

from .alert_sentences import Condition, parse_action, parse_condition, parse_threshold
from .core.errors import nearest
from .core.modes import Mode
from .core.policy import SIGNALS
from .names import Name
from .policy_strategy import Entry, StrategyEntry
from .prices import ModelTable
from .units import Count, Factor, Number, Seconds, Share, Tokens, Usd, parse_cost

__all__ = [
    "WINDOWS_S",
    "AlertEntry",
    "BaselineEntry",
    "BreakerEntry",
    "BudgetEntry",
    "BudgetsEntry",
    "ConstantsEntry",
    "DimmerEntry",
    "GradientEntry",
    "LadderEntry",
    "ModesEntry",
    "PolicyEntry",
    "RuleEntry",
    "StrategyEntry",
    "ThresholdEntry",
    "ThresholdsEntry",
    "ThresholdsOfMode",
    "ThrottleEntry",
]

WINDOWS_S = {"per_minute": 60.0, "per_hour": 3600.0, "per_day": 86_400.0}
"""Windows a budget may have, by key."""

Cost = Annotated[float, PlainValidator(parse_cost)]
Positive = Annotated[Number, Field(gt=0)]
BrownoutName = Literal["soft", "hard", "emergency"]


def _known_signal(name: str) -> str:
    if name not in SIGNALS:
        raise ValueError(
            f"found {name!r}, expected one of {', '.join(SIGNALS)}{nearest(name, SIGNALS)}"
        )
    return name


SignalName = Annotated[str, AfterValidator(_known_signal)]


class ThresholdsOfMode(Entry):
    """Entry thresholds of one mode."""

    latency_p50: Seconds | None = None
    latency_p95: Seconds | None = None
    latency_p99: Seconds | None = None
    ttft_p95: Seconds | None = None
    error_rate: Share | None = None
    token_cost_per_hour: Cost | None = None
    """Dollars, or a multiple of what the baseline costs at the prices of the day: x1.75."""
    tokens_per_minute: Tokens | None = None
    spend_10m: Cost | None = None
    queue_depth: Count | None = None
    memory: Share | None = None


class ThresholdsEntry(Entry):
    """The thresholds table."""

    soft: ThresholdsOfMode = ThresholdsOfMode()
    hard: ThresholdsOfMode = ThresholdsOfMode()
    emergency: ThresholdsOfMode = ThresholdsOfMode()


class AlertEntry(Entry):
    """An alert rule in sentences."""

    alert: str
    condition: Annotated[Condition, PlainValidator(parse_condition)]
    action: Annotated[Mode, PlainValidator(parse_action)]


class RuleEntry(Entry):
    """A rule spelled out."""

    name: str | None = None
    signal: SignalName
    above: float
    level: BrownoutName
    window: Seconds | None = None
    """None: 60 s; of `spend_10m` its ten minutes."""
    sustained: Seconds = 0.0
    jump: bool = False
    objective: Share | None = None
    short_window: Seconds | None = None

    @field_validator("above", mode="plain")
    @classmethod
    def _in_its_unit(cls, found: Any, info: ValidationInfo) -> float:
        signal = info.data.get("signal")
        return parse_threshold(signal, found) if signal else 1.0


class ModesEntry(Entry):
    """Strategies; a mode starts from the default policy's, key by key."""

    normal: StrategyEntry = StrategyEntry()
    soft: StrategyEntry = StrategyEntry()
    hard: StrategyEntry = StrategyEntry()
    emergency: StrategyEntry = StrategyEntry()


class LadderEntry(Entry):
    """Constants of the laws `ladder` and `mildest`, see `LadderSettings`."""

    min_samples: Count | None = None
    z: Number | None = None
    exit: Factor | None = None
    hold: Seconds | None = None
    settle: Seconds | None = None
    probe_samples: Count | None = None
    probe_share_min: Share | None = None
    probe_share_max: Share | None = None
    multiplier_max: Count | None = None
    probation: Seconds | None = None


class BreakerEntry(Entry):
    """Constants of the breaker law, see `BreakerConstants`."""

    calls: Count | None = None
    bad_share: Share | None = None
    cooldown: Seconds | None = None


class ThresholdEntry(Entry):
    """Constants of the threshold law, see `ThresholdConstants`."""

    hold: Seconds | None = None


class DimmerEntry(Entry):
    """Constants of the dimmer law, see `DimmerConstants`."""

    quantile: Share | None = None
    window: Seconds | None = None
    pole: Number | None = None


class ThrottleEntry(Entry):
    """Constants of the throttle law, see `ThrottleConstants`."""

    k: Number | None = None
    window: Seconds | None = None


class GradientEntry(Entry):
    """Constants of the gradient law, see `GradientConstants`."""

    tolerance: Number | None = None
    least: Count | None = None
    most: Count | None = None


class ConstantsEntry(Entry):
    """Constants of the rivals, by law."""

    breaker: BreakerEntry = BreakerEntry()
    threshold: ThresholdEntry = ThresholdEntry()
    dimmer: DimmerEntry = DimmerEntry()
    throttle: ThrottleEntry = ThrottleEntry()
    gradient: GradientEntry = GradientEntry()


class BudgetEntry(Entry):
    """Hard limits over rolling windows."""

    per_minute: Usd | None = None
    per_hour: Usd | None = None
    per_day: Usd | None = None
    windows: dict[Seconds, Usd] = Field(default_factory=dict)
    """Rolling windows of any other length."""


class BudgetsEntry(BudgetEntry):
    """Hard limits of everybody together, of single keys (tenants), and of the priority tier."""

    priority: BudgetEntry = BudgetEntry()
    """What may be spent on calls in the priority tier; beyond it they go as standard."""
    per_key: dict[str, BudgetEntry] = Field(default_factory=dict)


class BaselineEntry(Entry):
    """The healthy workload a policy is meant for: means a request, and P95 at rest."""

    workload: str
    requests_per_s: Positive
    prompt_tokens: Positive
    output_tokens: Positive
    thinking_tokens: Annotated[Number, Field(ge=0)] = 0.0
    latency_p95: Seconds | None = None
    model: str | None = None


class PolicyEntry(Entry):
    """A policy file."""

    name: Name | None = None
    law: str | None = None
    tick: Seconds | None = None
    thresholds: ThresholdsEntry = ThresholdsEntry()
    alerts: tuple[AlertEntry, ...] = ()
    rules: tuple[RuleEntry, ...] = ()
    modes: ModesEntry = ModesEntry()
    ladder: LadderEntry = LadderEntry()
    constants: ConstantsEntry = ConstantsEntry()
    budget: BudgetsEntry | None = None
    baseline: BaselineEntry | None = None
    prices: str | ModelTable | None = None
