"""The gate as a process: what its exit codes mean, and that it ends when it is not wanted."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from balancer.operator.complete import complete
from balancer.operator.decisions import GateAsked
from balancer.operator.gating import GateBroke, Gates
from balancer.operator.own_scenarios import OwnScenario
from reports.gate.words import answer
from tests.operator.conftest import FIRST, SECOND
from tests.waiting import until

pytestmark = pytest.mark.slow


def asked(*scenarios: str, candidate: str = SECOND, margin: str = "") -> GateAsked:
    """Whether one may replace the other."""
    return GateAsked(
        baseline=complete(FIRST, "policy", "policy"),
        candidate=complete(candidate, "policy", "policy"),
        scenarios=scenarios,
        margin=margin,
        replications_max=10,
        digest="",
    )


def test_a_gate_is_the_command_s(tmp_path: Path) -> None:
    """Which says so in its own words; ten replications are too few for a pass."""
    scenario = tmp_path / "tiny.yaml"
    scenario.write_text(
        "scenario: tiny\ntitle: Is it as good for a minute?\nduration: 1m\nwarm_up: 10s\n"
        "workload: {arrivals: {process: poisson, rate: 1}}\n"
    )
    question = asked(str(scenario), margin="availability=1pp")
    verdict, words = asyncio.run(Gates(answer, workers=1)(question))
    assert verdict == "inconclusive"
    assert words.startswith("Not decided: 1 of 1 comparison open (Availability in tiny")


def test_a_gate_runs_on_scenarios_of_one_s_own(tmp_path: Path) -> None:
    """Their files are written for the command, and are gone after it."""
    script = (
        "import pathlib, sys\n"
        "sys.stderr.write('error: ' + repr([sys.argv[-2], pathlib.Path(sys.argv[-1]).name, "
        "pathlib.Path(sys.argv[-1]).read_text()]))\n"
        "sys.exit(2)"
    )
    own = OwnScenario(name="launch.yaml", text="scenario: launch")
    gates = Gates(answer, command=(sys.executable, "-c", script))
    found = asyncio.run(gates(replace(asked("steady"), own_scenarios=(own,))))
    assert found == ("refused", "['steady', 'launch.yaml', 'scenario: launch']")


def test_a_question_that_cannot_be_asked_is_refused() -> None:
    """With the command's own message, below whatever it warned of."""
    said = "a warning\nerror: no scenario is called x\n"
    script = f"import sys; sys.stderr.write({said!r}); sys.exit(2)"
    refuses = (sys.executable, "-c", script)
    found = asyncio.run(Gates(answer, command=refuses)(asked("x")))
    assert found == ("refused", "no scenario is called x")


def test_a_process_that_dies_is_no_verdict() -> None:
    """As one that was killed for its memory."""
    dies = (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(GateBroke, match="the gate was ended by signal 9: it said nothing"):
        asyncio.run(Gates(answer, command=dies)(asked("steady")))


def test_a_gate_that_is_cancelled_ends_its_process(tmp_path: Path) -> None:
    """And gives its turn to the next."""
    begun = tmp_path / "begun"
    ends = tmp_path / "ended"
    script = (
        "import pathlib, signal, sys, time\n"
        f"def end(*_): pathlib.Path({str(ends)!r}).touch(); sys.exit(143)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"pathlib.Path({str(begun)!r}).touch()\n"
        "while True: signal.pause()\n"
    )

    async def main() -> None:
        gates = Gates(answer, command=(sys.executable, "-c", script))
        first = asyncio.create_task(gates(asked("steady")))
        second = asyncio.create_task(gates(asked("steady")))
        await asyncio.to_thread(until, begun.exists, "the process began")
        begun.unlink()
        first.cancel()
        await asyncio.wait((first,))
        assert ends.exists()
        await asyncio.to_thread(until, begun.exists, "the next began")
        second.cancel()
        await asyncio.wait((second,))

    asyncio.run(main())
