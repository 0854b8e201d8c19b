"""The service: an API, a Gemini-compatible proxy, and a history, around a live `Balancer`."""

from __future__ import annotations

from .app import create_app
from .settings import Settings

__all__ = ["Settings", "create_app"]
