"""How notifications fare, at a glance."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ChannelStatus", "NotifierStatus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatus:
    """How one channel fares.

    Attributes:
        name: of the channel; not its address.
        kind: slack, teams or json.
        messages: that the channel took.
        notices: that these stood for.
        waiting: notices that are still to be told.
        attempts: posts, those that failed among them.
        failed: notices that were given up.
        dropped: notices there was no room for.
        problem: why the last attempt failed; "" when it did not.
        last_sent_at: Unix time of the last message it took; None before the first.
    """

    name: str
    kind: str
    messages: int
    notices: int
    waiting: int
    attempts: int
    failed: int
    dropped: int
    problem: str
    last_sent_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierStatus:
    """How the notifier fares.

    Attributes:
        channels: one each.
        level: the least that is told.
        below: notices that were below it.
        waiting: notices that no channel has looked at yet.
        dropped: notices there was no room for, or that came after the end.
        running: whether its thread is alive; it starts with the first notice.
    """

    channels: tuple[ChannelStatus, ...]
    level: str
    below: int
    waiting: int
    dropped: int
    running: bool

    @property
    def problems(self) -> dict[str, str]:
        """Channels whose last attempt failed, and why."""
        return {channel.name: channel.problem for channel in self.channels if channel.problem}

    def plain(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        return asdict(self)
