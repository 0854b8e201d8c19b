"""The service as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.service.conftest import TOKEN
from tests.waiting import GIVE_UP_S

__all__ = ["process"]

ROOT = Path(__file__).parents[2]


@contextmanager
def process(
    data: Path, upstream: str, *options: str, **more: str
) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """`open-balancer serve`, and a client that has its token."""
    environment = {
        **os.environ,
        "OPEN_BALANCER_TOKEN": TOKEN,
        "OPEN_BALANCER_UPSTREAM": upstream,
        "OPEN_BALANCER_DATA": str(data),
        **more,
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "balancer.cli", "serve", "--port", "0", *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None and child.stderr is not None
        line = child.stdout.readline()
        assert line.startswith("open-balancer serves on http://127.0.0.1:"), child.stderr.read()
        headers = {"authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=line.split()[-1], headers=headers, timeout=GIVE_UP_S) as client:
            yield child, client
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate(timeout=GIVE_UP_S)
