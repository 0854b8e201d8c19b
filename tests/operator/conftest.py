"""An operator on a thread of its own, an API server, and replicas that are real services."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from balancer.operator.decisions import GateAsked
from balancer.operator.gating import GateBroke
from balancer.operator.handlers import operate
from balancer.operator.keeper import Times
from balancer.operator.memory import Outcome
from balancer.policy_file import load_policy
from scenarios.elsewhere import load_elsewhere
from tests.operator.api_server import NAMESPACE, ApiServer, api_server
from tests.service.conftest import Service, serving
from tests.waiting import GIVE_UP_S

__all__ = ["FIRST", "SECOND", "THIRD", "Operating", "ScriptedGate", "kubeconfig", "spec"]

FIRST = "name: first\nthresholds: {soft: {latency_p95: 8s}}\n"
SECOND = "name: second\nthresholds: {soft: {latency_p95: 9s}}\n"
THIRD = "name: third\nthresholds: {soft: {latency_p95: 10s}}\n"

QUICK = Times(settled=0.1, busy=0.05, first_retry=0.02, last_retry=0.1)


@dataclass(slots=True)
class ScriptedGate:
    """Says what it was told to say.

    Attributes:
        verdicts: by the candidate's name; "broke" breaks, "waits" takes until it is cancelled.
        asked: in order.
        cancelled: candidates whose gate was stopped.
    """

    verdicts: dict[str, str] = field(default_factory=dict)
    asked: list[GateAsked] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    async def __call__(self, asked: GateAsked) -> tuple[Outcome, str]:
        """Answer."""
        self.asked.append(asked)
        name = asked.candidate.name
        verdict = self.verdicts.get(name, "pass")
        if verdict == "waits":
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.append(name)
        if verdict == "broke":
            raise GateBroke("the gate was ended by signal 9: it said nothing")
        return verdict, f"the words of {verdict}"  # type: ignore[return-value]


Operating = Callable[..., Any]


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """An API server."""
    with api_server() as server:
        yield server


@pytest.fixture
def gate() -> ScriptedGate:
    """A gate that passes everything."""
    return ScriptedGate()


def kubeconfig(file: Path, api: ApiServer) -> None:
    """Write where the API server is."""
    file.write_text(
        "current-context: here\n"
        "contexts: [{name: here, context: {cluster: here, user: me}}]\n"
        f"clusters: [{{name: here, cluster: {{server: '{api.url}'}}}}]\n"
        f"users: [{{name: me, user: {{token: '{api.token or 'any'}'}}}}]\n"
    )


@contextmanager
def operating(api: ApiServer, gate: ScriptedGate) -> Iterator[None]:
    """An operator for the time of the block; `KUBECONFIG` has to say where the API server is."""
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    failed: list[BaseException] = []
    started = threading.Event()

    async def main() -> None:
        stop = asyncio.Event()
        running.append((asyncio.get_running_loop(), stop))
        started.set()
        await operate(gate, load_elsewhere, namespaces=[NAMESPACE], times=QUICK, stop=stop)

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - told by the test's thread
            failed.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="operator under test")
    thread.start()
    assert started.wait(GIVE_UP_S), "the operator did not start"
    try:
        yield
    finally:
        loop, stop = running[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(GIVE_UP_S)
        assert not thread.is_alive(), "the operator did not stop"
    assert failed == []


@pytest.fixture
def operator(
    api: ApiServer, gate: ScriptedGate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Operating:
    """Starts an operator, as a context manager."""
    kubeconfig(tmp_path / "kubeconfig", api)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return lambda: operating(api, gate)


@pytest.fixture
def replica(api: ApiServer, tmp_path: Path) -> Iterator[Service]:
    """A service under the policy `first`, whose file is what the ConfigMap `policy` has."""
    file = tmp_path / "policy.yaml"
    api.mounts["policy", "policy.yaml"] = file
    api.put_document("policy", FIRST)
    with ExitStack() as stack:
        service = stack.enter_context(
            serving(tmp_path / "data", policy=load_policy(file), policy_file=file)
        )
        api.put_endpoints("balancer", service.url.removeprefix("http://"))
        yield service


def spec(policy: str | None = SECOND, **more: Any) -> dict[str, Any]:
    """Of a resource, as the API server fills it in."""
    return {
        **({} if policy is None else {"policy": policy}),
        "gate": {"scenarios": ["steady"]},
        "target": {"service": "balancer", "configMap": "policy", "key": "policy.yaml"},
        "probation": "30m",
        **more,
    }
