"""The service's own balancer: policy, clock, journal and saved state."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ..core.errors import InputError
from ..core.policy import Policy
from ..policy_file import load_policy
from ..runtime.balancer import Balancer
from ..runtime.calls import CallSettings
from ..runtime.clock import Clock
from .console import Page
from .folder import held
from .policies import policy_to_start_with
from .server import run
from .settings import Settings

__all__ = ["JOURNAL", "STATE", "serve_process"]

JOURNAL = "journal.jsonl"
STATE = "state.json"
"""Files under `Settings.data`."""


def serve_process(
    settings: Settings,
    *,
    speed: float,
    shadow: bool,
    off: bool,
    ready: Callable[[str], None],
    pages: Sequence[Page] = (),
) -> None:
    """Serve until a signal ends it.

    Args:
        settings: of the service.
        speed: scenario seconds in a wall second.
        shadow: decide, and change no call.
        off: begin with the kill switch.
        ready: told the base URL.
        pages: of the console, beside its own.

    Raises:
        InputError: something it was started with cannot be meant, or its data folder is another's.
    """
    # Libraries tell of their own beginnings: nobody who starts a service waits for that.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    policy = load_policy(settings.policy_file)
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made: {error.strerror}", where=str(settings.data)) from None
    with held(settings.data):
        _serve(settings, policy, speed=speed, shadow=shadow, off=off, ready=ready, pages=pages)


def _serve(
    settings: Settings,
    policy: Policy,
    *,
    speed: float,
    shadow: bool,
    off: bool,
    ready: Callable[[str], None],
    pages: Sequence[Page],
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
    run(balancer, settings, ready, pages)
