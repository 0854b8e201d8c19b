"""Examples for the OpenAPI document: one service, in one incident, as its routes tell of it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import ConfigDict
from pydantic.config import JsonDict, JsonValue

from ...webhook import PAYLOAD

__all__ = [
    "ALIVE",
    "ANSWER",
    "BROWNOUT_STATUS",
    "CHATS",
    "HISTORY_PAGES",
    "ORDERS",
    "ORDER_FORMS",
    "POLICY_CHANGED",
    "POLICY_CHANGES",
    "POLICY_CHANGE_FORMS",
    "POLICY_STATUS",
    "POLICY_VERSION",
    "PROMPTS",
    "READINESS",
    "WEBHOOK_BODY",
    "WEBHOOK_READINESS",
    "WEBHOOK_VERDICT",
    "with_examples",
]


def with_examples(*examples: JsonValue, one_of: tuple[JsonDict, ...] = ()) -> ConfigDict:
    """A model's configuration that shows examples of it.

    Args:
        examples: of its values.
        one_of: forms it has, where which members go together is more than each of them says.
    """
    more: JsonDict = {"examples": list(examples)}
    if one_of:
        more["oneOf"] = list(one_of)
    return ConfigDict(json_schema_extra=more)


_NONE: Final[JsonDict] = {"type": "null"}
_STRING: Final[JsonDict] = {"type": "string"}


def _form(title: str, members: str, **properties: JsonValue) -> JsonDict:
    required: list[JsonValue] = [*members.split()]
    return {"title": title, "required": required, "properties": properties}


_MODES: Final[JsonDict] = {"enum": ["normal", "soft", "hard", "emergency"]}
ORDER_FORMS: Final[tuple[JsonDict, ...]] = (
    _form("Hold a mode for some time", "mode duration",
          mode=_MODES, duration=_STRING, bypass=_NONE, until=_NONE),
    _form("Hold a mode until a time", "mode until",
          mode=_MODES, until=_STRING, bypass=_NONE, duration=_NONE),
    _form("Give the mode back", "mode",
          mode={"const": "auto"}, bypass=_NONE, duration=_NONE, until=_NONE),
    _form("Use the kill switch", "bypass",
          bypass={"type": "boolean"}, mode=_NONE, duration=_NONE, until=_NONE),
)  # fmt: skip
POLICY_CHANGE_FORMS: Final[tuple[JsonDict, ...]] = (
    _form("Put a policy in force", "policy", policy={"type": ["string", "object"]}, version=_NONE),
    _form("Bring a version back", "version", version={"type": "integer"}, policy=_NONE),
)


ORDERS: Final[tuple[JsonDict, ...]] = (
    {"mode": "soft", "reason": "load test at noon", "duration": "15m"},
    {"mode": "auto", "reason": "the test is over"},
    {"bypass": True, "reason": "the policy misbehaves"},
)
POLICY_CHANGES: Final[tuple[JsonDict, ...]] = (
    {
        "policy": "thresholds:\n  soft: {latency_p95: 2500ms}\n",
        "reason": "2 s was too near to what is usual",
    },
    {
        "policy": {"thresholds": {"soft": {"error_rate": "5%"}}},
        "reason": "the same as an object",
        "if_version": 3,
    },
    {"version": 2, "reason": "back to what worked"},
)
PROMPTS: Final[tuple[JsonDict, ...]] = (
    {"prompt": "Say hello in one word.", "model": "gemini-3.8-flash"},
)
CHATS: Final[tuple[JsonDict, ...]] = (
    {
        "messages": [
            {"role": "user", "content": "What is a brownout?"},
            {"role": "model", "content": "A planned reduction of service."},
            {"role": "user", "content": "And in one line?"},
        ],
        "system": "You explain to engineers.",
    },
)
ANSWER: Final[JsonDict] = {
    "text": "A planned reduction that keeps the essentials running.",
    "model": "gemini-3.8-flash",
    "mode": "soft",
    "fallback": False,
    "finish_reason": "STOP",
    "latency_s": 1.42,
    "usage": {"prompt": 41, "cached": 0, "output": 11, "thinking": 0},
}

_TEXT = "name: shop\nthresholds:\n  soft: {latency_p95: 2500ms}\n…"
_REASON = "soft: latency_p95: 10 of 19 above 2.51 s, 5.0% allowed"
POLICY_STATUS: Final[JsonDict] = {
    "name": "shop",
    "law": "mildest",
    "version": 4,
    "since": "2026-01-31T11:40:00Z",
    "origin": "api",
    "text": _TEXT,
    "warnings": [],
    "misfits": [
        "latency_p95 is 22 s where nothing is wrong, the threshold of soft is 15 s; 28 s would fit"
    ],
    "file_problem": "",
}
POLICY_CHANGED: Final[JsonDict] = {
    "version": 4,
    "recorded": True,
    "dry_run": False,
    "name": "shop",
    "warnings": [],
    "kept": "mode and orders: the rules watch something else",
}
POLICY_VERSION: Final[JsonDict] = {
    "id": 4,
    "at": "2026-01-31T11:40:00Z",
    "origin": "api",
    "name": "shop",
    "text": _TEXT,
    "reason": "2 s was too near to what is usual",
    "restores": None,
}

_POLLING: JsonDict = {
    "state": "trouble",
    "error": "Datadog: query timeseries data: api.datadoghq.eu did not answer in time",
    "waiting": 0,
    "dropped": 0,
    "failures": 3,
    "ok_at": "2026-01-31T12:00:00Z",
}
ALIVE: Final[JsonDict] = {"status": "ok"}
READINESS: Final[JsonDict] = {
    "ready": True,
    "mode": "soft",
    "bypass": "",
    "problems": {},
    "integrations": {"datadog_poll": _POLLING},
}
ORDER_TAKEN: Final[JsonDict] = {
    "mode": "soft",
    "from": "2026-01-31T12:00:01Z",
    "until": "2026-01-31T12:15:00Z",
    "reason": "load test at noon",
    "bypass": "",
    "enforced": True,
    "shadow": False,
}
BROWNOUT_STATUS: Final[JsonDict] = {
    "mode": "soft",
    "mode_number": 1,
    "tick": 1_769_860_950,
    "enforced": True,
    "shadow": False,
    "bypass": "",
    "override": {
        "mode": "soft",
        "until": "2026-01-31T12:15:00Z",
        "reason": "load test at noon",
    },
    "reasons": ["soft: override until tick 1769861700: load test at noon"],
    "mix": {"normal": 0.0, "soft": 1.0, "hard": 0.0, "emergency": 0.0},
    "admit": {"low": 1.0, "normal": 1.0, "high": 1.0},
    "in_flight": 7,
    "waiting": 0,
    "reserved_usd": 0.0031,
    "problems": {},
    "history": "",
    "integrations": {"datadog_poll": _POLLING},
    "polled": [
        {
            "rule": "soft latency_p95",
            "signal": "latency_p95",
            "state": "failed",
            "value": None,
            "age_s": None,
            "above": False,
        }
    ],
    "policy": POLICY_STATUS,
    "fleet": {
        "place": "follower",
        "replica": "web-1-812-6f01c2",
        "leader": "web-2-801-9be310",
        "tick": 1795989409,
        "replicas": 2,
        "seen": [
            {"replica": replica, "tick": tick, "policy": "0.1.0-12c355d086ae"}
            for replica, tick in (
                ("web-1-812-6f01c2", 1795989409),
                ("web-2-801-9be310", 1795989409),
                ("web-3-799-41aa07", 1795989371),
            )
        ],
        "policy": "0.1.0-12c355d086ae",
        "holds": "0.1.0-12c355d086ae",
        "differ": [],
        "changes": 0,
        "leased": True,
        "problem": "",
    },
}

HISTORY_PAGES: Final[tuple[JsonDict, ...]] = (
    {
        "entries": [
            {
                "id": 31,
                "at": "2026-01-31T12:01:10Z",
                "tick": 1_769_860_870,
                "from_mode": "normal",
                "to_mode": "soft",
                "reasons": [_REASON],
                "owner": "3f9a1c02",
            }
        ],
        "before": 31,
    },
    {
        "entries": [
            {
                "id": 2,
                "at": "2026-01-31T12:00:00Z",
                "kind": "override",
                "mode": "soft",
                "until": "2026-01-31T12:15:00Z",
                "reason": "load test at noon",
                "owner": "3f9a1c02",
            }
        ],
        "before": None,
    },
    {
        "entries": [{key: value for key, value in POLICY_VERSION.items() if key != "text"}],
        "before": 4,
    },
    {
        "entries": [
            {
                "id": 7,
                "key": "3f9a1c02-20260131T120230Z-84210",
                "owner": "3f9a1c02",
                "epoch": 1_769_776_740.0,
                "began_at": "2026-01-31T12:01:10Z",
                "began_s": 84_130.0,
                "opened_at": "2026-01-31T12:02:30Z",
                "opened_s": 84_210.0,
                "closed_at": "2026-01-31T12:14:02Z",
                "closed_s": 84_902.0,
                "seen_at": "2026-01-31T12:14:02Z",
                "mode": "normal",
                "worst": "hard",
                "cause": "controller",
                "reason": "hard: latency_p95: 12 of 31 above 5.02 s, 5.0% allowed",
                "changes": 3,
                "shadow": False,
                "ended": "normal is back",
            }
        ],
        "before": None,
    },
)
"""A page of each kind of history: modes, orders, policies and incidents."""

WEBHOOK_READINESS: Final[JsonDict] = {"status": "ok"}
WEBHOOK_VERDICT: Final[JsonDict] = {"verdict": "accepted", "detail": "asks for soft"}
_DELIVERY: JsonDict = {
    "transition": "Triggered",
    "cycle_key": "8412903374",
    "date": "1769860950000",
    "scope": "service:shop",
    "tags": "service:shop,brownout:soft,managed_by:open-balancer",
    "monitor_id": "1001",
    "event_id": "7741",
    "alert_type": "error",
    "title": "[open-balancer] shop: soft latency_p95",
    "link": "https://app.datadoghq.eu/monitors/1001",
}
WEBHOOK_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "title": "Delivery",
                "description": "What the webhook's definition in Datadog says, as "
                "`open-balancer datadog apply` writes it; other members are ignored.",
                "properties": {
                    key: {
                        "type": ["string", "array"] if key == "tags" else ["string", "integer"],
                        "description": f"Datadog's {variable}",
                    }
                    for key, variable in PAYLOAD.items()
                },
            },
            "example": _DELIVERY,
        }
    },
}
"""The request body of a delivery, which the inbox reads by itself."""
