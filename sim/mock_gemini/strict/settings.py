"""Settings of a generation that are out of their range, or fit neither each other nor the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from balancer.core.catalog import ModelCard
from balancer.wire.members import child, member
from balancer.wire.validity import MOST_STOPS, RANGES

from ..refusals import invalid_argument

__all__ = ["check_settings"]


def check_settings(document: Mapping[str, Any], card: ModelCard) -> None:
    """Refuse what stands in `generationConfig` and cannot be.

    Raises:
        Refusal: names the setting.
    """
    config = child(document, "generationConfig")
    if not config:
        return
    for name, least, most in RANGES:
        value = member(config, name)
        if value is not None and not least <= float(value) <= most:
            raise invalid_argument(
                f"Unable to submit request because {name} is {value}; it must be in the range "
                f"from {least:g} to {most:g}."
            )
    cap = member(config, "maxOutputTokens")
    if cap is not None and int(float(cap)) > card.output_limit_tokens:  # believed
        raise invalid_argument(
            f"Unable to submit request because maxOutputTokens is {cap}; {card.name} answers with "
            f"at most {card.output_limit_tokens}."
        )
    stops = member(config, "stopSequences")
    if isinstance(stops, list) and len(stops) > MOST_STOPS:  # believed
        raise invalid_argument(
            f"Unable to submit request because it has {len(stops)} stop sequences; at most "
            f"{MOST_STOPS} are taken."
        )
    if member(config, "responseSchema") and member(config, "responseJsonSchema"):  # believed
        raise invalid_argument("Only one of response_schema and response_json_schema can be set.")
    _thoughts(child(config, "thinkingConfig"), card)


def _thoughts(thinking: Mapping[str, Any], card: ModelCard) -> None:
    """Thoughts asked for where there are none: told of Vertex AI, believed of the Gemini API."""
    if member(thinking, "includeThoughts") not in (True, "true"):
        return
    budget = member(thinking, "thinkingBudget")
    off = budget is not None and int(float(budget)) == 0
    if off or not card.thinks:
        raise invalid_argument(
            "Unable to submit request because include_thoughts is only enabled when thinking is "
            "enabled."
        )
