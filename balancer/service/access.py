"""Who may do what: bearer token, callers' keys, and requests that a browser was lured into.

Without a token only this machine may change anything. A page in a browser on this machine
could ask in its user's name, by a form to 127.0.0.1 or by a name of its own that it lets
resolve to 127.0.0.1 (DNS rebinding); `Host` and `Origin` give both away. A proxy on this
machine hides where a request came from, so that one that was forwarded counts as foreign.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from .problems import Problem
from .settings import Settings, is_loopback

__all__ = ["Peer", "check_browser", "check_mutation", "matches"]

_FORWARDED = ("x-forwarded-for", "x-forwarded-host", "forwarded", "x-real-ip")
_PORTS = {"http": 80, "https": 443}


class Peer:
    """Who is asking.

    Args:
        address: of the connection; None where there is none, as on a Unix socket.
        headers: of the request, lower case.
    """

    __slots__ = ("address", "headers")

    def __init__(self, address: str | None, headers: Mapping[str, str]) -> None:
        self.address = address or ""
        self.headers = headers

    @property
    def local(self) -> bool:
        """Whether it is a program on this machine, asking without a go-between."""
        return is_loopback(self.address) and not any(name in self.headers for name in _FORWARDED)


def matches(given: str, secret: str) -> bool:
    """Whether a secret was given, in a time that does not tell how much of it was right."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())


def check_browser(peer: Peer, *, named_local: bool) -> None:
    """Refuse what a web page of another site sends.

    Args:
        peer: who is asking.
        named_local: refuse a Host that is not this machine's, too.

    Raises:
        Problem: 403.
    """
    host = peer.headers.get("host", "")
    if named_local and not is_loopback(_host_name(host)):
        raise Problem(
            403,
            "the Host header names another machine; without OPEN_BALANCER_TOKEN the service "
            "answers only to 127.0.0.1, localhost and [::1]",
            where="Host",
        )
    origin = peer.headers.get("origin")
    if origin is not None and not _same_site(origin, host):
        raise Problem(403, "the request comes from a page of another site", where="Origin")


def check_mutation(peer: Peer, settings: Settings) -> None:
    """Refuse whoever may not change anything.

    Raises:
        Problem: 401 or 403.
    """
    check_browser(peer, named_local=settings.token is None)
    if settings.token is None:
        if not peer.local:
            raise Problem(
                403,
                "no token is configured, so only this machine may change anything; set "
                "OPEN_BALANCER_TOKEN where the service runs",
            )
        return
    scheme, _, given = peer.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not matches(given.strip(), settings.token):
        raise Problem(
            401,
            "expected the header 'Authorization: Bearer …' with the service's token "
            "(OPEN_BALANCER_TOKEN)",
            where="Authorization",
            headers={"www-authenticate": "Bearer"},
        )


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0][1:]
    return host.partition(":")[0].lower()


def _same_site(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        port = parts.port or _PORTS.get(parts.scheme)
        asked = urlsplit(f"{parts.scheme}://{host}")
        asked_port = asked.port or _PORTS.get(parts.scheme)
    except ValueError:
        return False
    return parts.hostname is not None and (parts.hostname, port) == (asked.hostname, asked_port)
