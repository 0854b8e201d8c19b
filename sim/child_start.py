"""Starting a process so that an interruption cannot leave it behind."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["start_child"]

_HELD = (signal.SIGINT, signal.SIGTERM)


def start_child(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a process.

    Ctrl-C between the fork and its return would leave a child that nobody knows of. So signals
    are held for that moment; where one came, the child is ended before it takes effect.

    Args:
        command: program and arguments.
        options: as `subprocess.Popen` takes them.
    """
    with _held() as struck:
        child = subprocess.Popen(command, **options)  # noqa: S603 -- its callers name our modules
        if struck:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe is not None:
                    pipe.close()
    return child


@contextmanager
def _held() -> Iterator[list[int]]:
    """Hold signals; they take effect at the end. Only the main thread ever gets them."""
    struck: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield struck
        return
    before = {number: signal.getsignal(number) for number in _HELD}
    try:
        for number in _HELD:
            signal.signal(number, lambda got, _frame: struck.append(got))
        yield struck
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if struck:
        signal.raise_signal(struck[0])
