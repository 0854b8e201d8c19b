"""A client's script, running in an environment of its own: told a call, it says what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Driver"]

_ROOT = Path(__file__).parents[2]
_STARTS_WITHIN_S = 120.0


class Driver:
    """A running script; a context manager that ends it.

    Args:
        command: that runs it.
        variables: of its environment, beside ours.

    Attributes:
        version: of the client.
        calls: that it can make.

    Raises:
        RuntimeError: it does not start.
    """

    def __init__(self, command: Sequence[str], variables: Mapping[str, str]) -> None:
        self._command = command
        self._variables = variables
        said = self._start()
        if "version" not in said:
            self._end()
            raise RuntimeError(f"{command[-1]} does not start")
        self.version: str = said["version"]
        self.calls: list[str] = said["calls"]

    def ask(self, call: str, url: str, *, within_s: float) -> dict[str, Any]:
        """Make a call.

        Args:
            call: one of `calls`.
            url: base URL that the client is given.
            within_s: how long it may take; the script is started anew after that.

        Returns:
            `got` or `error`, and `seconds` that it took.
        """
        if self._child.poll() is not None:
            self._end()
            self._start()
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps({"call": call, "url": url}) + "\n")
        self._child.stdin.flush()
        return self._read(within_s) or {"error": "no answer", "seconds": within_s}

    def _start(self) -> dict[str, Any]:
        self._child = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=_ROOT,
            env={**os.environ, **self._variables},
        )
        return self._read(_STARTS_WITHIN_S)

    def _read(self, within_s: float) -> dict[str, Any]:
        late = threading.Timer(within_s, self._child.kill)
        late.start()
        try:
            assert self._child.stdout is not None
            line = self._child.stdout.readline()
        finally:
            late.cancel()
        if not line:
            self._child.wait()
            return {}
        found: dict[str, Any] = json.loads(line)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._child.kill()
        self._child.communicate()
