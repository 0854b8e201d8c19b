"""Puts a balancer around a google-genai client.

client = wrap(genai.Client(), balancer)
response = client.models.generate_content(model="gemini-3.8-flash", contents="Hello")
print(response.text, served(response))
"""

from __future__ import annotations

from .client import AsyncWrapped, AsyncWrappedModels, Wrapped, WrappedModels, wrap
from .given import Scorer
from .options import CallOptions, balancing
from .served import Served, served
from .shed import FALLBACK_MODEL, ShedError

__all__ = [
    "FALLBACK_MODEL",
    "AsyncWrapped",
    "AsyncWrappedModels",
    "CallOptions",
    "Scorer",
    "Served",
    "ShedError",
    "Wrapped",
    "WrappedModels",
    "balancing",
    "served",
    "wrap",
]
