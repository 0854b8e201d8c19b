"""Addresses of receivers: checked before anything is sent, and shown without their secrets."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

from balancer.core.errors import InputError

__all__ = ["check_address", "shown"]

_SIGNAL_PATH = re.compile(r"/v1/(metrics|traces|logs)/?$")


def check_address(address: str, where: str, *, base: bool = True, scheme: bool = True) -> None:
    """Check that an address can be one.

    Args:
        address: of a receiver.
        where: it comes from, for messages.
        base: signals are told apart by paths that are added to it.
        scheme: it has to begin with one.

    Raises:
        InputError: it cannot.
    """
    if not scheme and "://" not in address:
        address = f"http://{address}"
    parts = _parts(address)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(
            f"found {shown(address)!r}, expected a URL such as http://127.0.0.1:4317 (gRPC) or "
            "http://127.0.0.1:4318 (HTTP)",
            where=where,
        )
    signal = _SIGNAL_PATH.search(parts.path)
    if base and signal is not None:
        raise InputError(
            f"found the path {signal[0]}, expected the address without it: it is added for each "
            "signal",
            where=where,
        )


def shown(address: str) -> str:
    """The address without user and password, and without a query."""
    parts = _parts(address)
    if parts is None:
        return address.rpartition("@")[2]
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, parts.path, "", ""))


def _parts(address: str) -> SplitResult | None:
    if re.search(r"\s", address):
        return None
    try:
        parts = urlsplit(address)
        _ = parts.port  # refuses what is no number, or too large a one
    except ValueError:
        return None
    return parts
