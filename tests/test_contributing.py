"""The examples of CONTRIBUTING.md work as they stand there."""

from __future__ import annotations

import re
import socket
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from balancer.core import controller, policy
from balancer.core.modes import Mode
from balancer.runtime.balancer import Balancer
from balancer.runtime.clock import ManualClock
from scenarios.loader import load
from sim.study.expectations import expected
from tests.core.builders import make_policy
from tests.core.loop import Health, Loop, during
from tests.waiting import GIVE_UP_S

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"


def example(chapter: str, language: str) -> str:
    """The longest block of a chapter, which is its new file."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## {chapter}\n")[2].partition("\n## ")[0]
    blocks = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return textwrap.dedent(max(blocks, key=len))


def module(chapter: str, package: str) -> ModuleType:
    """A chapter's new file as a module of a package."""
    made = ModuleType(f"{package}.example")
    made.__package__ = package
    exec(compile(example(chapter, "python"), PAGE.name, "exec"), made.__dict__)  # noqa: S102
    return made


def test_the_law_runs_in_a_closed_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up, and never back, with nothing but the two names that the page asks for."""
    law = module("Add a law", "balancer.core.laws").Ratchet
    monkeypatch.setattr(policy, "LAWS", (*policy.LAWS, "ratchet"))
    monkeypatch.setattr(controller, "_PEERS", {**controller._PEERS, "ratchet": law})
    world = during(range(100, 200), normal=Health(failing=1.0))
    run = Loop(controller.Controller(make_policy(law="ratchet")), world).run(900)
    assert run.now.mode > Mode.NORMAL
    assert [step.after for step in run.steps] == sorted(step.after for step in run.steps)


def test_the_scenario_is_valid(tmp_path: Path) -> None:
    """Its expectations can be judged, and it fits on a page."""
    path = tmp_path / "late_first_word.yaml"
    path.write_text(example("Add a scenario", "yaml"), encoding="utf-8")
    scenario = load(str(path)).scenario
    assert scenario.scenario == path.stem
    assert scenario.title.endswith("?")
    assert expected(scenario)


def test_the_adapter_sends_a_datagram_a_tick() -> None:
    """Until it is closed."""
    statsd = module("Add an adapter", "balancer.adapters")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(GIVE_UP_S)
        clock = ManualClock()
        balancer = Balancer(clock=clock)
        close = statsd.follow(balancer, *server.getsockname())
        for _ in range(2):
            clock.advance(1.0)
            balancer.tick()
        assert [server.recv(64) for _ in range(2)] == [b"open_balancer.mode:0|g"] * 2
        close()
