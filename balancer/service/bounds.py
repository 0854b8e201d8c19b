"""How much of the service one caller, or one answer, may take: sizes, times and numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import InputError
from ..units import parse_count, parse_factor, parse_seconds

__all__ = ["Bounds"]

_SIZE = re.compile(r"\s*(\d{1,12})\s*(B|KB|MB|GB)?\s*", re.ASCII | re.IGNORECASE)
_ANY_RATIO = 1 << 20
"""Bytes that an answer may unpack to whatever its ratio: a short one may say one word often."""
_SCALES = {"": 0, "B": 0, "KB": 10, "MB": 20, "GB": 30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What bounds callers and upstreams; none of them is a bound on calls, which the plan has.

    Attributes:
        header_size: most bytes of a request's line and headers.
        connections: most of them at once.
        header_time_s: until a request's headers are here.
        body_time_s: between two pieces of a request's body.
        reader_time_s: between two pieces that a caller takes of what is sent to it.
        bodies_size: most bytes of all requests' bodies that are held at once.
        answer_size: most bytes of an upstream's answer that is read before it is passed on, as
            it comes and unpacked.
        answer_ratio: most times its size that a compressed answer is unpacked to.

    Raises:
        InputError: one that is not above zero.
    """

    header_size: int = 64 << 10
    connections: int = 2000
    header_time_s: float = 10.0
    body_time_s: float = 30.0
    reader_time_s: float = 30.0
    bodies_size: int = 512 << 20
    answer_size: int = 64 << 20
    answer_ratio: float = 100.0

    def __post_init__(self) -> None:
        for name, (option, variable, _) in _READ.items():
            if getattr(self, name) <= 0:
                raise InputError(f"{option} or {variable}: found 0, expected more")

    def unpacked_size(self, packed: int) -> int:
        """Most bytes that an answer of so many is unpacked to."""
        return min(self.answer_size, max(_ANY_RATIO, int(self.answer_ratio * packed)))

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], given: Mapping[str, str | None]
    ) -> Bounds:
        """Bounds of the command, and of the environment where it says nothing.

        Args:
            environment: such as `os.environ`.
            given: values of options by the names of their attributes; None is not given.

        Raises:
            InputError: a value that cannot be meant; names its option and its variable.
        """
        values: dict[str, Any] = {}
        for name, (option, variable, parse) in _READ.items():
            value = given.get(name) or environment.get(variable, "").strip()
            if value:
                try:
                    values[name] = parse(value)
                except ValueError as error:
                    raise InputError(f"{option} or {variable}: {error}") from None
        return cls(**values)


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"found {text[:64]!r}, expected a size such as 64KB or 64MB")
    return int(match[1]) << _SCALES[(match[2] or "").upper()]


_READ: dict[str, tuple[str, str, Callable[[str], float]]] = {
    "header_size": ("--header-size", "OPEN_BALANCER_HEADER_SIZE", _size),
    "connections": ("--connections", "OPEN_BALANCER_CONNECTIONS", parse_count),
    "header_time_s": ("--header-time", "OPEN_BALANCER_HEADER_TIME", parse_seconds),
    "body_time_s": ("--body-time", "OPEN_BALANCER_BODY_TIME", parse_seconds),
    "reader_time_s": ("--reader-time", "OPEN_BALANCER_READER_TIME", parse_seconds),
    "bodies_size": ("--bodies-size", "OPEN_BALANCER_BODIES_SIZE", _size),
    "answer_size": ("--answer-size", "OPEN_BALANCER_ANSWER_SIZE", _size),
    "answer_ratio": ("--answer-ratio", "OPEN_BALANCER_ANSWER_RATIO", parse_factor),
}
"""Option, environment variable and parser of each."""
