"""What Gemini refuses with a 400: the mock is as strict, unless it is told to be lenient.

    check(document, card)            raises a Refusal, or returns None

A pure function of a request and a model's card. Each rule says where it is known from: *told*
is seen in public reports of users, *believed* comes from the documentation. Where the real
words are not known the message is in ours.
"""

from __future__ import annotations

from typing import Any

from balancer.core.catalog import ModelCard

from .abilities import check_abilities
from .functions import check_functions
from .settings import check_settings
from .shapes import check_shape
from .turns import check_turns

__all__ = ["check"]


def check(document: dict[str, Any], card: ModelCard, *, cached_for: str | None = None) -> None:
    """Refuse a request that the model, as its card has it, would not take.

    Args:
        document: a body of generateContent, in camel case, snake case or mixed.
        card: of the model that is asked.
        cached_for: the model that the request's `cachedContent` was made for; None: not known.

    Raises:
        Refusal: 400, in Gemini's form.
    """
    check_shape(document)
    check_settings(document, card)
    check_functions(document, card)
    check_turns(document, card)
    check_abilities(document, card, cached_for)
