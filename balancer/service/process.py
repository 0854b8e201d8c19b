"""The service's own balancer: policy, clock, journal and saved state."""

from __future__ import annotations

from collections.abc import Callable

from ..policy_file import load_policy
from ..runtime.balancer import Balancer
from ..runtime.clock import Clock
from .server import run
from .settings import Settings

__all__ = ["serve_process"]


def serve_process(
    settings: Settings, *, speed: float, shadow: bool, ready: Callable[[str], None]
) -> None:
    """Serve until a signal ends it.

    Args:
        settings: of the service.
        speed: scenario seconds in a wall second.
        shadow: decide, and change no call.
        ready: told the base URL.

    Raises:
        InputError: something it was started with cannot be meant.
    """
    policy = load_policy(settings.policy_file)
    settings.data.mkdir(parents=True, exist_ok=True)
    balancer = Balancer(policy, clock=Clock(speed), shadow=shadow)
    run(balancer, settings, ready)
