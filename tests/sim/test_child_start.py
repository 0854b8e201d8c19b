"""An interruption while a process starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sim.child_start import start_child
from tests.waiting import GIVE_UP_S

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_inside_the_start_leaves_no_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It takes effect, after the child has ended."""
    born: list[subprocess.Popen[Any]] = []
    popen = subprocess.Popen

    def interrupted(*words: Any, **options: Any) -> subprocess.Popen[Any]:
        born.append(popen(*words, **options))
        os.kill(os.getpid(), signal.SIGINT)
        return born[0]

    monkeypatch.setattr("sim.child_start.subprocess.Popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start_child(SLEEPER, stdin=subprocess.PIPE)
    assert born[0].returncode == -signal.SIGKILL
    assert not Path(f"/proc/{born[0].pid}").exists()


def test_signals_are_as_before_afterwards() -> None:
    """Whatever handled them."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    child = start_child([sys.executable, "-c", ""])
    assert child.wait(GIVE_UP_S) == 0
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
