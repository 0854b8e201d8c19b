"""Puts a balancer around a google-genai client.

client = wrap(genai.Client(), balancer)
response = client.models.generate_content(model="gemini-2.5-flash", contents="Hello")
print(response.text, served(response))
print(client.interactions.create(model="gemini-3.6-flash", input="Hello").output_text)
"""

from __future__ import annotations

from .client import AsyncWrapped, AsyncWrappedModels, Wrapped, WrappedModels, wrap
from .given import Scorer
from .interactions import AsyncWrappedInteractions, WrappedInteractions
from .options import CallOptions, balancing
from .served import Served, served
from .shed import FALLBACK_MODEL, ShedError

__all__ = [
    "FALLBACK_MODEL",
    "AsyncWrapped",
    "AsyncWrappedInteractions",
    "AsyncWrappedModels",
    "CallOptions",
    "Scorer",
    "Served",
    "ShedError",
    "Wrapped",
    "WrappedInteractions",
    "WrappedModels",
    "balancing",
    "served",
    "wrap",
]
