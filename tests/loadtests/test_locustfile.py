"""The locustfile by itself: what cannot be played is said before anything is sent."""

from __future__ import annotations

import subprocess
import sys

import pytest

from loadtests.live import LOCUSTFILE

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--scenario stedy", "no scenario is called 'stedy' (did you mean 'steady'?)"),
        ("--scenario steady --speed nan", "speed is nan; expected 0.01 to 1000"),
        (
            "--scenario monitoring_delayed --target sdk",
            "a fault of kind delay exists in the simulator only",
        ),
        ("--scenario empty_answers --target service", "clients.output_cap: found 3072"),
    ],
)
def test_what_cannot_be_played_ends_locust_with_one_message(words: str, says: str) -> None:
    """And exit code 2."""
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    (message,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert says in message
    assert "Traceback" not in done.stderr
