"""Which headers go through, and which stay on their side of the proxy."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from urllib.parse import unquote_to_bytes

from .answers import Headers

__all__ = ["downstream", "upstream", "without_key"]

_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
"""RFC 9110, section 7.6.1: they speak of one connection."""
_OURS = {
    b"host",
    b"content-length",
    b"accept-encoding",
    b"expect",
    b"cookie",
    b"origin",
    b"referer",
    b"forwarded",
    b"via",
    b"x-http-method-override",
    b"x-real-ip",
    b"x-server-timeout",
}
"""Written anew, or nobody's business upstream."""
_OF_ANSWERS = {b"accept-encoding", b"x-server-timeout"}
_KEYS = {b"x-goog-api-key", b"authorization"}
_NOT_UP = frozenset(_HOP | _OURS)
_NOT_UP_AS_IS = frozenset(_HOP | (_OURS - _OF_ANSWERS))
_UNSENDABLE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NO_NAME = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
"""What no header has (RFC 9110, section 5.5), whoever sends it: it stays on the upstream's side."""
_NOT_DOWN = {b"content-length", b"alt-svc"}
"""The length is written anew; alternative services are the upstream's, not ours."""


def upstream(
    headers: Iterable[tuple[bytes, bytes]],
    *,
    own_key: bool,
    as_is: bool = False,
    kept_here: Collection[bytes] = (),
) -> Headers:
    """A caller's headers as they go upstream.

    Args:
        headers: lower case.
        own_key: the service's key is sent instead of the caller's.
        as_is: nothing is written anew, as nothing is read of the answer.
        kept_here: keys that are good for this service alone.
    """
    kept = list(headers)
    dropped = (_NOT_UP_AS_IS if as_is else _NOT_UP) | _named(kept)
    if own_key:
        dropped |= _KEYS
    return [
        (name, value)
        for name, value in kept
        if name not in dropped
        and not name.startswith((b"x-forwarded-", b"x-open-balancer-"))
        and not (name in _KEYS and value.rpartition(b" ")[2] in kept_here)
    ]


def downstream(headers: Iterable[tuple[bytes, bytes]], *, as_is: bool = False) -> Headers:
    """The upstream's headers as they go to the caller.

    Args:
        headers: the upstream's.
        as_is: no byte of the answer is changed, so its length stays.
    """
    kept = [(name.lower(), value) for name, value in headers]
    # Where the body came in chunks, no length was that of it.
    length = as_is and all(name != b"transfer-encoding" for name, _ in kept)
    dropped = _HOP | _named(kept) | (_NOT_DOWN - {b"content-length"} if length else _NOT_DOWN)
    found = [(name, value) for name, value in kept if name not in dropped]
    if _UNSENDABLE.search(b"".join(value for _, value in found)) or _NO_NAME.search(
        b"".join(name for name, _ in found)
    ):
        return [pair for pair in found if not (_UNSENDABLE.search(pair[1]) or _is_no_name(pair[0]))]
    return found


def without_key(query: bytes, *, own_key: bool, kept_here: Collection[bytes] = ()) -> bytes:
    """A query without keys that do not go upstream; the rest as it was, to the byte.

    Args:
        query: as the caller sent it.
        own_key: the service's key is sent instead of the caller's.
        kept_here: keys that are good for this service alone.
    """
    if not query or not (own_key or kept_here):
        return query
    return b"&".join(part for part in query.split(b"&") if not _stays(part, own_key, kept_here))


def _stays(part: bytes, own_key: bool, kept_here: Collection[bytes]) -> bool:
    name, _, value = part.partition(b"=")
    name = unquote_to_bytes(name)
    if name == b"key" and own_key:
        return True
    given = unquote_to_bytes(value.replace(b"+", b" "))
    return name in (b"key", b"access_token") and given in kept_here


def _is_no_name(name: bytes) -> bool:
    return not name or _NO_NAME.search(name) is not None


def _named(headers: Headers) -> set[bytes]:
    """Headers that `Connection` says are of this connection only."""
    return {
        token.strip().lower()
        for name, value in headers
        if name == b"connection"
        for token in value.split(b",")
    }
