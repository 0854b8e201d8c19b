"""Headers of a request that the mock reads: which request it is, who asks, how long they wait."""

from __future__ import annotations

import hmac
import math
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import parse_qs

from scenarios.service_tiers import REQUEST_TYPES

from ..plant.provisioned import OVER
from .refusals import (
    api_key_invalid,
    bearer_invalid,
    deadline_too_short,
    invalid_argument,
    no_api_key,
)

__all__ = ["LEAST_DEADLINE_S", "Headers", "bearer_is", "check_key", "read_headers"]

LEAST_DEADLINE_S = 10.0
"""Least X-Server-Timeout that Gemini takes [D]."""

# Another word is taken as none [assumed].
_REQUEST_TYPES = {word.encode(): code for code, word in enumerate(REQUEST_TYPES)}
_MOST_INDEX = 1 << 53
_MOST_ATTEMPT = 1 << 20


class Headers(NamedTuple):
    """What the headers say.

    Attributes:
        api_key: as sent, or None.
        bearer: the Authorization header, or None.
        request: its index in the scenario's workload, or None.
        attempt: from 0.
        length: declared length of the body, or None.
        request_type: of a call to Vertex AI: index of `scenarios.service_tiers.REQUEST_TYPES`.
    """

    api_key: bytes | None
    bearer: bytes | None
    request: int | None
    attempt: int
    length: int | None
    request_type: int = OVER


def read_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Read the headers; names are in lower case.

    Raises:
        Refusal: 400 for an index, an attempt or a deadline that cannot be.
    """
    said = dict(headers)
    index = said.get(b"x-open-balancer-request")
    attempt = said.get(b"x-open-balancer-attempt")
    deadline = said.get(b"x-server-timeout")
    if deadline is not None:
        _check_deadline(deadline)
    length = said.get(b"content-length")
    return Headers(
        said.get(b"x-goog-api-key"),
        said.get(b"authorization"),
        None if index is None else _number("x-open-balancer-request", index, _MOST_INDEX),
        0 if attempt is None else _number("x-open-balancer-attempt", attempt, _MOST_ATTEMPT),
        None if length is None else int(length),
        _REQUEST_TYPES.get(said.get(b"x-vertex-ai-llm-request-type", b"").lower(), OVER),
    )


def check_key(headers: Headers, query: bytes, key: bytes) -> None:
    """Check who calls.

    Raises:
        Refusal: 400 for a wrong key, 401 for a wrong token, 403 for neither.
    """
    given = headers.api_key
    if given is None and query:
        found = parse_qs(query).get(b"key")
        given = found[0] if found else None
    if given is not None:
        if not hmac.compare_digest(given, key):
            raise api_key_invalid()
    elif headers.bearer is None:
        raise no_api_key()
    elif not bearer_is(headers.bearer, key):
        raise bearer_invalid()


def bearer_is(header: bytes, token: bytes) -> bool:
    """Whether an Authorization header carries this token."""
    scheme, _, given = header.partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), token)


def _number(name: str, value: bytes, most: int) -> int:
    if value.isdigit() and len(value) < 20 and int(value) < most:
        return int(value)
    raise invalid_argument(
        f"{name}: found {value.decode('latin-1')[:40]!r}, expected a whole number from 0"
    )


def _check_deadline(value: bytes) -> None:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if math.isnan(seconds):
        raise invalid_argument("X-Server-Timeout is no number of seconds")
    if seconds < LEAST_DEADLINE_S:
        raise deadline_too_short(seconds)
