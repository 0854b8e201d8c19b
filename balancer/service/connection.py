"""A connection of a caller, within bounds: what uvicorn's protocol leaves without one.

uvicorn parses, schedules and answers (`docs/explanation/server.md` says why it). Here is only when
a caller is refused who sends too much of a head, too slowly, or on one connection too many, and let
go who takes nothing of what is sent to it. A refusal has the form of Gemini's errors. Nothing here
costs a request that comes in one piece more than some additions.
"""

from __future__ import annotations

import asyncio
import logging
from enum import Enum
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from .bounds import Bounds
from .proxy.answers import Headers, error_reply

__all__ = ["Connection", "connection_class"]

_LINGER_S = 2.0
"""How long a refused caller may go on sending: hung up on, it would lose the answer."""
_SOCKET_HEADERS, _SOCKET_LINE = 128, 8190
"""The most that the parser of websockets takes, which gives no answer to more."""
_log = logging.getLogger("balancer.service.connection")
# What callers do wrong they are told, and nobody else: it could fill a disk.
_log.setLevel(logging.ERROR)
_OF_BODIES = (b"content-length", b"transfer-encoding")


class _Awaited(Enum):
    NOTHING, REQUEST, HEAD, BODY = range(4)


def connection_class(bounds: Bounds) -> type[Connection]:
    """The protocol for `uvicorn.Config(http=…)`, within these bounds."""
    return type("BoundedConnection", (Connection,), {"bounds": bounds})


class Connection(HttpToolsProtocol):
    """One connection.

    Attributes:
        bounds: of all of its class.
    """

    bounds: ClassVar[Bounds] = Bounds()

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.logger = _log
        self._unread = 0  # bytes since the last that belonged to a body, or ended a request
        self._awaited = _Awaited.NOTHING
        self._due_s = 0.0  # when it is to be here, on the loop's clock
        self._timer: asyncio.TimerHandle | None = None
        self._untaken = 0  # bytes that the caller had left when it was last looked
        self._reader_timer: asyncio.TimerHandle | None = None
        self._refusal: tuple[int, str] | None = None
        self._over = False  # refused: what still comes is let go

    # --- what comes in ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it in, or refuse it."""
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            # It does not stand in the way of the next one while it is told so.
            self.connections.discard(self)
            message = f"too many connections ({self.bounds.connections:,}). Please retry in 1s."
            self._refuse(503, message, [(b"retry-after", b"1")])
            return
        self._await(_Awaited.REQUEST, self.bounds.header_time_s)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._awaited = _Awaited.NOTHING
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some of a request, or of several."""
        if self._over:
            return
        self._unread += len(data)
        super().data_received(data)
        if self._over or self.transport.is_closing():
            return
        if self._unread > self.bounds.header_size:
            self._refuse_head()
        elif self._awaited is not _Awaited.NOTHING:
            self._watch()
        elif self._unread and not self._answering:
            # Empty lines before a request, which would keep the connection for ever.
            self._await(_Awaited.REQUEST, self.bounds.header_time_s)
            self._watch()

    def on_message_begin(self) -> None:
        """Its first byte is here."""
        super().on_message_begin()
        self._await(_Awaited.HEAD, self.bounds.header_time_s)

    def on_headers_complete(self) -> None:
        """Its headers are here."""
        problem = self._problem()
        if problem is not None:
            self._refusal = problem
            raise ValueError(problem[1])  # which ends the parser, and comes back to us as its error
        self._await(_Awaited.BODY, self.bounds.body_time_s)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of its body is here."""
        self._unread = 0
        self._due_s = self.loop.time() + self.bounds.body_time_s
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is here."""
        self._unread = 0
        self._awaited = _Awaited.NOTHING
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand it on to the protocol of websockets."""
        long = any(len(name) + len(value) + 2 > _SOCKET_LINE for name, value in self.headers)
        if long or len(self.headers) > _SOCKET_HEADERS or len(self.url) + 16 > _SOCKET_LINE:
            self._refuse_head()
            return
        self._awaited = _Awaited.NOTHING
        self._stop_watching()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """What the parser does not take, or we did not."""
        status, message = self._refusal or (400, "this is no request of HTTP/1.1")
        self._refuse(status, message)

    def _problem(self) -> tuple[int, str] | None:
        """Why this head is refused, now that all of it is here."""
        if self._unread > self.bounds.header_size:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self.bounds.header_size:
                return 431, self._too_large()
        hosts, has_body = 0, False
        for name, _ in self.headers:
            if name == b"host":
                hosts += 1
            elif name in _OF_BODIES:
                has_body = True
        if hosts > 1:
            return 400, "the request has more than one Host header"
        if has_body and self.parser.should_upgrade() and not self._should_upgrade():
            # Its parser takes what follows for the other protocol.
            return 400, "a body cannot follow an Upgrade; send it as HTTP/1.1, without one"
        return None

    def _refuse_head(self) -> None:
        self._refuse(431, self._too_large())

    def _too_large(self) -> str:
        return f"the headers are larger than {self.bounds.header_size:,} bytes, the most taken"

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # --- time ---------------------------------------------------------------------------

    def _await(self, what: _Awaited, within_s: float) -> None:
        self._awaited = what
        self._due_s = self.loop.time() + within_s

    def _watch(self) -> None:
        """Look again when it is due. One timer serves for all that is awaited in the meantime."""
        if self._timer is not None:
            if self._timer.when() <= self._due_s:
                return
            # What is awaited now is awaited for less long.
            self._timer.cancel()
        self._timer = self.loop.call_at(self._due_s, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._awaited is _Awaited.NOTHING or self._over or self.transport.is_closing():
            return
        if self.flow.read_paused or (self._awaited is _Awaited.HEAD and self._answering):
            # It is we who do not read, or who have not answered what came before.
            self._await(self._awaited, self.bounds.body_time_s)
        if self.loop.time() < self._due_s:
            self._watch()
        elif self._awaited is _Awaited.BODY:
            within = f"{self.bounds.body_time_s:g} s"
            self._refuse(408, f"nothing more of the request's body came within {within}")
        elif self._awaited is _Awaited.HEAD:
            within = f"{self.bounds.header_time_s:g} s"
            self._refuse(408, f"the request's headers did not come within {within}")
        else:
            self.transport.close()

    def _stop_watching(self) -> None:
        for timer in (self._timer, self._reader_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._reader_timer = None

    # --- what goes out ------------------------------------------------------------------

    def pause_writing(self) -> None:
        """The caller does not take what it is sent."""
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        """It has."""
        super().resume_writing()
        if self._reader_timer is not None and not self.transport.is_closing():
            self._reader_timer.cancel()
            self._reader_timer = None

    def on_response_complete(self) -> None:
        """All of an answer is on its way."""
        super().on_response_complete()
        self._leave()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came for long."""
        super().timeout_keep_alive_handler()
        self._leave()

    def shutdown(self) -> None:
        """The service stops."""
        super().shutdown()
        self._leave()

    def _leave(self) -> None:
        """A transport that is closed waits for ever for a caller who takes nothing."""
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._watch_reader()

    def _watch_reader(self) -> None:
        if self._reader_timer is None:
            self._untaken = self.transport.get_write_buffer_size()
            self._reader_timer = self.loop.call_later(
                self.bounds.reader_time_s, self._look_at_reader
            )

    def _look_at_reader(self) -> None:
        self._reader_timer = None
        if self.transport.get_write_buffer_size() < self._untaken:
            self._watch_reader()
        else:
            self.transport.abort()

    def _refuse(self, status: int, message: str, headers: Headers | None = None) -> None:
        """Answer, and take nothing more."""
        self._over = True
        self._stop_watching()
        self._unset_keepalive_if_required()
        if self._answering:
            cycle = self.cycle
            if not cycle.more_body:
                # It came after a whole request, which is answered first and alone.
                cycle.keep_alive = False
                return
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started or self.pipeline:
                self.transport.abort()
                return
        reply = error_reply(status, f"open-Balancer: {message}", headers=headers)
        length = (b"content-length", b"%d" % len(reply.body))
        lines = [*reply.headers, length, (b"connection", b"close")]
        head = b"".join(b"%s: %s\r\n" % line for line in lines)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + reply.body)
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._reader_timer = self.loop.call_later(_LINGER_S, self.transport.abort)
