"""Reads one call from what a caller sent, and refuses what cannot be meant."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from ...core.modes import Priority
from ...wire import Asked, header_tier, parse
from ..bodies import RETRY_S, Held
from .answers import Headers, Refusal
from .apis import GENERATE
from .large import aside
from .paths import Target

__all__ = ["Call", "Gone", "is_readable", "read_body", "read_call", "read_labels"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_PRIORITIES = {priority.label.encode(): priority for priority in Priority}
_NAME = re.compile(rb"[\x21-\x7e]{1,200}")
_MOST_WHOLE = 1 << 53


class Gone(Exception):  # noqa: N818 - no error: callers may leave
    """The caller left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a method that plans govern.

    Attributes:
        target: what is called.
        raw: the body as it came.
        body: its JSON value.
        query: as it came.
        headers: lower case, as they came.
        asked: what the body asks for.
        priority, key, session, index: of the request.
        timeout_s: the deadline that the caller's client named; None is none.
        streamed: whether the answer is to come in chunks.
    """

    target: Target
    raw: bytes
    body: Any
    query: bytes
    headers: Headers
    asked: Asked
    priority: Priority = Priority.NORMAL
    key: str | None = None
    session: str | None = None
    index: int | None = None
    timeout_s: float | None = None
    streamed: bool = False

    @property
    def events(self) -> bool:
        """Whether a stream is to come as server-sent events."""
        return self.target.api is not GENERATE or any(
            part in (b"alt=sse", b"$alt=sse") for part in self.query.split(b"&")
        )


def is_readable(headers: Mapping[bytes, bytes], most: int) -> bool:
    """Whether a body, by what is said of it, can be taken and read.

    Args:
        headers: by name, lower case.
        most: bytes that are taken.
    """
    length = headers.get(b"content-length", b"")
    coding = headers.get(b"content-encoding", b"identity")
    known = length.isdigit() and len(length) < 16 and int(length) <= most
    return known and coding in (b"", b"identity")


async def read_body(receive: Receive, headers: dict[bytes, bytes], most: int, held: Held) -> bytes:
    """The whole body.

    Raises:
        Refusal: 413 above the limit, 400 for an odd length, 503 where all bodies together are too
            large.
        Gone: the caller left before its end.
    """
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit():
        raise Refusal(400, "the Content-Length is no number")
    if len(declared) > 15 or int(declared) > most:
        raise _too_large(most)
    if not held.bodies.fit(int(declared)):
        raise _full(held)
    message = await receive()
    body: bytes = message.get("body", b"")
    if not held.add(len(body)):
        raise _full(held)
    if message.get("more_body"):
        parts, size = [body], len(body)
        while message.get("more_body"):
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise _too_large(most)
            if not held.add(len(parts[-1])):
                raise _full(held)
        body = b"".join(parts)
    if message["type"] == "http.disconnect":
        raise Gone
    if len(body) > most:
        raise _too_large(most)
    return body


async def read_call(
    target: Target, raw: bytes, query: bytes, headers: Headers, known: dict[bytes, bytes]
) -> Call:
    """One call.

    Args:
        target: from the path.
        raw: the body.
        query: as it came.
        headers: all, lower case.
        known: the same by name.

    Raises:
        Refusal: 400 or 415.
    """
    encoding = known.get(b"content-encoding", b"identity")
    if encoding not in (b"", b"identity"):
        raise Refusal(415, "a compressed request body is not taken; send it without encoding")
    least = _whole("min-output-tokens", known.get(b"x-open-balancer-min-output-tokens"))
    needs_tools = known.get(b"x-open-balancer-needs-tools", b"").strip().lower() == b"true"
    prompt = _whole("prompt-tokens", known.get(b"x-open-balancer-prompt-tokens"))
    body, asked = await aside(len(raw), lambda: _read(raw, target, least, needs_tools, prompt))
    if target.vertex:
        said = {name.decode("latin-1"): value.decode("latin-1") for name, value in known.items()}
        asked = replace(asked, service_tier=header_tier(said), takes_tiers=False)
    key, session, index = read_labels(known)
    wants_stream = target.api.wants_stream
    return Call(
        target=target,
        raw=raw,
        body=body,
        query=query,
        headers=headers,
        asked=asked,
        priority=_priority(known.get(b"x-open-balancer-priority")),
        key=key,
        session=session,
        index=index,
        timeout_s=_timeout_s(known.get(b"x-server-timeout")),
        streamed=target.streamed if wants_stream is None else wants_stream(body),
    )


def read_labels(known: Mapping[bytes, bytes]) -> tuple[str | None, str | None, int | None]:
    """The tenant, the session and the request's number in a scenario, from headers in lower case.

    Raises:
        Refusal: 400 for what can be neither.
    """
    key = _name("key", known.get(b"x-open-balancer-key"), "a tenant's")
    session = _name("session", known.get(b"x-open-balancer-session"), "a session's")
    return key, session, _whole("request", known.get(b"x-open-balancer-request"))


def _read(
    raw: bytes, target: Target, least: int | None, needs_tools: bool, prompt: int | None
) -> tuple[Any, Asked]:
    body = parse(raw)
    if not isinstance(body, dict):
        raise Refusal(400, "Invalid JSON payload received. The root element must be an object.")
    asked = target.api.form.read_asked(
        body,
        target.model or "",
        min_output_tokens=least,
        needs_tools=needs_tools,
        prompt_tokens=prompt,
    )
    return body, asked


def has_key(query: bytes) -> str | None:
    """The API key of a query."""
    if b"key=" not in query:
        return None
    return dict(parse_qsl(query.decode("latin-1"))).get("key")


def _full(held: Held) -> Refusal:
    return Refusal(
        503,
        f"open-Balancer: {held.bodies.full}",
        [(b"retry-after", b"%d" % RETRY_S)],
    )


def _too_large(most: int) -> Refusal:
    return Refusal(413, f"the request is larger than {most:,} bytes, the most that is taken")


def _priority(value: bytes | None) -> Priority:
    if value is None:
        return Priority.NORMAL
    found = _PRIORITIES.get(value.strip().lower())
    if found is None:
        shown = value[:40].decode("latin-1")
        raise Refusal(400, f"x-open-balancer-priority is {shown!r}; expected low, normal or high")
    return found


def _name(label: str, value: bytes | None, whose: str) -> str | None:
    if value is None:
        return None
    if not _NAME.fullmatch(value):
        raise Refusal(
            400,
            f"x-open-balancer-{label} is empty, too long or holds spaces; expected {whose} name",
        )
    return value.decode("ascii")


def _whole(name: str, value: bytes | None) -> int | None:
    if value is None:
        return None
    if not (value.isdigit() and len(value) < 17 and int(value) < _MOST_WHOLE):
        raise Refusal(400, f"x-open-balancer-{name} is no whole number from 0")
    return int(value)


def _timeout_s(value: bytes | None) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 < seconds < math.inf else None
