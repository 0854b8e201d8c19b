"""The service tier that a call asks for, and the one that its answer was served in.

Sources, as of 2026-11-29: `serviceTier` of the body and its words are in google-genai 2.20 and
3.6.1 [S], and so is Vertex AI's `usageMetadata.trafficType` with its words [S]. The header
`x-gemini-service-tier` of an answer, and Vertex AI's headers of a request, are in Google's pages
[D]. That Vertex AI says the same in headers of an answer is [assumed]: they are read where they
are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from balancer.core.tiers import FLEX, PRIORITY, PROVISIONED, STANDARD

from .members import member

__all__ = ["header_tier", "read_tier", "usage_tier"]

_SERVED = "x-gemini-service-tier"
_CAPACITY = "x-vertex-ai-llm-request-type"
_SHARED = "x-vertex-ai-llm-shared-request-type"

_WORDS = {
    "standard": STANDARD,
    "flex": FLEX,
    "priority": PRIORITY,
    # Vertex AI's, of capacity that is bought in advance and of what is shared.
    "dedicated": PROVISIONED,
    "shared": STANDARD,
    "provisioned_throughput": PROVISIONED,
    "on_demand": STANDARD,
    "on_demand_flex": FLEX,
    "on_demand_priority": PRIORITY,
    # Nobody has said what it costs: at most what standard does.
    "on_demand_offpeak": STANDARD,
}
_PREFIX = "service_tier_"


def read_tier(word: Any) -> str | None:
    """A tier by any of its names; None where it is none, or says nothing.

    Args:
        word: a text, or a member of the SDK's enums, in upper or lower case.
    """
    text = getattr(word, "value", word)
    if not isinstance(text, str) or len(text) > 64:
        return None
    return _WORDS.get(text.strip().lower().removeprefix(_PREFIX))


def usage_tier(body: Any) -> str | None:
    """The tier that an answer, or a chunk of one, says it was served in."""
    usage = member(body, "usageMetadata")
    return read_tier(member(usage, "serviceTier")) or read_tier(member(usage, "trafficType"))


def header_tier(headers: Mapping[str, str]) -> str | None:
    """The tier that headers say: of a request to Vertex AI, or of any answer.

    Args:
        headers: by name; lower case, or whatever finds names in any case.
    """
    served = read_tier(headers.get(_SERVED))
    if served is not None:
        return served
    capacity = read_tier(headers.get(_CAPACITY))
    if capacity == PROVISIONED:
        return capacity
    return read_tier(headers.get(_SHARED)) or capacity
