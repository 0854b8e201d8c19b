"""What an owner of leases and the store tell each other of limits; nano-dollars."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Ask", "Grant", "Leased"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What an owner tells the store of a limit, and asks for; nano-dollars.

    Attributes:
        name: of the limit.
        limit: in a window, without what is set aside for replicas that have no lease.
        window_s: its length.
        spent: by this owner since its start.
        allowed: as far as this owner knows.
        wanted: to be allowed.
        recent: of what it spent, what lies in the window: for a store that has lost it.
    """

    name: str
    limit: int
    window_s: float
    spent: int
    allowed: int
    wanted: int
    recent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The store's answer for a limit; nano-dollars.

    Attributes:
        name: of the limit.
        allowed: to be spent by this owner since its start.
        settled: by everybody, in the window.
        leased: to everybody.
    """

    name: str
    allowed: int
    settled: int
    leased: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """The store's answer.

    Attributes:
        grants: one for each ask.
        place: whether the owner is among those that a share is set aside for.
    """

    grants: tuple[Grant, ...]
    place: bool
