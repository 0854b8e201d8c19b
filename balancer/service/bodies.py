"""How much of all requests' bodies is held at once, by all callers together.

What counts is what is here, so that a caller who announces much and sends little keeps nobody out.
Nobody waits for room: whose body does not fit is refused, and may try again.
"""

from __future__ import annotations

from typing import Self

__all__ = ["FULL", "RETRY_S", "Bodies", "Held"]

FULL = (
    "the requests under way hold as much as is taken at once ({most:,} bytes). Please retry in 1s."
)
"""What a caller is told, with 503."""
RETRY_S = 1


class Bodies:
    """Those of the requests under way.

    Args:
        most: bytes that are held.

    Attributes:
        size: bytes that are held now.
    """

    __slots__ = ("_most", "size")

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = 0

    def one(self) -> Held:
        """Of one request, for as long as it is under way: a context."""
        return Held(self)

    def fit(self, size: int) -> bool:
        """Whether there is room for so many bytes."""
        return self.size + size <= self._most

    @property
    def full(self) -> str:
        """What a caller is told for whom there is no room."""
        return FULL.format(most=self._most)


class Held:
    """One body, as far as it is here.

    Args:
        bodies: all.

    Attributes:
        bodies: all.
        size: bytes of it.
    """

    __slots__ = ("bodies", "size")

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.bodies.size -= self.size
        self.size = 0

    def add(self, size: int) -> bool:
        """Hold more of it; False, and it is not held, where there is no room."""
        if not self.bodies.fit(size):
            return False
        self.bodies.size += size
        self.size += size
        return True
