"""What the routes share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..runtime.balancer import Balancer
    from .conversations import Conversations
    from .history import Store
    from .hub import Hub
    from .metrics import Cpu
    from .outside import Outside
    from .policies import Policies
    from .proxy import Gateway
    from .recent import Recent
    from .settings import Settings
    from .watch import Watch

__all__ = ["Site", "refusals"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything a route may need."""

    balancer: Balancer
    settings: Settings
    store: Store
    policies: Policies
    recent: Recent
    conversations: Conversations
    cpu: Cpu
    gateway: Gateway
    hub: Hub
    watch: Watch
    outside: Outside


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: how a route refuses."""
    from .schemas import Refused

    return {status: {"model": Refused, "description": _MEANINGS[status]} for status in statuses}
