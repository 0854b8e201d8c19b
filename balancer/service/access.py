"""Who may do what: bearer token, callers' keys, and requests that a browser was lured into.

A page in a browser that reaches the service could ask in its user's name, by a form or by a name
of its own that it lets resolve here (DNS rebinding); `Host` and `Origin` give both away, and are
looked at whatever is asked. Without a token only this machine may change anything. A proxy on it
hides where a request came from, so that one that was forwarded counts as foreign.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from .problems import Problem
from .settings import Settings, is_loopback

__all__ = ["Peer", "Sites", "check_mutation", "matches"]

_FORWARDED = ("x-forwarded-for", "x-forwarded-host", "forwarded", "x-real-ip")
_MOST_HOSTS = 256
"""Host headers of which it is remembered whether they are known."""
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


class Sites:
    """Under which names the service is asked, and by which pages.

    A name that is not known may be one that a page lets resolve to us; an address cannot.

    Args:
        settings: names and origins that are allowed beside its own.
    """

    __slots__ = ("_any_host", "_hosts", "_known", "_origins")

    def __init__(self, settings: Settings) -> None:
        public = urlsplit(settings.notify.link)
        hosts = {settings.host, public.hostname or "", *settings.hosts}
        self._hosts = frozenset(name.lower().rstrip(".") for name in hosts) - {""}
        self._any_host = "*" in self._hosts
        self._origins = frozenset(
            _origin(origin) for origin in (*settings.origins, settings.notify.link)
        )
        self._known = lru_cache(_MOST_HOSTS)(self._is_known)

    def problem(self, headers: Iterable[tuple[bytes, bytes]]) -> Problem | None:
        """Why a request is refused; None where it is not.

        Args:
            headers: lower case.
        """
        host = origin = None
        for name, value in headers:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
        if host is not None and not self._known(host):
            return Problem(
                403,
                "the Host header has a name that this service is not known by; callers reach it "
                "at an address, as localhost, or by a name in OPEN_BALANCER_HOSTS (--hosts)",
                where="Host",
            )
        if origin is not None and not self._is_own(origin, host or b""):
            return Problem(
                403,
                "the request comes from a page of another site, which is not in "
                "OPEN_BALANCER_ORIGINS (--origins)",
                where="Origin",
            )
        return None

    def _is_known(self, host: bytes) -> bool:
        name = _host_name(host.decode("latin-1"))
        return self._any_host or name == "localhost" or name in self._hosts or _is_address(name)

    def _is_own(self, origin: bytes, host: bytes) -> bool:
        site = _origin(origin.decode("latin-1"))
        if site is None:
            return False
        scheme, *_ = site
        return site in self._origins or site == _origin(f"{scheme}://{host.decode('latin-1')}")


def check_mutation(peer: Peer, settings: Settings) -> None:
    """Refuse whoever may not change anything.

    Raises:
        Problem: 401 or 403.
    """
    if settings.token is None:
        if not peer.local:
            raise Problem(
                403,
                "no token is configured, so only this machine may change anything; set "
                "OPEN_BALANCER_TOKEN where the service runs",
            )
        return
    scheme, _, token = peer.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not matches(token.strip(), settings.token):
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
    return host.partition(":")[0].lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _origin(said: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port of an origin or a URL; None where it has none."""
    try:
        parts = urlsplit(said)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return None if parts.hostname is None else (parts.scheme, parts.hostname, port)
