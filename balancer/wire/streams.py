"""Chunks of a streamed answer, found in its bytes as they pass by.

Gemini streams in two forms: server-sent events (`alt=sse`) and one JSON array whose elements
are the chunks. A proxy reads along with one of these and passes on what it has read: bytes as they
came, but never what clients of Gemini break on, though gateways between us and Gemini send it.
google-genai (2.20 and 3.6 were tried) raises at `data: [DONE]`, at comments and at other fields
than `data`, and takes an error in a list for an answer without content.
"""

from __future__ import annotations

import json
import re
from typing import Any, Protocol

from .failures import error_of

__all__ = ["ArrayChunks", "Chunks", "EventChunks", "chunks_of"]

_MOST_BYTES = 64 << 20
_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_SENTINEL = b"[DONE]"
_STRUCTURE = re.compile(rb'["{}\[\]]')
_STRING = re.compile(rb'(?:[^"\\]|\\.)*+', re.DOTALL)
_LARGE, _MOST_MEMBERS = 1 << 20, 1 << 18
"""A chunk above so many bytes with so many commas is no model's, and takes seconds to parse."""


class Chunks(Protocol):
    """Finds the chunks in a stream."""

    def feed(self, data: bytes) -> list[Any]:
        """Chunks completed by these bytes: JSON values, None for one that does not parse."""

    def close(self) -> list[Any]:
        """What is left when the stream ends."""

    def passed(self) -> bytes:
        """What may go to the caller of what was read since this was last asked for."""


def chunks_of(content_type: str, *, as_sent: bool = False) -> Chunks:
    """The reader for a response, by its content type.

    Args:
        content_type: of the response.
        as_sent: pass every byte of events on: clients of the Interactions API read all of them.
    """
    events = "event-stream" in content_type.lower()
    return EventChunks(as_sent=as_sent) if events else ArrayChunks()


class EventChunks:
    """Chunks of server-sent events; comments and fields other than `data` are passed over.

    The sentinel `[DONE]` is no chunk, and ends the stream. An event that outgrows 64 MiB is given
    up as one that does not parse.

    Args:
        as_sent: pass every byte on, and not only what clients of generateContent can read.
    """

    __slots__ = ("_as_sent", "_buffer", "_done", "_passed", "_searched")

    def __init__(self, *, as_sent: bool = False) -> None:
        self._as_sent = as_sent
        self._buffer = bytearray()
        self._passed = bytearray()
        self._searched = 0
        self._done = False

    def feed(self, data: bytes) -> list[Any]:
        """Chunks completed by these bytes."""
        buffer = self._buffer
        buffer += data
        chunks: list[Any] = []
        start = 0
        while end := _EVENT_END.search(buffer, max(start, self._searched)):
            chunks += self._event(bytes(buffer[start : end.start()]), end[0])
            start = end.end()
            self._searched = start
        del buffer[:start]
        # The end of an event may lie across two reads.
        self._searched = max(0, len(buffer) - 3)
        if len(buffer) > _MOST_BYTES:
            self._passed += buffer
            buffer.clear()
            self._searched = 0
            chunks.append(None)
        return chunks

    def close(self) -> list[Any]:
        """An event without the empty line after it counts, if it is whole."""
        left = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        return self._event(left, b"")

    def passed(self) -> bytes:
        """Whole events, without what clients break on."""
        passed = bytes(self._passed)
        self._passed.clear()
        return passed

    def _event(self, event: bytes, end: bytes) -> list[Any]:
        if self._as_sent:
            self._passed += event + end
        lines = [line for line in _LINE_END.split(event) if line]
        data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
        text = b"\n".join(data)
        self._done = self._done or text.strip() == _SENTINEL
        if self._done:
            return []
        if not data:
            # Some errors inside a stream come as bare JSON.
            text = event.strip()
            if not text.startswith((b"{", b"[")):
                return []
        value = _value(text)
        if self._as_sent:
            return [value]
        error = None if isinstance(value, dict) else error_of(value)
        if error is not None:
            self._passed += b"data: " + json.dumps(error).encode() + b"\r\n\r\n"
        elif not data or all(line.startswith(b"data: ") for line in lines):
            self._passed += event + end
        else:
            self._passed += b"".join(b"data: " + line + b"\r\n" for line in data) + b"\r\n"
        return [value]


class ArrayChunks:
    """Chunks of a stream that is one JSON array; a single object is its only chunk."""

    __slots__ = ("_at", "_buffer", "_depth", "_passed", "_quoted", "_start")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0  # how far the structure is known
        self._depth = 0  # of objects and lists inside a chunk
        self._quoted = False  # whether that is inside a string
        self._start = -1  # where the chunk begins that is being read
        self._passed = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Chunks completed by these bytes."""
        buffer = self._buffer
        buffer += data
        self._passed += data
        chunks: list[Any] = []
        while not self._in_string():
            sign = _STRUCTURE.search(buffer, self._at)
            if sign is None:
                self._at = len(buffer)
                break
            self._at = sign.end()
            if sign[0] == b'"':
                self._quoted = True
            elif sign[0] == b"{":
                if self._depth == 0:
                    self._start = sign.start()
                self._depth += 1
            elif self._depth > 0:
                self._depth += 1 if sign[0] == b"[" else -1
                if self._depth == 0:
                    chunks.append(_value(bytes(buffer[self._start : self._at])))
                    self._start = -1
        self._trim(chunks)
        return chunks

    def _in_string(self) -> bool:
        """Read on in a string, if there is one; whether it goes on after what is here."""
        if self._quoted:
            part = _STRING.match(self._buffer, self._at)
            assert part is not None  # it matches nothing, too
            self._at = part.end()
            self._quoted = self._buffer[self._at : self._at + 1] != b'"'
            self._at += not self._quoted
        return self._quoted

    def _trim(self, found: list[Any]) -> None:
        done = self._at if self._start < 0 else self._start
        del self._buffer[:done]
        self._at -= done
        self._start = min(0, self._start)
        if len(self._buffer) > _MOST_BYTES:
            found.append(None)
            self._forget()

    def close(self) -> list[Any]:
        """A chunk that was begun and not finished does not parse."""
        begun = self._start >= 0
        self._forget()
        return [None] if begun else []

    def _forget(self) -> None:
        self._buffer.clear()
        self._at, self._depth, self._start, self._quoted = 0, 0, -1, False

    def passed(self) -> bytes:
        """All bytes, as they came."""
        passed = bytes(self._passed)
        self._passed.clear()
        return passed


def _value(text: bytes) -> Any:
    if len(text) > _LARGE and text.count(b",") > _MOST_MEMBERS:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
