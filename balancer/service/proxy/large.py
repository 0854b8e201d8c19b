"""What is large is read in a thread, so that other calls need not wait for it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, TypeVar

from ... import wire
from .upstream import plain

__all__ = ["aside", "read_json"]

_LARGE = 1 << 18
_NUMBERS = re.compile(rb"\[[\s\d.,eE+-]{64,}\]")
"""A list of numbers, such as an embedding. Neither a quote nor a backslash is in it, so that it may
be left out even where it stands in a text."""
Found = TypeVar("Found")


async def aside(size: int, work: Callable[[], Found]) -> Found:
    """Do it: at once, or in a thread where there is much to read.

    Args:
        size: bytes that it reads.
        work: without effects but its result.
    """
    return work() if size <= _LARGE else await asyncio.to_thread(work)


async def read_json(body: bytes, coding: str, most: int, word: bytes = b"") -> Any:
    """The JSON value of an answer, whose long lists of numbers are read as empty ones: parsing
    them would hold up all threads. None for none, or where it is too large.

    Args:
        body: as it came.
        coding: of the header `Content-Encoding`.
        most: bytes of it unpacked.
        word: without which there is nothing to be read.
    """

    def read() -> Any:
        text = plain(body, coding, most)
        if word not in text:
            return None
        # By a function, between whose calls other threads have their turn.
        return wire.parse(_NUMBERS.sub(lambda _: b"[]", text))

    # Nobody knows what a packed one becomes.
    return await aside(len(body) if coding in ("", "identity") else most, read)
