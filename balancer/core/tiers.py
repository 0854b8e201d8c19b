"""Service tiers of the Gemini API: how soon a call is served, and at what price."""

from __future__ import annotations

__all__ = [
    "FLEX",
    "FLEX_WAIT_S",
    "PRIORITY",
    "PROVISIONED",
    "REQUEST_TIERS",
    "SERVED_TIERS",
    "SERVICE_TIERS",
    "STANDARD",
]

STANDARD = "standard"
"""The tier of a call that names none."""

FLEX = "flex"
PRIORITY = "priority"

FLEX_WAIT_S = 900.0
"""Deadline of a call in flex whose caller names none: Google says that it may queue so long."""

REQUEST_TIERS = (STANDARD, FLEX, PRIORITY)
"""Tiers that a request may ask for.

Flex costs half, may queue for up to 15 minutes, and is refused with 503 when it is full. Priority
costs more and goes first; beyond a project's share of it calls are served as standard, in silence.
"""

PROVISIONED = "provisioned"
"""Capacity of Vertex AI that is paid by the month: what it serves costs nothing more. No call asks
for it; where a project has some, it serves first.
"""

SERVED_TIERS = (*REQUEST_TIERS, PROVISIONED)
"""Tiers that a request may be served in."""

SERVICE_TIERS = (*REQUEST_TIERS, "batch")
"""Tiers that have prices, in the order of their codes; batch is asked for by a path of its own."""
