"""Upload URLs: what the upstream gives a caller to send a file to leads back through the proxy.

The upstream names itself in it (`x-goog-upload-url`), and google-genai sends the file there without
an API key. So the URL is written anew under the name by which the caller reached us, and where
callers need a key it is signed: who holds the URL was given it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, MutableMapping
from typing import Any

from ..settings import Settings
from .answers import Headers

__all__ = ["Uploads"]

_NAMES = (b"x-goog-upload-url", b"x-goog-upload-control-url", b"location")
_SIGN = b"open_balancer_upload="
_FORWARDED = (b"x-forwarded-for", b"forwarded", b"via", b"x-real-ip")


class Uploads:
    """Writes upload URLs anew, and knows them again.

    Args:
        settings: the upstream, the public URL, and the client keys, which sign. So services
            behind one address take each other's.
    """

    __slots__ = ("_public", "_secret", "_upstream")

    def __init__(self, settings: Settings) -> None:
        self._upstream = settings.upstream.rstrip("/").encode()
        self._public = settings.notify.link.rstrip("/").encode()
        keys = "\n".join(sorted(settings.client_keys))
        self._secret = hashlib.sha256(b"upload\n" + keys.encode()).digest() if keys else None

    def known(self, path: bytes, query: bytes) -> tuple[bool, bytes]:
        """Whether we gave this URL to a caller; and its query as the upstream wrote it."""
        if _SIGN not in query:
            return False, query
        before, _, given = query.rpartition(_SIGN)
        before = before.removesuffix(b"&")
        whole = hmac.compare_digest(given, self._sign(path, before))
        return self._secret is not None and whole, before

    def rewritten(
        self, headers: Headers, scope: MutableMapping[str, Any], known: Mapping[bytes, bytes]
    ) -> Headers:
        """An answer's headers for its caller.

        Args:
            headers: as they go downstream.
            scope: of ASGI, of the call.
            known: the call's headers by name, lower case.
        """
        if not any(name in _NAMES and self._ours(value) for name, value in headers):
            return headers
        base = self._base(scope, known)
        return [
            (name, base + self._signed(value.removeprefix(self._upstream)))
            if base and name in _NAMES and self._ours(value)
            else (name, value)
            for name, value in headers
        ]

    def _ours(self, value: bytes) -> bool:
        return value.startswith(self._upstream + b"/")

    def _base(self, scope: MutableMapping[str, Any], known: Mapping[bytes, bytes]) -> bytes:
        """How the caller reached us; b"" where something between us does not say it."""
        if self._public:
            return self._public
        host = known.get(b"x-forwarded-host", known.get(b"host", b""))
        scheme = known.get(b"x-forwarded-proto", b"").partition(b",")[0].strip()
        if not scheme and not any(name in known for name in _FORWARDED):
            scheme = str(scope.get("scheme", "http")).encode()
        return scheme + b"://" + host if host and scheme in (b"http", b"https") else b""

    def _signed(self, url: bytes) -> bytes:
        if self._secret is None:
            return url
        path, mark, query = url.partition(b"?")
        sign = _SIGN + self._sign(path, query)
        return url + (b"&" if mark and query else b"" if mark else b"?") + sign

    def _sign(self, path: bytes, query: bytes) -> bytes:
        message = path + b"?" + query
        return hmac.new(self._secret or b"", message, hashlib.sha256).hexdigest().encode()
