"""What every transition law is to the controller."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ..decisions import Stance
from ..modes import Mode

__all__ = ["Lasting", "Law"]


class Law(Protocol):
    """Turns signals and orders, which the controller has brought up to date, into a stance."""

    def step(self, tick: int) -> Stance:
        """The stance after a tick; the very same object as long as nothing changes."""

    def state(self) -> dict[str, object]:
        """What it remembers, as plain values."""

    def restore(self, state: dict[str, object], kept: Stance) -> None:
        """Take back what `state` gave, and the stance that held with it."""


@runtime_checkable
class Lasting(Protocol):
    """A law that is in a mode, and can stay in it under a policy that has changed."""

    def renew(self) -> Stance:
        """Say anew what the mode means, as under strategies that changed.

        A probe is dropped, for its share was taken of other traffic.
        """

    def adopt(self, mode: Mode, tick: int, *, shedding: bool) -> Stance:
        """Begin in a mode that another controller was in at `tick`, without its evidence."""
