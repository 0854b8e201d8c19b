"""Gemini's path for clients of OpenAI: chat completions, models and embeddings.

The same models answer, by the same fates; only the words are others.
"""

from __future__ import annotations

from .endpoint import OpenAI
from .paths import is_openai, openai_route
from .words import as_list

__all__ = ["OpenAI", "as_list", "is_openai", "openai_route"]
