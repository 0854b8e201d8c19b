"""A Dask scheduler and workers as processes of this machine, ended by whoever started them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import IO

__all__ = ["scheduler", "worker"]

_ROOT = str(Path(__file__).parents[2])
_DASK = (sys.executable, "-c", "from dask.__main__ import main; main()")


@contextmanager
def scheduler() -> Iterator[str]:
    """The address of a scheduler without workers."""
    words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    with _started(words, r"Scheduler at:\s+(tcp://\S+)") as (_, address):
        yield address


@contextmanager
def worker(address: str) -> Iterator[int]:
    """The process id of a worker that nobody restarts, once it is registered."""
    words = ["worker", address, "--host", "127.0.0.1", "--no-dashboard"]
    words += ["--nthreads", "1", "--no-nanny", "--memory-limit", "0"]
    with _started(words, r"Registered to:\s+(tcp://\S+)") as (process, _):
        yield process


@contextmanager
def _started(words: list[str], said: str) -> Iterator[tuple[int, str]]:
    """A process that says something when it is ready, and what it said."""
    with ExitStack() as stack:
        # Not our directory: a cluster stands elsewhere.
        elsewhere = stack.enter_context(tempfile.TemporaryDirectory())
        process = stack.enter_context(
            subprocess.Popen(
                [*_DASK, *words],
                cwd=elsewhere,
                env={**os.environ, "PYTHONPATH": _ROOT},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        assert process.stderr is not None
        try:
            lines = []
            for line in process.stderr:
                lines.append(line)
                found = re.search(said, line)
                if found is not None:
                    break
            else:
                raise AssertionError("".join(lines))
            # What nobody reads would fill the pipe and stop the process. The pipe is closed only
            # after its reader has ended, which it does with the process.
            reader = Thread(target=_read, args=(process.stderr,), daemon=True)
            reader.start()
            stack.callback(reader.join)
            yield process.pid, found[1]
        finally:
            process.kill()


def _read(stream: IO[str]) -> None:
    for _line in stream:
        pass
