"""The version, in one place: the build reads it here, journals and verdicts state it."""

from __future__ import annotations

from typing import Final

__all__ = ["VERSION"]

VERSION: Final = "0.1.0"
