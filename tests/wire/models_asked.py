"""Models that callers ask for and what becomes of them, for tests of proxy and wrapper."""

from __future__ import annotations

from dataclasses import replace

from balancer.core.modes import Mode
from balancer.core.policy import Policy
from balancer.policy_file import default_policy

__all__ = ["ASKED", "DOWN", "as_normal"]

ASKED = (
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.5-flash-001",
    "gemini-2.5-flash-image",
    "gemini-2.5-flash-preview-tts",
    "gemini-2.5-computer-use-preview-10-2025",
    "gemini-3.8-flash",
    "gemma-3-27b-it",
    "unheard-of",
)
"""Normal of the default policy serves each as it is written."""

DOWN = {
    "gemini-2.5-pro": "gemini-3.5-flash-lite",
    "gemini-2.5-flash": "gemini-2.5-flash-lite",
    "gemini-2.5-flash-001": "gemini-2.5-flash-lite",
    "gemini-3.8-flash": "gemini-3.5-flash-lite",
}
"""Where soft leads; the others stay."""


def as_normal(mode: Mode) -> Policy:
    """The default policy with a mode's strategy in normal, where everybody begins."""
    policy = default_policy()
    return replace(policy, strategies=(policy.strategies[mode],) * 4, baseline=None)
