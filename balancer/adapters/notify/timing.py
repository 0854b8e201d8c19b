"""How fast messages may follow each other, and how long a channel is tried."""

from __future__ import annotations

from dataclasses import dataclass

from balancer.core.errors import MisuseError

__all__ = ["Timing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Times, in wall seconds.

    Attributes:
        per_window: most messages to a channel in any window.
        window_s: length of that window.
        gaps_s: least time between a message of a story and the next one, after so many
            messages of it: the first counts after one message, the last for ever after. What
            is more urgent than anything told of the story does not wait for it.
        quiet_s: a story that was not told of for so long begins anew.
        timeout_s: most a channel may take to answer.
        first_retry_s: pause after a failed attempt; doubled after each.
        longest_retry_s: most that pause grows to.
        longest_asked_s: most that a channel's `Retry-After` is heeded.
        patience_s: a message whose newest notice is older is given up when an attempt fails.
    """

    per_window: int = 6
    window_s: float = 60.0
    gaps_s: tuple[float, ...] = (0.0, 0.0, 60.0, 120.0, 300.0)
    quiet_s: float = 600.0
    timeout_s: float = 10.0
    first_retry_s: float = 1.0
    longest_retry_s: float = 60.0
    longest_asked_s: float = 3600.0
    patience_s: float = 900.0

    def __post_init__(self) -> None:
        if self.per_window < 1:
            raise MisuseError(f"per_window is {self.per_window}; expected 1 or more")
        if self.timeout_s <= 0 or self.first_retry_s <= 0:
            raise MisuseError("timeout_s and first_retry_s are seconds above 0")
        if not self.gaps_s:
            raise MisuseError("gaps_s is empty; expected at least one, such as (0.0,)")
