"""The fleet on a laptop as processes: told what compose.yaml tells its containers."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.deploy.files import ours
from tests.fleet.conftest import SERVER, Server
from tests.service.conftest import TOKEN
from tests.service.processes import process
from tests.service.status import status, status_with
from tests.waiting import until

UPSTREAM = "http://127.0.0.1:9"
ELSEWHERE = ("OPEN_BALANCER_DATABASE", "OPEN_BALANCER_UPSTREAM", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""What tells of other containers, beside the store."""


@pytest.mark.live  # two processes, a store, and some ticks of it
def test_the_replicas_decide_together(tmp_path: Path) -> None:
    """One leads, an order to one is everybody's, and callers come by the name that is told."""
    if SERVER is None:
        pytest.skip("no redis-server or valkey-server on this machine")
    replicas = [each for each in ours() if each.where.startswith("compose.yaml, balancer")]
    assert len(replicas) == 2
    with ExitStack() as running, tempfile.TemporaryDirectory(prefix="fleet") as home:
        store = Server(Path(home))
        running.callback(store.stop)
        clients: list[httpx.Client] = []
        for number, replica in enumerate(replicas):
            told = {k: v for k, v in replica.environment.items() if k not in ELSEWHERE}
            told |= {
                "OPEN_BALANCER_FLEET": store.url,
                "OPEN_BALANCER_HOST": "127.0.0.1",
                "OPEN_BALANCER_DATA": str(tmp_path / f"data-{number}"),
                "OPEN_BALANCER_TOKEN": TOKEN,
            }
            _, client = running.enter_context(process(tmp_path, UPSTREAM, **told))
            clients.append(client)
        until(
            lambda: {status(each)["fleet"]["place"] for each in clients} == {"leader", "follower"},
            "one leads",
        )
        order = {"mode": "soft", "reason": "a drill", "duration": "10m"}
        assert clients[0].post("/api/brownout", json=order).status_code == 200
        for each in clients:
            status_with(each, mode="soft")
            until(partial(_both, each), "it knows of both")
            assert each.get("/readyz", headers={"host": "balancer:8080"}).status_code == 200


def _both(client: httpx.Client) -> bool:
    return bool(status(client)["fleet"]["replicas"] == 2)
