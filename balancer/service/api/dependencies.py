"""What the routes share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...runtime.balancer import Balancer
    from ..audit import Audit
    from ..events import Events
    from ..history import Store
    from ..history.conversations import Conversations
    from ..incidents.incident_tracker import IncidentTracker
    from ..integrations.integrations import Integrations
    from ..policies import Policies
    from ..proxy import Gateway
    from ..proxy.ungoverned import PassedCounts
    from ..recent import Recent
    from ..settings import Settings
    from ..stopping import Stopping
    from .metrics_views import Cpu

__all__ = ["Dependencies", "refusals"]

_MEANINGS = {
    400: "The request is malformed",
    401: "The token is missing or wrong",
    403: "Not from here",
    404: "There is no such thing",
    409: "Another version is in force",
    413: "Too large",
    415: "Not JSON",
    422: "Something in it cannot be meant; the message says what",
    429: "Too many requests",
    503: "Something that this needs is broken",
    504: "The upstream did not answer in time",
}
_SAID = {
    400: ("body.17: JSON decode error", "body.17"),
    401: (
        "expected the header 'Authorization: Bearer …' with the service's token "
        "(OPEN_BALANCER_TOKEN)",
        "Authorization",
    ),
    403: ("the request comes from a page of another site", "Origin"),
    404: ("there is no policy version 9", ""),
    409: ("version 4 is in force, not 3", "if_version"),
    413: ("the body is larger than 1,100,000 bytes, the most that is taken", ""),
    415: ("expected a body in JSON (Content-Type: application/json)", "Content-Type"),
    422: ("query.limit: Input should be less than or equal to 500", "query.limit"),
    429: ("too many requests from this address; try again in 0.20 s", ""),
    503: ("no key is configured; set GEMINI_API_KEY where the service runs", ""),
    504: ("the upstream says 504: Deadline expired before operation could complete.", ""),
}
"""Example of a problem's answer by HTTP status: its detail, and the field that it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Everything a route may need."""

    balancer: Balancer
    settings: Settings
    store: Store
    audit: Audit
    policies: Policies
    recent: Recent
    passed: PassedCounts
    conversations: Conversations
    cpu: Cpu
    gateway: Gateway
    events: Events
    tracker: IncidentTracker
    integrations: Integrations
    stopping: Stopping


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: how a route refuses, with an example."""
    from ..problems import body_of
    from .schemas import Refused

    return {
        status: {
            "model": Refused,
            "description": _MEANINGS[status],
            "content": {
                "application/json": {"example": body_of(status, message, where=where)},
            },
        }
        for status in statuses
        for message, where in [_SAID[status]]
    }
