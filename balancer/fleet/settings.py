"""How a fleet is run, as its user says it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

from ..core.errors import InputError

__all__ = ["Fleet"]

_PREFIX = re.compile(r"[A-Za-z0-9_.:/-]{1,100}")
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_SCHEMES = ("redis", "rediss", "unix")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Replicas that take one decision and keep to one budget, through a store.

    Attributes:
        url: of Redis 7 or Valkey: `redis://USER:PASSWORD@HOST:6379/0`, `rediss://` for TLS,
            `unix://PATH`.
        prefix: of the fleet's keys in the store. Fleets that share a store have one each.
        replica: name of this process among those that run; "" makes one up. One that is started
            again may have it again.
        alone_after_ticks: ticks without the fleet's decision, after which a replica takes its own.
        timeout_s: within which every call to the store ends.
        replicas: as many share the budget, at most. More work, but have nothing set aside.
        without_store: part of each hard budget that a replica may spend in a window while it has no
            lease, 0 for nothing. As much as that for each of `replicas` is set aside, and leased to
            nobody.

    Raises:
        InputError: a setting that cannot be meant.
    """

    url: str = field(repr=False)
    prefix: str = "open-balancer"
    replica: str = ""
    alone_after_ticks: int = 3
    timeout_s: float = 0.5
    replicas: int = 20
    without_store: float = 0.0

    def __post_init__(self) -> None:
        parts = _parts(self.url)
        if parts is None:
            raise InputError(
                "fleet (--fleet or OPEN_BALANCER_FLEET) is no URL of a store; expected one such as "
                "redis://HOST:6379/0, rediss://USER:PASSWORD@HOST:6380/0 or unix:///run/redis.sock"
            )
        for name, value in parse_qsl(parts.query):
            if name in _FILES and not Path(value).exists():
                raise InputError(
                    f"fleet: {name} of its URL names {value}, and there is no such file"
                )
        if not _PREFIX.fullmatch(self.prefix):
            raise InputError(
                f"fleet prefix is {self.prefix!r}; expected letters, digits and . : / _ -"
            )
        if self.replica and not _PREFIX.fullmatch(self.replica):
            raise InputError(
                f"fleet replica is {self.replica!r}; expected letters, digits and . : / _ -"
            )
        if not 1 <= self.alone_after_ticks <= 1000:
            raise InputError(f"alone_after_ticks is {self.alone_after_ticks}; expected 1 to 1000")
        if not 0.01 <= self.timeout_s <= 60:
            raise InputError(f"timeout_s is {self.timeout_s}; expected 0.01 to 60 seconds")
        if not 1 <= self.replicas <= 1000:
            raise InputError(f"replicas is {self.replicas}; expected 1 to 1000")
        if not 0 <= self.without_store * self.replicas <= 1:
            raise InputError(
                f"without_store is {self.without_store} for each of {self.replicas} replicas: "
                "together that is more than the whole budget"
            )


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    named = parts.path if parts.scheme == "unix" else parts.hostname
    return parts if parts.scheme in _SCHEMES and named else None
