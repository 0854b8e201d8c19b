"""What every transition law is to the controller."""

from __future__ import annotations

from typing import Protocol

from ..decisions import Stance

__all__ = ["Law"]


class Law(Protocol):
    """Turns signals and orders, which the controller has brought up to date, into a stance."""

    def step(self, tick: int) -> Stance:
        """The stance after a tick; the very same object as long as nothing changes."""

    def state(self) -> dict[str, object]:
        """What it remembers, as plain values."""

    def restore(self, state: dict[str, object], kept: Stance) -> None:
        """Take back what `state` gave, and the stance that held with it."""
