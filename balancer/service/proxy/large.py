"""What is large is read in a thread, so that other calls need not wait for it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

from ... import wire
from ..bounds import Bounds
from .upstream import TooLarge, plain, unpacked

__all__ = ["aside", "read_answer", "read_json"]

_LARGE = 1 << 18
_NUMBERS = re.compile(rb"\[[\s\d.,eE+-]{64,}\]")
"""A list of numbers, such as an embedding. Neither a quote nor a backslash is in it, so that it may
be left out even where it stands in a text."""
_MOST_PARSED = 16 << 20
"""Bytes of an answer without its long strings, such as log probabilities of a long one."""
_MOST_QUOTES = 1 << 22
_LONG = 4096
"""Bytes of a string in a large answer that is not read."""
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


async def read_answer(body: bytes, coding: str, bounds: Bounds) -> Any:
    """The JSON value of a governed call's answer; None where it is none.

    What a large one says at length is left out: nobody reads more of it than that it is there.

    Args:
        body: as it came.
        coding: of the header `Content-Encoding`.
        bounds: of answers.

    Raises:
        TooLarge: it unpacks to more than it may, or there is too much to be read in it.
    """
    text = plain(body, coding, _LARGE) if len(body) <= _LARGE else b""
    if text or not body:
        return wire.parse(text)
    most = bounds.unpacked_size(len(body))
    return await asyncio.to_thread(lambda: _parse(_shortened(unpacked(body, coding, most))))


def _parse(text: bytes) -> Any:
    """By functions, as above: parsing by itself lets no other thread have its turn.

    Raises:
        TooLarge: what has no such function in it would hold up all others.
    """
    if len(text) > _MOST_PARSED:
        raise TooLarge
    try:
        return json.loads(
            text.decode("utf-8"),
            object_hook=lambda found: found,
            parse_int=lambda found: int(found),  # noqa: PLW0108 - a function of Python
            parse_float=lambda found: float(found),  # noqa: PLW0108
        )
    except (ValueError, RecursionError):
        return None


def _shortened(text: bytes) -> bytes:
    """JSON whose long strings hold a word in place of what they held, right or wrong.

    Raises:
        TooLarge: it has more strings than an answer has.
    """
    if text.count(b'"') > _MOST_QUOTES:
        raise TooLarge
    kept: list[bytes] = []
    copied = at = 0
    while (begin := text.find(b'"', at)) >= 0:
        end = _end(text, begin + 1)
        if end < 0:
            break
        if end - begin > _LONG:
            kept.append(text[copied : begin + 1])
            kept.append(b"long")
            copied = end
        at = end + 1
    return b"".join([*kept, text[copied:]]) if kept else text


def _end(text: bytes, at: int) -> int:
    """Where a string ends that goes on there; -1 where it does not."""
    while (end := text.find(b'"', at)) >= 0:
        before = text[at:end]
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return end
        at = end + 1
    return -1
