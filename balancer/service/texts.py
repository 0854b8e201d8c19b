"""Text that a database, and an answer in UTF-8, can hold."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["can_be_held", "mended"]

_CANNOT = re.compile("[\x00\ud800-\udfff]")


def can_be_held(text: str) -> bool:
    """Whether it has no null in it, and no half of a surrogate pair."""
    return _CANNOT.search(text) is None


def mended(value: Any) -> Any:
    """The same with U+FFFD for what cannot be held, in all texts of a plain value."""
    if isinstance(value, str):
        return _CANNOT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {mended(name): mended(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(mended, value))
    return value
