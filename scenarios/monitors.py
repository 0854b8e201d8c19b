"""Monitors of a hosted monitoring service, as a scenario file says them."""

from __future__ import annotations

from pydantic import model_validator

from balancer.units import Seconds, Share

from .frozen import Duration, Frozen

__all__ = ["Monitors"]


class Monitors(Frozen):
    """How a monitoring service watches the policy's rules from outside, and tells of it.

    The defaults are Datadog's: windows under 24 h are evaluated every minute, and a webhook
    takes some seconds. Every rule of the policy is a monitor on what all modes served
    together; it recovers at the policy's exit ratio.
    """

    every: Duration = 60.0
    """Time between two evaluations."""
    lag: Seconds = 20.0
    """Metrics are this old when they are evaluated: export and ingestion [assumed]."""
    delivery: Seconds = 10.0
    """From an evaluation to the webhook's arrival [assumed]."""
    loss: Share = 0.0
    """Probability that a message never arrives."""
    duplicates: Share = 0.0
    """Probability that a message arrives a second time, an evaluation later."""
    renotify: Duration = 300.0
    """While a monitor stays triggered, it tells so again this often."""
    lifetime: Duration = 900.0
    """A trigger holds this long at most when nothing follows it."""
    alongside: bool = False
    """Whether laws with signals of their own hear its alerts too; `alerts` always does."""

    @model_validator(mode="after")
    def _told_again_in_time(self) -> Monitors:
        if self.lifetime <= self.renotify:
            raise ValueError(
                f"lifetime {self.lifetime:g} s is not longer than renotify {self.renotify:g} s: "
                "an alert would lapse while its monitor is triggered"
            )
        return self
