"""`--cluster`: the same files as without, and one message for what cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.test_gate import SCENARIO
from tests.sim.dask_cluster import scheduler, worker

pytestmark = pytest.mark.slow

TRACED = """\
scenario: traced
title: Recorded traffic and a fault in Python
duration: 2m
warm_up: 10s
workload:
  arrivals: {trace: trace.csv, format: burstgpt}
faults:
  - {kind: process, process: "fault.py:slow", at: 30s, for: 1m}
"""
FAULT = """\
from scenarios.schema import UpstreamFault
from sim.plant.fault_rows import OFF

def slow(env, plant, fault):
    worse = UpstreamFault(kind="latency", at=fault.at, duration=fault.duration, factor=3)
    plant.set_fault(len(plant.faults) - 1, worse)
    yield env.timeout(20)
    plant.set_fault(len(plant.faults) - 1, worse, OFF)
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of one worker."""
    with scheduler() as found, worker(found):
        yield found


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A scenario, one that names files beside it, and a policy."""
    requests = "".join(f"{second * 0.25:.2f},300,60\n" for second in range(480))
    (tmp_path / "trace.csv").write_text(f"Timestamp,Request tokens,Response tokens\n{requests}")
    (tmp_path / "traced.yaml").write_text(TRACED)
    (tmp_path / "fault.py").write_text(FAULT)
    (tmp_path / "tiny.yaml").write_text(SCENARIO)
    (tmp_path / "same.yaml").write_text("name: same\n")
    return tmp_path


def test_run_and_gate_write_the_same_bytes(command: Command, files: Path, address: str) -> None:
    """Verdicts, journals and decisions do not tell who computed them."""
    commands = {
        "run": ("run", "traced.yaml", "--replications", "3"),
        "gate": ("gate", "tiny.yaml", "--candidate", "same.yaml", "--replications-max", "12"),
    }
    for name, words in commands.items():
        there = command(*words, "--quiet", "--cluster", address, "--out", f"{name}-there")
        here = command(*words, "--quiet", "--workers", "1", "--out", f"{name}-here")
        assert (there.exit_code, there.output) == (here.exit_code, here.output)
        names = sorted(path.name for path in (files / f"{name}-here").iterdir())
        assert names == sorted(path.name for path in (files / f"{name}-there").iterdir())
        assert any(each in names for each in ("verdict.json", "gate.json"))
        for each in names:
            found, expected = (files / f"{name}-{place}" / each for place in ("there", "here"))
            assert found.read_bytes() == expected.read_bytes(), each
    assert len(list((files / "run-there").glob("*.jsonl"))) == 4


@pytest.mark.parametrize(
    "words", [("run",), ("compare",), ("gate", "--candidate", "same.yaml"), ("tune",)]
)
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--workers", "2", "--cluster", "tcp://h:1"), "give one of them"),
        (("--cluster", "http://h:1"), "expected tcp://HOST:PORT"),
        (("--cluster", "tcp://127.0.0.1:1"), "no Dask scheduler answers at tcp://127.0.0.1:1"),
    ],
)
def test_a_cluster_that_cannot_be_is_one_message(
    command: Command,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    options: tuple[str, ...],
    problem: str,
) -> None:
    """With exit code 2, and nothing is left behind."""
    monkeypatch.setattr("sim.workers.cluster.CONNECT_S", 0.5)
    before = sorted(files.iterdir())
    done = command(*words, "tiny.yaml", *options)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: --cluster: ")
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(files.iterdir()) == before
