"""The two scales everything is keyed by: how degraded a call is, and how much it matters."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["MODES", "PRIORITIES", "Mode", "Priority"]


class Mode(IntEnum):
    """A rung of the brownout ladder. A larger value is a deeper degradation."""

    NORMAL = 0
    SOFT = 1
    HARD = 2
    EMERGENCY = 3

    @property
    def label(self) -> str:
        """The name as users write it."""
        return self.name.lower()


class Priority(IntEnum):
    """How much a request matters. The lowest is shed first and probed first."""

    LOW = 0
    NORMAL = 1
    HIGH = 2

    @property
    def label(self) -> str:
        """The name as users write it."""
        return self.name.lower()


MODES: tuple[Mode, ...] = tuple(Mode)
PRIORITIES: tuple[Priority, ...] = tuple(Priority)
