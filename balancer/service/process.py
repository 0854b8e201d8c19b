"""The service's own balancer: policy, clock, journal and saved state."""

from __future__ import annotations

from collections.abc import Callable

from ..core.errors import InputError
from ..core.policy import Policy
from ..policy_file import load_policy
from ..runtime.balancer import Balancer
from ..runtime.calls import CallSettings
from ..runtime.clock import Clock
from .folder import held
from .policies import policy_to_start_with
from .server import run
from .settings import Settings

__all__ = ["JOURNAL", "STATE", "serve_process"]

JOURNAL = "journal.jsonl"
STATE = "state.json"
"""Files under `Settings.data`."""


def serve_process(
    settings: Settings, *, speed: float, shadow: bool, off: bool, ready: Callable[[str], None]
) -> None:
    """Serve until a signal ends it.

    Args:
        settings: of the service.
        speed: scenario seconds in a wall second.
        shadow: decide, and change no call.
        off: begin with the kill switch.
        ready: told the base URL.

    Raises:
        InputError: something it was started with cannot be meant, or its data folder is another's.
    """
    policy = load_policy(settings.policy_file)
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made: {error.strerror}", where=str(settings.data)) from None
    with held(settings.data):
        _serve(settings, policy, speed=speed, shadow=shadow, off=off, ready=ready)


def _serve(
    settings: Settings,
    policy: Policy,
    *,
    speed: float,
    shadow: bool,
    off: bool,
    ready: Callable[[str], None],
) -> None:
    balancer = Balancer(
        policy_to_start_with(policy, settings.database_url),
        journal=settings.data / JOURNAL,
        settings=CallSettings(retry_budget=settings.retry_budget),
        state=settings.data / STATE,
        after_loss=settings.after_loss,
        clock=Clock(speed),
        shadow=shadow,
        fleet=settings.fleet,
    )
    if off:
        balancer.bypass(on=True, reason="serve --off")
    run(balancer, settings, ready)
