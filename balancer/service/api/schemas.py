"""What the API takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    model_validator,
)

from ...core.modes import Mode
from .examples import (
    ANSWER,
    BROWNOUT_STATUS,
    CHATS,
    HISTORY_PAGES,
    ORDER_FORMS,
    ORDER_TAKEN,
    ORDERS,
    POLICY_CHANGE_FORMS,
    POLICY_CHANGED,
    POLICY_CHANGES,
    POLICY_STATUS,
    POLICY_VERSION,
    PROMPTS,
    WEBHOOK_READINESS,
    WEBHOOK_VERDICT,
    with_examples,
)
from .integration_schemas import IntegrationHealth, PolledReading

__all__ = [
    "Answer",
    "BrownoutStatus",
    "Chat",
    "ChatTurn",
    "HistoryPage",
    "Order",
    "OrderTaken",
    "OverrideStatus",
    "PolicyChange",
    "PolicyChanged",
    "PolicyStatus",
    "PolicyVersion",
    "Prompt",
    "Refused",
    "WebhookReadiness",
    "WebhookVerdict",
    "mode_name",
]

ModeName = Literal["normal", "soft", "hard", "emergency"]
PriorityName = Literal["low", "normal", "high"]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"\S")
]
_NAMES: dict[Mode, ModeName] = {
    Mode.NORMAL: "normal",
    Mode.SOFT: "soft",
    Mode.HARD: "hard",
    Mode.EMERGENCY: "emergency",
}
ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$")]


def mode_name(mode: Mode) -> ModeName:
    """The name of a mode."""
    return _NAMES[mode]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Order(_Given):
    """An operator's order: hold a mode, stop holding one, or use the kill switch."""

    model_config = with_examples(*ORDERS, one_of=ORDER_FORMS)

    mode: ModeName | Literal["auto"] | None = Field(
        default=None, description="The mode to hold; auto gives it back to the controller"
    )
    bypass: StrictBool | None = Field(
        default=None, description="The kill switch: true lets all calls go through unchanged"
    )
    reason: Reason
    duration: str | None = Field(
        default=None,
        max_length=20,
        description="How long a mode is held, such as 90s, 15m or 2h; at most 24h",
    )
    until: datetime | None = Field(
        default=None, description="Or until when, with a time zone, at most 24 hours from now"
    )

    @model_validator(mode="after")
    def _one_thing(self) -> Order:
        if (self.mode is None) == (self.bypass is None):
            raise ValueError("give mode or bypass, one of both")
        ends = (self.duration is not None) + (self.until is not None)
        holds = self.mode not in (None, "auto")
        if holds and ends != 1:
            raise ValueError(
                "a mode is held until some end: give duration, such as 15m, or until, one of both"
            )
        if not holds and ends:
            raise ValueError("duration and until go with a mode that is to be held")
        if self.until is not None and self.until.tzinfo is None:
            raise ValueError("until has no time zone; write it as 2026-01-31T12:00:00Z")
        return self


class PolicyChange(_Given):
    """A new policy, or an older version of it."""

    model_config = with_examples(*POLICY_CHANGES, one_of=POLICY_CHANGE_FORMS)

    policy: str | dict[str, Any] | None = Field(
        default=None, description="A policy file's text, or the same as an object"
    )
    version: Annotated[StrictInt, Field(ge=1, le=2**31 - 1)] | None = Field(
        default=None, description="The version to bring back"
    )
    reason: Reason
    if_version: StrictInt | None = Field(
        default=None, description="Change it only if this version is in force"
    )

    @model_validator(mode="after")
    def _one_thing(self) -> PolicyChange:
        if (self.policy is None) == (self.version is None):
            raise ValueError("give policy or version, one of both")
        return self


class PolicyStatus(BaseModel):
    """The policy in force."""

    model_config = with_examples(POLICY_STATUS)

    name: str
    law: str
    version: int | None = Field(description="null: the history could not be written")
    since: datetime
    origin: str
    text: str = Field(description="As YAML, complete")
    warnings: list[str]
    misfits: list[str] = Field(
        description="Thresholds that healthy traffic crosses, once an hour of it says so"
    )
    file_problem: str = Field(description="What is wrong with the policy file; empty: nothing")


class PolicyChanged(BaseModel):
    """What came of a change of policy."""

    model_config = with_examples(POLICY_CHANGED)

    version: int | None
    recorded: bool = Field(description="false: in force, but the history could not be written")
    dry_run: bool
    name: str
    warnings: list[str]
    kept: str = Field(description="What the controller kept of its state")


class OverrideStatus(BaseModel):
    """An operator's order that holds."""

    mode: ModeName
    until: datetime | None
    reason: str


class OrderTaken(BaseModel):
    """What an order brings about, and from when."""

    model_config = with_examples(ORDER_TAKEN)

    mode: ModeName | Literal["auto"] | None = Field(
        description="That will hold; auto: what the controller decides; null: the order was none"
    )
    from_: datetime | None = Field(
        alias="from", description="When it begins to hold; null: the clock has no calendar"
    )
    until: datetime | None = Field(description="When it ceases to; null: no end was given")
    reason: str
    bypass: str = Field(
        description="Reason of the kill switch, under which no mode is applied; empty: it is off"
    )
    enforced: bool = Field(description="Whether plans are applied now")
    shadow: bool = Field(description="Whether modes are journalled only, and no call is changed")


class FleetPeer(BaseModel):
    """A replica of the fleet, as the log last showed it."""

    replica: str = Field(description="Its name")
    tick: int = Field(description="Of the last decision of the fleet that it had a part in")
    policy: str = Field(description="Release and fingerprint of its policy then")


class FleetStatus(BaseModel):
    """How this replica stands in its fleet."""

    place: Literal["leader", "follower", "alone"] = Field(
        description="alone: it decides by itself, because the fleet's decisions do not come"
    )
    replica: str = Field(description="Its name")
    leader: str = Field(description="Name of who leads; empty: nobody, or this replica is alone")
    tick: int = Field(description="Of the last decision of the fleet; -1: there was none yet")
    replicas: int = Field(description="How many took part in it")
    seen: list[FleetPeer] = Field(
        description="Replicas that had a part in a decision of the last 60 ticks, by name"
    )
    policy: str = Field(description="Release and fingerprint of this replica's policy")
    holds: str = Field(description="The same of the leader's")
    differ: list[str] = Field(description="Replicas that decide by another policy or release")
    changes: int = Field(description="Changes of the policy that the fleet's log had")
    leased: bool = Field(description="Whether a hard budget is leased from the store")
    problem: str = Field(description="What is wrong with the store or the log; empty: nothing")


class BrownoutStatus(BaseModel):
    """How the application is served."""

    model_config = with_examples(BROWNOUT_STATUS)

    mode: ModeName
    mode_number: int
    tick: int | None
    enforced: bool = Field(description="Whether plans are applied")
    shadow: bool
    bypass: str = Field(description="Reason of the kill switch; empty: it is off")
    override: OverrideStatus | None
    reasons: list[str]
    mix: dict[str, float] = Field(description="Share of the admitted requests by mode")
    admit: dict[str, float] = Field(description="Probability of admission by priority")
    in_flight: int
    waiting: int
    reserved_usd: float
    problems: dict[str, str] = Field(description="What is broken: calls go through unchanged")
    history: str = Field(description="What is wrong with the history; empty: nothing")
    integrations: dict[str, IntegrationHealth] = Field(description="As in /readyz")
    polled: list[PolledReading] = Field(description="Signals that Datadog was asked for")
    policy: PolicyStatus
    fleet: FleetStatus | None = Field(default=None, description="null: this process is by itself")


class Prompt(_Given):
    """A prompt to try a model with."""

    model_config = with_examples(*PROMPTS)

    prompt: Annotated[str, StringConstraints(min_length=1)]
    model: ModelName | None = Field(default=None, description="The plan's goes before it")
    priority: PriorityName = "normal"


class ChatTurn(_Given):
    """One turn of a conversation."""

    role: Literal["user", "model", "assistant"] = "user"
    content: Annotated[str, StringConstraints(min_length=1)]


class Chat(_Given):
    """A conversation to be continued."""

    model_config = with_examples(*CHATS)

    messages: Annotated[list[ChatTurn], Field(min_length=1, max_length=500)]
    system: str | None = None
    model: ModelName | None = None
    priority: PriorityName = "normal"

    @model_validator(mode="after")
    def _asks(self) -> Chat:
        if self.messages[-1].role != "user":
            raise ValueError("the last message is the model's; expected the user's")
        return self


class Answer(BaseModel):
    """A model's answer, and how it was made."""

    model_config = with_examples(ANSWER)

    text: str
    model: str | None = Field(description="As the upstream names it")
    mode: ModeName
    fallback: bool = Field(description="The policy's static answer: no model gave it")
    finish_reason: str
    latency_s: float
    usage: dict[str, int] = Field(description="Tokens")


class HistoryPage(BaseModel):
    """A part of the history, the newest first."""

    model_config = with_examples(*HISTORY_PAGES)

    entries: list[dict[str, Any]]
    before: int | None = Field(description="Ask for what is older with ?before=; null: no more")


class PolicyVersion(BaseModel):
    """A policy that came into force, complete."""

    model_config = with_examples(POLICY_VERSION)

    id: int
    at: datetime
    origin: str = Field(description="start, file or api")
    name: str
    text: str = Field(description="As YAML, complete")
    reason: str
    restores: int | None = Field(description="The version that it brings back")


class WebhookReadiness(BaseModel):
    """Whether deliveries of Datadog's webhook are taken."""

    model_config = with_examples(WEBHOOK_READINESS)

    status: Literal["ok", "no secret"]


class WebhookVerdict(BaseModel):
    """What became of a delivery."""

    model_config = with_examples(WEBHOOK_VERDICT)

    verdict: Literal["accepted", "noted", "duplicate", "stale"]
    detail: str


class RefusedError(BaseModel):
    """Why."""

    code: int
    message: str
    status: str
    where: str | None = None


class Refused(BaseModel):
    """A refusal; nothing was changed."""

    error: RefusedError
