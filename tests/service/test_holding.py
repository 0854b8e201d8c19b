"""What the service holds on a bad day: one owner for its data, and a budget without a disk."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from balancer.core.errors import InputError
from balancer.service.folder import held
from tests.service.conftest import Start
from tests.service.processes import process
from tests.service.test_process import BODY, PATH, ROOT, script
from tests.service.upstream import Connection, Script, answer
from tests.waiting import GIVE_UP_S, until

pytestmark = pytest.mark.slow

__all__ = ["script"]

POLICY = "baseline: null\nbudget: {per_hour: $1}\n"


def second(data: Path, url: str) -> subprocess.CompletedProcess[str]:
    """Another service on the same data."""
    return subprocess.run(
        [sys.executable, "-m", "balancer.cli", "serve", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "OPEN_BALANCER_DATA": str(data), "OPEN_BALANCER_UPSTREAM": url},
        capture_output=True,
        text=True,
        timeout=GIVE_UP_S,
        check=False,
    )


def test_a_data_folder_has_one_owner(tmp_path: Path, script: Script) -> None:
    """The second start says who holds it; whoever died holds nothing."""
    with process(tmp_path, script.url) as (child, _):
        refused = second(tmp_path, script.url)
        assert refused.returncode == 2
        assert f"is in use by process {child.pid} on " in refused.stderr
        assert "Traceback" not in refused.stderr
        child.send_signal(signal.SIGKILL)
        child.wait(GIVE_UP_S)
    with process(tmp_path, script.url) as (_, client):
        assert client.get("/healthz").status_code == 200


def test_a_folder_that_cannot_be_held_is_named(tmp_path: Path) -> None:
    """In one sentence."""
    with pytest.raises(InputError, match="lock"), held(tmp_path / "gone"):
        pytest.fail("it is not there")


def test_a_killed_service_keeps_its_budget(tmp_path: Path, script: Script) -> None:
    """Killed before its first snapshot of the controller: used is what was billed, to the cent."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    script.say(*(answer("x") for _ in range(3)))
    with process(tmp_path / "data", script.url, "--policy", str(policy)) as (child, client):
        for _ in range(3):
            assert client.post(PATH, json=BODY).status_code == 200
        (before,) = client.get("/api/metrics").json()["llm"]["budgets"]
        child.send_signal(signal.SIGKILL)
        child.wait(GIVE_UP_S)
    assert before["used_usd"] > 0
    assert before["reserved_usd"] == 0
    assert before["used_usd"] + before["left_usd"] == pytest.approx(1.0)
    assert datetime.fromisoformat(before["free_at"]) > datetime.now(UTC)
    with process(tmp_path / "data", script.url, "--policy", str(policy)) as (_, client):
        (after,) = client.get("/api/metrics").json()["llm"]["budgets"]
        assert after["used_usd"] == pytest.approx(before["used_usd"])
        assert "budget_loss" not in client.get("/readyz").json()["problems"]


@pytest.mark.parametrize(("charge", "left"), [(None, 0.0), ("nothing", 1.0)])
def test_a_budget_whose_files_are_gone_is_used_up(
    tmp_path: Path, script: Script, charge: str | None, left: float
) -> None:
    """Unless it is told otherwise; `/readyz` says why."""
    policy, data = tmp_path / "policy.yaml", tmp_path / "data"
    policy.write_text(POLICY)
    with process(data, script.url, "--policy", str(policy)):
        until((data / "state.json").exists)
    for path in data.glob("state.json.budget*"):
        path.unlink()
    more = {} if charge is None else {"OPEN_BALANCER_BUDGET_AFTER_LOSS": charge}
    with process(data, script.url, "--policy", str(policy), **more) as (_, client):
        (budget,) = client.get("/api/metrics").json()["llm"]["budgets"]
        assert budget["left_usd"] == pytest.approx(left)
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert "is missing" in ready.json()["problems"]["budget_loss"]


def test_while_state_cannot_be_written_the_service_is_not_ready(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It serves what comes all the same, and refuses by the budget in memory."""
    service = start(policy=POLICY)
    service.script.say(answer("x"))
    balancer = service.balancer
    with service.client() as client:
        assert client.get("/readyz").status_code == 200
        balancer._control.health.broke("budget", OSError("No space left on device"))
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert "by memory" in ready.json()["problems"]["budget"]
        assert client.post(PATH, json=BODY).status_code == 200
        balancer.ledger.book(10**9)
        assert client.post(PATH, json=BODY).status_code == 503
        balancer._control.health.mended("budget")
        assert client.get("/readyz").status_code == 200


def test_what_a_caller_left_is_charged_what_it_came_to(start: Start) -> None:
    """The upstream goes on with a whole answer, and bills it: spend and budget are equal to it."""
    service = start(policy=POLICY)
    begun, go_on = threading.Event(), asyncio.Event()

    async def slow(connection: Connection) -> None:
        begun.set()
        await go_on.wait()
        await connection.write(answer("late", prompt=1000, output=2000))

    service.script.say(slow, answer("x", prompt=1000, output=2000))
    service.leave("POST", PATH, json.dumps(BODY).encode(), begun.is_set)
    service.loop.call_soon_threadsafe(go_on.set)
    until(lambda: service.balancer.budgets()[0].reserved == 0)
    left_alone = service.balancer.budgets()[0].used
    with service.client() as client:
        assert client.post(PATH, json=BODY).status_code == 200
    assert service.balancer.budgets()[0].used == 2 * left_alone > 0
    service.balancer.close()
    settled = sum(entry.nano_usd for seen in service.seen for entry in seen.served)
    assert settled == 2 * left_alone
