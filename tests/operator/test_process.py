"""The operator as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.operator.api_server import NAMESPACE, ApiServer
from tests.operator.conftest import kubeconfig, spec
from tests.waiting import GIVE_UP_S, free_port, listens, until

ROOT = Path(__file__).parents[2]
REFUSAL = "shop/chat: Valid is False (PolicyRefused): spec.policy:1:"


@pytest.mark.slow
def test_it_works_until_it_is_told_to_stop(api: ApiServer, tmp_path: Path) -> None:
    """Its liveness is asked meanwhile; then it exits with 0."""
    port = free_port()
    api.put_policy("chat", spec("thresholds: 3"))
    file = tmp_path / "kubeconfig"
    kubeconfig(file, api)
    log = tmp_path / "log"
    with log.open("wb") as stream:
        child = subprocess.Popen(
            [sys.executable, "-m", "balancer.cli", "operator", "--namespace", NAMESPACE,
             "--liveness-port", str(port)],
            cwd=ROOT,
            env={**os.environ, "KUBECONFIG": str(file)},
            stderr=stream,
        )  # fmt: skip
    try:
        api.wait("chat", "Valid", "PolicyRefused")
        # It is logged once it is written.
        until(lambda: REFUSAL in log.read_text() or child.poll() is not None, "the condition's log")
        assert REFUSAL in log.read_text(), log.read_text()
        until(lambda: listens(port), "liveness")
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        child.send_signal(signal.SIGTERM)
        child.wait(timeout=GIVE_UP_S)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait(timeout=GIVE_UP_S)
    assert child.returncode == 0, log.read_text()
    assert "Traceback" not in log.read_text()
