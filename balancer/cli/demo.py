"""`open-balancer demo`: a mock Gemini that falls ill, the service, traffic, and the console."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .endings import told

if TYPE_CHECKING:
    from sim.mock_gemini.process import MockProcess

__all__ = ["demo"]

_SERVES = "open-balancer serves on "
_POLICY = """\
name: demo
baseline: null
budget:
  per_hour: $150
  per_key: {search: {per_hour: $30}}
thresholds:
  soft: {latency_p95: 16s, error_rate: 5%}
  hard: {latency_p95: 18s, error_rate: 8%}
  emergency: {latency_p95: 20s, error_rate: 10%}
"""
_CALLERS = (("shop", "high", 5), ("search", "normal", 4), ("batch", "low", 3))
"""Key, priority and weight of those who ask."""
_MODELS = ("gemini-3.8-flash", "gemini-3.5-flash-lite", "gemini-3.1-flash-lite")
"""What is asked for, and what the milder modes take instead; the last mode has another one."""
_STORY: tuple[tuple[float, str, int], ...] = (
    (120.0, "all is well", 0),
    (240.0, f"{_MODELS[0]} answers many times slower", 1),
    (240.0, f"so does {_MODELS[1]}", 2),
    (240.0, f"so does {_MODELS[2]}", 3),
    (1500.0, "all is well again", 0),
)
"""Scenario seconds, what happens, and how many of the models are slow."""


def demo(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the service; 0: any that is free.")
    ] = 8080,
    speed: Annotated[
        float, typer.Option(metavar="K", min=1.0, max=20.0, help="So many times faster.")
    ] = 10.0,
    rate: Annotated[
        float, typer.Option(metavar="N", min=0.1, max=20.0, help="Requests a scenario second.")
    ] = 2.0,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep journal and history here, instead of nowhere."),
    ] = None,
) -> None:
    """Show the console at work: a mock Gemini falls ill and recovers, again and again.

    It starts the mock, the service and some traffic, prints the console's address, and ends all
    of them with Ctrl-C. Nothing leaves this machine and nothing is billed.
    """
    with told():
        from ..installation import require

        require(packages=("scenarios", "sim"), extras=("sim", "mock", "service"))
        from sim.mock_gemini.process import spawn

        with tempfile.TemporaryDirectory(prefix="open-balancer-demo-") as scratch:
            folder = Path(scratch)
            (folder / "policy.yaml").write_text(_POLICY, encoding="utf-8")
            typer.echo("starting (the first start on a machine compiles the simulator) …")
            with (
                spawn(speed=speed) as mock,
                _service(mock, folder, port=port, speed=speed, data=data) as url,
            ):
                typer.echo(f"console  {url}/console")
                typer.echo(f"One second here is {speed:g} s of the scenario. Ctrl-C ends it.")
                asyncio.run(_play(mock, url, speed, rate))


@contextmanager
def _service(
    mock: MockProcess, folder: Path, *, port: int, speed: float, data: Path | None
) -> Iterator[str]:
    from sim.child_start import start_child

    words = {
        "--policy": folder / "policy.yaml",
        "--data": data or folder / "data",
        "--upstream": mock.addresses.url,
        "--port": port,
        "--speed": speed,
    }
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("OPEN_BALANCER_")
    }
    with (folder / "service.log").open("wb") as log:
        child = start_child(
            [sys.executable, "-m", "balancer.cli", "serve"]
            + [str(word) for pair in words.items() for word in pair],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment | {"GEMINI_API_KEY": mock.addresses.api_key},
            start_new_session=True,  # Ctrl-C is ours: the service ends after its traffic
        )
    try:
        line = child.stdout.readline() if child.stdout is not None else ""
        if not line.startswith(_SERVES):
            raise _unserved(folder)
        yield line.removeprefix(_SERVES).strip()
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _unserved(folder: Path) -> Exception:
    from ..core.errors import InputError

    lines = (folder / "service.log").read_text(encoding="utf-8", errors="replace").splitlines()
    last = lines[-1].removeprefix("error: ") if lines else "it says nothing"
    return InputError(f"the service did not start: {last}")


async def _play(mock: MockProcess, url: str, speed: float, rate: float) -> None:
    import aiohttp

    async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(60)) as session:
        traffic = asyncio.create_task(_traffic(session, speed * rate))
        try:
            while True:
                for seconds, words, slow in _STORY:
                    typer.echo(f"  {words}")
                    await asyncio.to_thread(_slow_down, mock, _MODELS[:slow])
                    await asyncio.sleep(seconds / speed)
        finally:
            traffic.cancel()
            await asyncio.gather(traffic, return_exceptions=True)


def _slow_down(mock: MockProcess, models: Sequence[str]) -> None:
    playing = mock.admin.faults()
    for name in playing.keys() - set(models):
        mock.admin.drop_fault(name)
    for name in models:
        if name not in playing:
            mock.admin.put_fault(name, {"kind": "latency", "model": name, "factor": "x30"})


async def _traffic(session: Any, per_s: float) -> None:
    """Requests at random, as if many asked: none waits for another."""
    asked: set[asyncio.Task[None]] = set()
    weights = [weight for _, _, weight in _CALLERS]
    chance = random.Random(0)  # noqa: S311 - chance, not secrecy
    while True:
        task = asyncio.create_task(_ask(session, chance.choices(_CALLERS, weights)[0]))
        asked.add(task)
        task.add_done_callback(asked.discard)
        await asyncio.sleep(chance.expovariate(per_s))


async def _ask(session: Any, caller: tuple[str, str, int]) -> None:
    import aiohttp

    key, priority, _ = caller
    headers = {"x-open-balancer-key": key, "x-open-balancer-priority": priority}
    body = {"contents": [{"role": "user", "parts": [{"text": "How are you today? " * 40}]}]}
    try:
        async with session.post(
            f"/v1beta/models/{_MODELS[0]}:generateContent", json=body, headers=headers
        ) as answer:
            await answer.read()
    except (aiohttp.ClientError, TimeoutError):
        return  # as a user's browser would: the dashboard tells of it
