"""Processes that a load test starts, and always stops: each by its own process id."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sim.child_start import start_child

__all__ = ["Child"]

_ENDS_WITHIN_S = 8.0
_STOPS_WITHIN_S = 5.0
_LAST_LINES = 12


class Child:
    """A Python process; a context manager that stops it.

    It has a session of its own, so that Ctrl-C reaches this process alone and everything is
    stopped in order. Its input stays open as long as this process lives.

    Args:
        module: run as `python -m module`.
        words: arguments.
        log: file for whatever it prints.
        told: sent as a line of JSON to its standard input; None sends nothing.
        environment: of the process; None is this one's.
    """

    __slots__ = ("_log", "_process", "name")

    def __init__(
        self,
        module: str,
        words: Sequence[str] = (),
        *,
        log: Path,
        told: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = module
        self._log = log
        with log.open("wb") as sink:
            self._process = start_child(
                [sys.executable, "-m", module, *words],
                stdin=subprocess.PIPE,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )
        if told is not None:
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # what it died of stands in its log
                self._process.stdin.write(json.dumps(told).encode() + b"\n")
                self._process.stdin.flush()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def wait(self, within_s: float) -> int | None:
        """Its exit code; None when it still runs after so many wall seconds."""
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return None

    def last_words(self) -> str:
        """The last lines it printed."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LAST_LINES:])

    def stop(self) -> None:
        """Let it end, now that its input has; end it where it does not."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        if self.wait(_ENDS_WITHIN_S) is None:
            self._process.terminate()
            if self.wait(_STOPS_WITHIN_S) is None:
                self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
