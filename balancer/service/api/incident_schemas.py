"""What the API says of incidents, with examples for its OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field
from pydantic.config import JsonDict, JsonValue

from .examples import with_examples
from .schemas import ModeName

__all__ = [
    "BudgetShare",
    "Cost",
    "CrossingShown",
    "Escalation",
    "IncidentDetail",
    "IncidentPage",
    "IncidentShown",
    "IncidentSummary",
    "JournalShare",
    "ModeSpan",
    "OrderShown",
    "PhaseShown",
    "TimelineEntry",
    "Told",
]

_INCIDENT: JsonDict = {
    "id": 7,
    "key": "3f9a1c02-20260131T120230Z-84210",
    "title": "hard brownout",
    "open": False,
    "mode": "normal",
    "worst": "hard",
    "cause": "controller",
    "reason": "hard: latency_p95: 12 of 31 above 5.02 s, 5.0% allowed",
    "shadow": False,
    "began_at": "2026-01-31T12:01:10Z",
    "opened_at": "2026-01-31T12:02:30Z",
    "closed_at": "2026-01-31T12:14:02Z",
    "duration_s": 772.0,
    "changes": 3,
    "ended": "normal is back",
}
_TIMELINE: list[JsonValue] = [
    {
        "at": "2026-01-31T12:01:10Z",
        "kind": "mode",
        "text": "normal to soft: soft: latency_p95: 9 of 22 above 2 s, 5.0% allowed",
        "mode": "soft",
    },
    {
        "at": "2026-01-31T12:02:30Z",
        "kind": "mode",
        "text": "soft to hard: hard: latency_p95: 12 of 31 above 5.02 s, 5.0% allowed",
        "mode": "hard",
    },
    {
        "at": "2026-01-31T12:14:02Z",
        "kind": "mode",
        "text": "soft to normal: normal: probe passed; latency_p95: 0 of 92 above 2 s",
        "mode": "normal",
    },
]
_PHASE: JsonDict = {
    "seconds": 772.0,
    "offered": {"low": 900, "normal": 2100, "high": 400},
    "admitted": {"low": 610, "normal": 2100, "high": 400},
    "shed": {"low": 290, "normal": 0, "high": 0},
    "static_fallbacks": 0,
    "attempts": 3240,
    "answers": 3055,
    "availability": 0.8985,
    "errors": {"overloaded": 150, "timeout": 35},
    "error_rate": 0.0571,
    "latency_p50_s": 1.9,
    "latency_p95_s": 4.8,
    "cost_usd": 1.21,
    "cost_per_hour_usd": 5.64,
}
_SUMMARY: JsonDict = {
    "incident": _INCIDENT,
    "signals": [
        {
            "rule": "hard latency_p95",
            "first_at": "2026-01-31T12:02:30Z",
            "times": 1,
            "value": 6.2,
            "threshold": 5.02,
            "text": "hard: latency_p95: 12 of 31 above 5.02 s, 5.0% allowed",
        }
    ],
    "modes": [
        {
            "mode": "soft",
            "since": "2026-01-31T12:01:10Z",
            "until": "2026-01-31T12:02:30Z",
            "reasons": ["soft: latency_p95: 9 of 22 above 2 s, 5.0% allowed"],
        }
    ],
    "before": {**_PHASE, "seconds": 600.0, "latency_p95_s": 1.6},
    "during": _PHASE,
    "after": {**_PHASE, "seconds": 600.0, "latency_p95_s": 1.7},
    "cost": {"usd": 1.21, "per_hour_usd": 5.64, "saved_usd": 0.48, "saved_basis": "an estimate: …"},
    "budgets": [{"window_s": 86400.0, "key": None, "limit_usd": 50.0, "share": 0.0242}],
    "orders": [],
    "alerts": 0,
    "escalation": {
        "told": [
            {
                "at": "2026-01-31T12:02:30Z",
                "channel": "slack hooks.slack.com #3fa9",
                "level": "warning",
                "title": "shop: incident, hard brownout (was soft)",
                "told_at": "2026-01-31T12:02:31Z",
                "problem": "",
            }
        ],
        "again": [
            {
                "at": "2026-01-31T12:17:30Z",
                "text": "nobody had taken it up for 15m: json pager.example.org #c07e",
            }
        ],
        "datadog": None,
        "acknowledged_by": "otto",
        "acknowledged_at": "2026-01-31T12:19:10Z",
    },
    "trace": "6c9d1f0a5e3b47c2a8d4e6f09b1c2d3e",
    "journal": {"complete": True, "episode_s": 772.0, "known_s": 772.0, "notes": []},
}


class IncidentShown(BaseModel):
    """An episode of hard or emergency brownout."""

    model_config = with_examples(_INCIDENT)

    id: int
    key: str = Field(description="Names the episode, in Datadog and notifications too")
    title: str
    open: bool
    mode: ModeName = Field(description="That the application is in")
    worst: ModeName
    cause: Literal["controller", "alert", "override"] = Field(
        description="Who wanted the mode that opened it"
    )
    reason: str
    shadow: bool = Field(description="Decided and journalled only: calls were not changed")
    began_at: datetime = Field(description="Normal was left")
    opened_at: datetime = Field(description="Hard was reached")
    closed_at: datetime | None = Field(description="Normal was back; null: it goes on")
    duration_s: float = Field(description="Since normal was left, until it was back or now")
    changes: int = Field(description="Of mode since it was opened")
    ended: str = Field(description="How it ended; empty: it goes on")


class IncidentPage(BaseModel):
    """Incidents, the newest first."""

    model_config = with_examples({"incidents": [_INCIDENT], "before": None})

    incidents: list[IncidentShown]
    before: int | None = Field(description="Ask for what is older with ?before=; null: no more")


class TimelineEntry(BaseModel):
    """Something that happened in the time of an incident."""

    at: datetime
    kind: Literal["mode", "order", "policy", "alert", "opened", "closed"]
    text: str
    mode: ModeName | None = None


class IncidentDetail(IncidentShown):
    """An incident with what happened in its time, in order."""

    model_config = with_examples({**_INCIDENT, "timeline": _TIMELINE, "left_out": 0, "notes": []})

    timeline: list[TimelineEntry]
    left_out: int = Field(description="Entries beyond the limit; the earliest are shown")
    notes: list[str] = Field(description="What is not known, and why")


class CrossingShown(BaseModel):
    """A rule that was broken and led to a mode."""

    rule: str
    first_at: datetime
    times: int
    value: float | None = Field(description="At worst, in the signal's unit")
    threshold: float | None
    text: str


class ModeSpan(BaseModel):
    """A mode that was passed through."""

    mode: ModeName
    since: datetime
    until: datetime | None = Field(description="null: it goes on")
    reasons: list[str]


class PhaseShown(BaseModel):
    """What was served in a stretch of time, added up from the journal."""

    seconds: float = Field(description="That the journal has of it; scenario seconds")
    offered: dict[str, int] = Field(description="Requests by priority")
    admitted: dict[str, int]
    shed: dict[str, int]
    static_fallbacks: int
    attempts: int
    answers: int = Field(description="Complete ones of a model")
    availability: float | None = Field(description="Answers over requests offered")
    errors: dict[str, int] = Field(description="Failed attempts by kind")
    error_rate: float | None = Field(description="Failed attempts over finished ones")
    latency_p50_s: float | None
    latency_p95_s: float | None
    cost_usd: float
    cost_per_hour_usd: float | None


class Cost(BaseModel):
    """Money, as estimated from usage and prices."""

    usd: float
    per_hour_usd: float | None
    saved_usd: float | None = Field(description="An estimate; null: nothing to compare with")
    saved_basis: str


class BudgetShare(BaseModel):
    """A hard limit, and what of it the episode took."""

    window_s: float
    key: str | None
    limit_usd: float
    share: float | None = Field(
        description="Of the limit, spent during the episode (of each window, where it is longer "
        "than one); null for a tenant's"
    )


class OrderShown(BaseModel):
    """An operator's order."""

    at: datetime
    kind: str = Field(description="override, clear, bypass or resume")
    mode: ModeName | None
    until: datetime | None
    reason: str


class JournalShare(BaseModel):
    """How much of the episode the journal still has."""

    complete: bool
    episode_s: float
    known_s: float
    notes: list[str] = Field(description="What is not known, and why")


class Told(BaseModel):
    """A message about the incident to people, and whether it got there."""

    at: datetime = Field(description="When that happened which it is about")
    channel: str = Field(description="Its name; its address is a secret")
    level: str
    title: str
    told_at: datetime | None = Field(description="When the channel took it; null: it was given up")
    problem: str = Field(description="Why it was given up; empty: it was not")


class ToldAgain(BaseModel):
    """A step of the escalation, told because nobody had taken the incident up."""

    at: datetime
    text: str = Field(description="How long nobody had, and which channels are told")


class Escalation(BaseModel):
    """Who was told of the incident, and who took it up."""

    told: list[Told]
    again: list[ToldAgain] = Field(description="Steps that were told as nobody had taken it up")
    datadog: str | None = Field(description="Datadog's id of it; null: it has none that is known")
    acknowledged_by: str | None = Field(description="null: nobody has taken it up")
    acknowledged_at: datetime | None


class IncidentSummary(BaseModel):
    """A post-incident summary, drawn from the journal."""

    model_config = with_examples(_SUMMARY)

    incident: IncidentShown
    signals: list[CrossingShown]
    modes: list[ModeSpan]
    before: PhaseShown | None = Field(description="Ten minutes; null: the journal has none of it")
    during: PhaseShown | None = Field(description="From leaving normal to being back")
    after: PhaseShown | None
    cost: Cost | None
    budgets: list[BudgetShare]
    orders: list[OrderShown]
    alerts: int = Field(description="Messages of monitors from outside")
    escalation: Escalation
    trace: str = Field(description="Id of its trace; empty: none was sent")
    journal: JournalShare
