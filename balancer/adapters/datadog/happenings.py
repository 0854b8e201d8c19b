"""Tells Datadog what happened: an event for each change of mode, an incident for an episode.

The service calls these outside the hot path. Its own store has every incident; here it is
mirrored, so trouble with Datadog loses nothing but the mirror.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from ...core.modes import Mode
from .client import Client
from .errors import DatadogError
from .monitors import Target

__all__ = [
    "close_incident",
    "find_incident",
    "open_incident",
    "send_mode_event",
    "update_incident",
]

_ALERT_TYPES: Final = {
    Mode.NORMAL: "success",
    Mode.SOFT: "info",
    Mode.HARD: "warning",
    Mode.EMERGENCY: "error",
}
_SEVERITIES: Final = {
    Mode.NORMAL: "SEV-5",
    Mode.SOFT: "SEV-4",
    Mode.HARD: "SEV-3",
    Mode.EMERGENCY: "SEV-2",
}
_LONGEST_TEXT: Final = 3900
_LONGEST_TITLE: Final = 200


def send_mode_event(
    client: Client, target: Target, *, before: Mode, after: Mode, reason: str, at_s: float
) -> None:
    """Put a change of mode into the event stream, where dashboards draw it over graphs.

    Args:
        client, target: where, and of what.
        before, after: the modes.
        reason: why, for a person.
        at_s: Unix time, in seconds.

    Raises:
        DatadogError: it was not taken, or may not have been.
    """
    client.create(
        "v1.events.create_event",
        body={
            "title": f"{target.service}: {before.label} → {after.label}",
            "text": (reason or "no reason was given")[:_LONGEST_TEXT],
            "date_happened": int(at_s),
            "alert_type": _ALERT_TYPES[after],
            "aggregation_key": target.owner[-100:],
            "source_type_name": "open-balancer",
            "tags": [*target.tags, f"brownout:{after.label}"],
        },
    )


def open_incident(
    client: Client,
    target: Target,
    *,
    key: str,
    mode: Mode,
    summary: str,
    at_s: float,
    look_first: bool = False,
) -> str:
    """Declare an incident, and return Datadog's id of it.

    Args:
        client, target: where, and of what.
        key: names the episode: an incident of the same key that an earlier try made, and
            whose answer was lost, is taken.
        mode: that the application is in.
        summary: what users notice.
        at_s: Unix time of its begin, in seconds.
        look_first: an earlier try may have made it.

    Raises:
        DatadogError: it was not taken, or may not have been. Try again with `look_first`.
    """
    number = find_incident(client, key) if look_first else None
    if number is None:
        number = _create(client, target, key, mode, summary)
    _change(client, number, {"customer_impact_start": _time(at_s), "detected": _time(at_s)})
    return number


def _create(client: Client, target: Target, key: str, mode: Mode, summary: str) -> str:
    title = f"{target.service}: {mode.label} brownout [{key}]"[-_LONGEST_TITLE:]
    attributes = {
        "title": title,
        "customer_impacted": True,
        "customer_impact_scope": summary or "answers are degraded",
        "fields": _fields("active", mode),
    }
    try:
        answer = client.create(
            "v2.incidents.create_incident",
            body={"data": {"type": "incidents", "attributes": attributes}},
        )
    except DatadogError as error:
        number = find_incident(client, key) if error.unknown_outcome else None
        if number is None:
            raise
        return number
    return str(answer.body["data"]["id"])


def update_incident(client: Client, number: str, *, mode: Mode, summary: str) -> None:
    """Say that the mode changed while the incident goes on.

    Raises:
        DatadogError: it was not taken, or may not have been.
    """
    _change(
        client,
        number,
        {
            "customer_impact_scope": summary or "answers are degraded",
            "fields": _fields("active", mode),
        },
    )


def close_incident(client: Client, number: str, *, at_s: float) -> None:
    """Say that the application is back to normal.

    Raises:
        DatadogError: it was not taken, or may not have been.
    """
    _change(
        client,
        number,
        {
            "customer_impact_end": _time(at_s),
            "fields": {"state": {"type": "dropdown", "value": "resolved"}},
        },
    )


def _change(client: Client, number: str, attributes: dict[str, Any]) -> None:
    body = {"data": {"type": "incidents", "id": number, "attributes": attributes}}
    client.update("v2.incidents.update_incident", incident_id=number, body=body)


def find_incident(client: Client, key: str) -> str | None:
    """Datadog's id of the incident of an episode; None where it knows none.

    Raises:
        DatadogError: it was not answered.
    """
    answer = client.read("v2.incidents.search_incidents", query=f'"{key}"')
    for entry in answer.body["data"]["attributes"].get("incidents") or []:
        if f"[{key}]" in (entry["data"].get("attributes") or {}).get("title", ""):
            return str(entry["data"]["id"])
    return None


def _fields(state: str, mode: Mode) -> dict[str, Any]:
    return {
        "state": {"type": "dropdown", "value": state},
        "severity": {"type": "dropdown", "value": _SEVERITIES[mode]},
    }


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
