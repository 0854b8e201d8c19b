"""The mock's fates are collected from second 0 on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.request import Request, urlopen

from loadtests.fates import FATES, FateCollector
from loadtests.rows import Fate, read_rows
from sim.mock_gemini.admin_client import Admin
from sim.mock_gemini.server import Addresses, MockServer
from sim.mock_gemini.settings import load_settings

BODY = json.dumps({"contents": [{"parts": [{"text": "Hello"}]}]}).encode()


def ask(addresses: Addresses, number: int) -> None:
    """Make a call of a request of the workload."""
    url = f"{addresses.url}/v1beta/models/gemini-2.5-flash:generateContent"
    headers = {
        "x-goog-api-key": addresses.api_key,
        "content-type": "application/json",
        "x-open-balancer-request": str(number),
    }
    with urlopen(Request(url, data=BODY, headers=headers)) as response:  # noqa: S310
        assert response.status == 200


def test_every_call_since_second_0_is_collected_once(tmp_path: Path) -> None:
    """What came before, to measure, is nobody's business."""
    with MockServer(load_settings("steady", latency=False)) as server:
        admin = Admin(server.addresses.admin_url, server.addresses.token)
        with FateCollector(admin, tmp_path) as fates:
            ask(server.addresses, 9)
            admin.set_clock(time.time())
            fates.begin()
            ask(server.addresses, 0)
            ask(server.addresses, 1)
    rows = read_rows([tmp_path / FATES], Fate)
    assert [row.request for row in rows] == [0, 1]
    assert all(row.failure == "" and row.delivered_ppm == 1_000_000 for row in rows)
    assert all(0 < row.quality_ppm <= 1_000_000 for row in rows)
    assert all(row.bill_nano_usd > 0 and row.duration_s > 0 for row in rows)
