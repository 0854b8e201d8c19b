"""A Python with google-genai 2, beside the development environment with version 3."""

from __future__ import annotations

from pathlib import Path

from tests.environments import python_beside

__all__ = ["OLDER", "older_python"]

OLDER = "google-genai==2.20.*"


def older_python() -> Path:
    """Its interpreter."""
    return python_beside("older-genai", OLDER, on_ours=True)
