"""What a policy file may say, key by key. `balancer.policy_file` makes a `Policy` of it.

Every key is optional: what is not said is taken from the default policy.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
)

from .alert_sentences import Condition, parse_action, parse_condition, parse_threshold
from .core.catalog import LEVEL_TOKENS
from .core.errors import nearest
from .core.modes import Mode
from .core.policy import SIGNALS
from .core.tiers import REQUEST_TIERS
from .names import Name
from .prices import ModelTable
from .units import Count, Factor, Number, Seconds, Share, Tokens, Usd, parse_cost, parse_tokens

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
    "ShedEntry",
    "StrategyEntry",
    "ThinkingSetting",
    "ThresholdEntry",
    "ThresholdsEntry",
    "ThresholdsOfMode",
    "ThrottleEntry",
    "TiersEntry",
    "parse_thinking",
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


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ThresholdsOfMode(_Entry):
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


class ThresholdsEntry(_Entry):
    """The thresholds table."""

    soft: ThresholdsOfMode = ThresholdsOfMode()
    hard: ThresholdsOfMode = ThresholdsOfMode()
    emergency: ThresholdsOfMode = ThresholdsOfMode()


class AlertEntry(_Entry):
    """An alert rule in sentences."""

    alert: str
    condition: Annotated[Condition, PlainValidator(parse_condition)]
    action: Annotated[Mode, PlainValidator(parse_action)]


class RuleEntry(_Entry):
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


class ShedEntry(_Entry):
    """Share of requests refused, by priority."""

    low: Share = 0.0
    normal: Share = 0.0
    high: Share = 0.0


def _known_tier(found: Any) -> str | None:
    if found is None or found in REQUEST_TIERS:
        return found  # type: ignore[no-any-return]
    hint = nearest(found, REQUEST_TIERS) if isinstance(found, str) else ""
    raise ValueError(f"found {found!r:.64}, expected one of {', '.join(REQUEST_TIERS)}{hint}")


ServiceTier = Annotated[str | None, PlainValidator(_known_tier)]


class TiersEntry(_Entry):
    """The service tier that calls ask for, by priority; null leaves what the caller set."""

    low: ServiceTier = None
    normal: ServiceTier = None
    high: ServiceTier = None


def parse_thinking(found: object) -> int | str | None:
    """A thinking setting: off, dynamic, a level, or a budget in tokens."""
    words = {"off": 0, "dynamic": -1}
    if found is None:
        return None
    if isinstance(found, str):
        if found.lower() in words:
            return words[found.lower()]
        if found.upper() in LEVEL_TOKENS:
            return found.upper()
    if found == -1:
        return -1
    try:
        return parse_tokens(found)
    except ValueError:
        known = (*words, *(level.lower() for level in LEVEL_TOKENS))
        raise ValueError(
            f"found {found!r:.64}, expected off, dynamic, a budget in tokens such as 1024, or a "
            f"level: {', '.join(LEVEL_TOKENS)}{nearest(str(found)[:64].lower(), known)}"
        ) from None


ThinkingSetting = Annotated[int | str | None, PlainValidator(parse_thinking)]
"""Tokens (0 off, -1 the model's choice), a level, or None: as the caller set it."""


class StrategyEntry(_Entry):
    """What a mode does to a call; null leaves what the caller set, and sheds nobody."""

    model: str | None = None
    """A model's name, or a word by what was asked: `asked`, `one cheaper` to `three cheaper`."""
    fallback_models: tuple[str, ...] = ()
    output_cap: Tokens | None = None
    thinking: ThinkingSetting = None
    instruction: str | None = None
    tools: bool = True
    history_turns: Count | None = None
    temperature: Number | None = None
    timeout: Seconds | None = None
    retries: Count | None = None
    service_tier: TiersEntry = TiersEntry()
    """A tier by priority, or one for all."""
    shed: ShedEntry = ShedEntry()
    static_fallback: str | None = None
    max_in_flight: Count | None = None
    max_starts_per_s: Positive | None = None

    @field_validator("fallback_models", "tools", "shed", mode="before")
    @classmethod
    def _cleared(cls, found: Any, info: ValidationInfo) -> Any:
        return cls.model_fields[str(info.field_name)].default if found is None else found

    @field_validator("service_tier", mode="before")
    @classmethod
    def _for_all(cls, found: Any) -> Any:
        if isinstance(found, dict | TiersEntry):
            return found
        tier = _known_tier(found)
        return TiersEntry(low=tier, normal=tier, high=tier)


class ModesEntry(_Entry):
    """Strategies; a mode starts from the default policy's, key by key."""

    normal: StrategyEntry = StrategyEntry()
    soft: StrategyEntry = StrategyEntry()
    hard: StrategyEntry = StrategyEntry()
    emergency: StrategyEntry = StrategyEntry()


class LadderEntry(_Entry):
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


class BreakerEntry(_Entry):
    """Constants of the breaker law, see `BreakerConstants`."""

    calls: Count | None = None
    bad_share: Share | None = None
    cooldown: Seconds | None = None


class ThresholdEntry(_Entry):
    """Constants of the threshold law, see `ThresholdConstants`."""

    hold: Seconds | None = None


class DimmerEntry(_Entry):
    """Constants of the dimmer law, see `DimmerConstants`."""

    quantile: Share | None = None
    window: Seconds | None = None
    pole: Number | None = None


class ThrottleEntry(_Entry):
    """Constants of the throttle law, see `ThrottleConstants`."""

    k: Number | None = None
    window: Seconds | None = None


class GradientEntry(_Entry):
    """Constants of the gradient law, see `GradientConstants`."""

    tolerance: Number | None = None
    least: Count | None = None
    most: Count | None = None


class ConstantsEntry(_Entry):
    """Constants of the rivals, by law."""

    breaker: BreakerEntry = BreakerEntry()
    threshold: ThresholdEntry = ThresholdEntry()
    dimmer: DimmerEntry = DimmerEntry()
    throttle: ThrottleEntry = ThrottleEntry()
    gradient: GradientEntry = GradientEntry()


class BudgetEntry(_Entry):
    """Hard limits over rolling windows."""

    per_minute: Usd | None = None
    per_hour: Usd | None = None
    per_day: Usd | None = None
    windows: dict[Seconds, Usd] = {}
    """Rolling windows of any other length."""


class BudgetsEntry(BudgetEntry):
    """Hard limits of everybody together, of single keys (tenants), and of the priority tier."""

    priority: BudgetEntry = BudgetEntry()
    """What may be spent on calls in the priority tier; beyond it they go as standard."""
    per_key: dict[str, BudgetEntry] = {}


class BaselineEntry(_Entry):
    """The healthy workload a policy is meant for: means a request, and P95 at rest."""

    workload: str
    requests_per_s: Positive
    prompt_tokens: Positive
    output_tokens: Positive
    thinking_tokens: Annotated[Number, Field(ge=0)] = 0.0
    latency_p95: Seconds | None = None
    model: str | None = None


class PolicyEntry(_Entry):
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
