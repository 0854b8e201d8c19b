"""How the processes of a load test meet: files in a directory that they share.

Each writes `NAME.ready` when it could begin, and waits for `epoch.json`, which says when
second 0 of the scenario is. Files need no port, no token and no thread, and work the same
under asyncio, gevent and plain Python; Locust leaves no other way to talk to its process.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from balancer.core.errors import BalancerError

__all__ = ["LateError", "Meeting"]

_EPOCH = "epoch.json"
_STOP = "stop"
_NAP_S = 0.02


class LateError(BalancerError):
    """A process of a load test was not ready in time."""


class Meeting:
    """A directory in which processes meet.

    Args:
        directory: exists, and belongs to this load test alone.
    """

    __slots__ = ("directory",)

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def ready(self, name: str, **told: Any) -> None:
        """Say that process `name` could begin.

        Args:
            name: of the process.
            told: whatever the others need to know of it, as JSON values.
        """
        self._write(f"{name}.ready", told)

    def who_is_ready(self, name: str) -> dict[str, Any] | None:
        """What process `name` told, or None before it is ready."""
        return self._read(f"{name}.ready")

    def failed(self, name: str, why: str) -> None:
        """Say that process `name` cannot begin, and ask everybody to come to an end."""
        self._write(f"{name}.failed", {"why": why})
        self.stop()

    def why_not(self, name: str) -> str | None:
        """Why process `name` cannot begin, if it said so."""
        found = self._read(f"{name}.failed")
        return None if found is None else str(found["why"])

    def set_epoch(self, epoch: float) -> None:
        """Say when second 0 is, in Unix time."""
        self._write(_EPOCH, {"epoch": epoch})

    def epoch(self) -> float | None:
        """When second 0 is; None before that is known."""
        found = self._read(_EPOCH)
        return None if found is None else float(found["epoch"])

    def stop(self) -> None:
        """Ask everybody to come to an end."""
        self._write(_STOP, {})

    def stopped(self) -> bool:
        """Whether everybody should come to an end."""
        return (self.directory / _STOP).exists()

    def wait_for_epoch(
        self, within_s: float, *, sleep: Callable[[float], object] = time.sleep
    ) -> float:
        """When second 0 is, as soon as that is known.

        Args:
            within_s: wall seconds to wait at most.
            sleep: waits wall seconds.

        Raises:
            LateError: nobody said in time.
        """
        until = time.monotonic() + within_s
        while (epoch := self.epoch()) is None:
            if time.monotonic() > until or self.stopped():
                raise LateError(f"nobody said within {within_s:g} s when the scenario begins")
            sleep(_NAP_S)
        return epoch

    def _write(self, name: str, value: dict[str, Any]) -> None:
        # Renamed into place, so that nobody reads half of it.
        partial = self.directory / f".{name}.{os.getpid()}"
        partial.write_text(json.dumps(value), encoding="utf-8")
        partial.replace(self.directory / name)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self.directory / name).read_text("utf-8"))
        except FileNotFoundError:
            return None
        return found
