"""Chunks of a streamed answer, found in its bytes as they pass by.

Gemini streams in two forms: server-sent events (`alt=sse`) and one JSON array whose elements
are the chunks. A proxy passes the bytes on as they come and reads along with one of these.
"""

from __future__ import annotations

import json
import re
from typing import Any, Protocol

__all__ = ["ArrayChunks", "Chunks", "EventChunks", "chunks_of"]

_MOST_BYTES = 64 << 20
_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_STRUCTURE = re.compile(rb'["{}\[\]]')
_STRING_END = re.compile(rb'(?:[^"\\]|\\.)*+"', re.DOTALL)


class Chunks(Protocol):
    """Finds the chunks in a stream."""

    def feed(self, data: bytes) -> list[Any]:
        """Chunks completed by these bytes: JSON values, None for one that does not parse."""

    def close(self) -> list[Any]:
        """What is left when the stream ends."""


def chunks_of(content_type: str) -> Chunks:
    """The reader for a response, by its content type."""
    return EventChunks() if "event-stream" in content_type.lower() else ArrayChunks()


class EventChunks:
    """Chunks of server-sent events; comments and fields other than `data` are passed over.

    An event that outgrows 64 MiB is given up as one that does not parse.
    """

    __slots__ = ("_buffer", "_searched")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> list[Any]:
        """Chunks completed by these bytes."""
        buffer = self._buffer
        buffer += data
        found: list[Any] = []
        start = 0
        while end := _EVENT_END.search(buffer, max(start, self._searched)):
            found += _event(bytes(buffer[start : end.start()]))
            start = end.end()
            self._searched = start
        del buffer[:start]
        # The end of an event may lie across two reads.
        self._searched = max(0, len(buffer) - 3)
        if len(buffer) > _MOST_BYTES:
            buffer.clear()
            self._searched = 0
            found.append(None)
        return found

    def close(self) -> list[Any]:
        """An event without the empty line after it counts, if it is whole."""
        left = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        return _event(left)


def _event(event: bytes) -> list[Any]:
    data = [
        line[5:].removeprefix(b" ") for line in _LINE_END.split(event) if line.startswith(b"data:")
    ]
    if data:
        return [_value(b"\n".join(data))]
    # Some errors inside a stream come as bare JSON.
    event = event.strip()
    return [_value(event)] if event.startswith((b"{", b"[")) else []


class ArrayChunks:
    """Chunks of a stream that is one JSON array; a single object is its only chunk."""

    __slots__ = ("_at", "_buffer", "_depth", "_start")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0  # how far the structure is known
        self._depth = 0  # of objects and lists inside a chunk
        self._start = -1  # where the chunk begins that is being read

    def feed(self, data: bytes) -> list[Any]:
        """Chunks completed by these bytes."""
        buffer = self._buffer
        buffer += data
        found: list[Any] = []
        while sign := _STRUCTURE.search(buffer, self._at):
            if sign[0] == b'"':
                end = _STRING_END.match(buffer, sign.end())
                if end is None:
                    self._at = sign.start()  # begin this string anew when there is more
                    break
                self._at = end.end()
                continue
            self._at = sign.end()
            if sign[0] == b"{":
                if self._depth == 0:
                    self._start = sign.start()
                self._depth += 1
            elif self._depth > 0:
                self._depth += 1 if sign[0] == b"[" else -1
                if self._depth == 0:
                    found.append(_value(bytes(buffer[self._start : self._at])))
                    self._start = -1
        else:
            self._at = len(buffer)
        self._trim(found)
        return found

    def _trim(self, found: list[Any]) -> None:
        done = self._at if self._start < 0 else self._start
        del self._buffer[:done]
        self._at -= done
        self._start = min(0, self._start)
        if len(self._buffer) > _MOST_BYTES:
            found.append(None)
            self._buffer.clear()
            self._at, self._depth, self._start = 0, 0, -1

    def close(self) -> list[Any]:
        """A chunk that was begun and not finished does not parse."""
        begun = self._start >= 0
        self._buffer.clear()
        self._at, self._depth, self._start = 0, 0, -1
        return [None] if begun else []


def _value(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
