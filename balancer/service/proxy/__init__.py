"""The Gemini-compatible proxy: a caller changes its base URL, and is protected."""

from __future__ import annotations

from .gateway import Gateway

__all__ = ["Gateway"]
