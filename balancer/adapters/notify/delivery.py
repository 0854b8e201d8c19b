"""What became of a story at one channel: who was told, and when."""

from __future__ import annotations

from dataclasses import dataclass

from .notice import Notice, Told

__all__ = ["Delivery", "deliveries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A story that a channel took, or that was given up.

    Attributes:
        channel: its name; not its address.
        notice: the newest of the story.
        told_at: Unix time at which the channel took it; None: it was given up.
        problem: why it was given up; "" where it was not.
    """

    channel: str
    notice: Notice
    told_at: float | None
    problem: str = ""


def deliveries(
    channel: str, stories: tuple[Told, ...], told_at: float | None, problem: str = ""
) -> tuple[Delivery, ...]:
    """Those of a message, a story each."""
    return tuple(
        Delivery(channel=channel, notice=story.notice, told_at=told_at, problem=problem)
        for story in stories
    )
