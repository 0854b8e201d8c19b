"""Interactions that the upstream works on in the background, until somebody asks how they ended.

What was begun by a governed call is charged and judged by its last word: that of the first `GET`
(or cancel) whose answer is no longer pending. Until then its money is held, and it has no age. One
that is deleted, or that nobody asks for, is given up.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ... import wire
from ...runtime.watched import Watched
from .large import read_json

if TYPE_CHECKING:
    import aiohttp

    from ...runtime.attempts import Attempt
    from ...runtime.calls import Outcome
    from ...runtime.requests import Request

__all__ = ["Background", "Backgrounds", "Hearing"]

_NAMED = re.compile(r"/interactions/([^/:?]+)(?:[/:]cancel)?/?$")
_LARGEST = 8 << 20
_form = wire.interactions


class Background:
    """A governed call whose outcome is told later.

    Args:
        request: of the runtime.
        attempt: of it, under way.
        read: makes an outcome of what was read.
    """

    __slots__ = ("_attempt", "_read", "_request")

    def __init__(
        self, request: Request, attempt: Attempt, read: Callable[[wire.Answer], Outcome]
    ) -> None:
        self._request = request
        self._attempt = attempt
        self._read = read

    def settle(self, body: Any) -> None:
        """How it ended, as its resource says."""
        self.ended(_form.read_answer(body))

    def ended(self, answer: wire.Answer) -> None:
        """The same, as it was read from events."""
        self._attempt.finish(self._read(answer))
        self._request.close()

    def give_up(self) -> None:
        """Nobody will know how it ended."""
        self._request.close()


class Backgrounds:
    """Those of a service; used from one event loop."""

    def __init__(self) -> None:
        self.watched = Watched()

    def hearing(self, path: str, verb: str, response: aiohttp.ClientResponse) -> Hearing | None:
        """Listens to an answer that may tell how one ended; None where it cannot.

        Args:
            path: of the call.
            verb: likewise.
            response: that begins.
        """
        named = _NAMED.search(path)
        if named is None or response.status >= 300 or not self.watched:
            return None
        return Hearing(self.watched, named[1], verb, response)


class Hearing:
    """Reads along: a resource, or the events of a stream.

    Args:
        watched: who is waited for.
        name: of the interaction.
        verb: of the call.
        response: that begins.
    """

    __slots__ = ("_chunks", "_coding", "_kept", "_name", "_reader", "_verb", "_watched")

    def __init__(
        self, watched: Watched, name: str, verb: str, response: aiohttp.ClientResponse
    ) -> None:
        self._watched = watched
        self._name = name
        self._verb = verb
        self._kept: bytearray | None = bytearray()
        self._coding = response.headers.get("content-encoding", "")
        kind = response.headers.get("content-type", "")
        events = "event-stream" in kind and self._coding in ("", "identity")
        self._chunks = wire.chunks_of(kind, as_sent=True) if events else None
        self._reader = _form.AnswerReader()

    def add(self, data: bytes) -> None:
        """More of it."""
        if self._chunks is not None:
            for value in self._chunks.feed(data):
                self._reader.add(value)
            self._chunks.passed()
        elif self._kept is not None:
            self._kept += data
            if len(self._kept) > _LARGEST:
                self._kept = None

    async def end(self) -> None:
        """It is whole."""
        if self._verb == "DELETE":
            self._watched.drop(self._name)
        elif self._chunks is None:
            kept = bytes(self._kept or b"")
            self._watched.see(await read_json(kept, self._coding, _LARGEST))
        elif self._reader.finished:
            call = self._watched.take(self._name)
            if isinstance(call, Background):
                call.ended(self._reader.answer())
