"""Faults written in Python."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from simpy import Environment, Event

from balancer.core.errors import ScenarioError
from scenarios.schema import ProcessFault
from sim.run.fault_process import drive, load


def fault(process: str) -> ProcessFault:
    """A fault that runs a process."""
    return ProcessFault.model_validate({"kind": "process", "at": 1, "for": 10, "process": process})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with one good process, and others."""
    (tmp_path / "storm.py.txt").touch()
    path = tmp_path / "storm.py"
    path.write_text(
        "import math\n"
        "def storm(env, plant, fault):\n"
        "    yield env.timeout(1)\n"
        "def plain(env, plant, fault):\n"
        "    return 1\n"
    )
    return path


def test_a_process_is_found_by_file_and_name(file: Path) -> None:
    """The function itself comes back."""
    assert load(fault(f"{file}:storm"), 0).__name__ == "storm"


@pytest.mark.parametrize(
    ("process", "problem"),
    [
        ("{file}", "expected path/to/file.py:function"),
        ("{file}:", "expected path/to/file.py:function"),
        ("{file}x:storm", "there is no file"),
        ("{file}.txt:storm", "is not a Python file"),
        ("{file}:strom", "did you mean 'storm'"),
        ("{file}:plain", "expected one that yields events"),
    ],
)
def test_a_process_that_is_not_there_is_refused(file: Path, process: str, problem: str) -> None:
    """With its key, and what to write instead."""
    with pytest.raises(ScenarioError, match=problem) as caught:
        load(fault(process.format(file=file)), 2)
    assert caught.value.where == "faults.2.process"


def test_a_file_that_fails_names_the_line(tmp_path: Path) -> None:
    """Its own error, in one sentence."""
    path = tmp_path / "broken.py"
    path.write_text("x = 1\ny = x / 0\n")
    with pytest.raises(ScenarioError, match=r"ZeroDivisionError.*line 2 of broken\.py"):
        load(fault(f"{path}:f"), 0)


def test_the_plant_is_brought_up_to_date_before_the_guest_goes_on() -> None:
    """Or a change would reach back to the last tick."""
    env = Environment()
    seen: list[tuple[str, float]] = []

    def guest() -> Generator[Event, Any, None]:
        seen.append(("guest", env.now))
        yield env.timeout(2.5)
        seen.append(("guest", env.now))

    env.process(drive(guest(), before_each=lambda: seen.append(("plant", env.now)), name="g"))
    env.run()
    assert seen == [("plant", 0.0), ("guest", 0.0), ("plant", 2.5), ("guest", 2.5)]


def test_a_guest_receives_what_its_events_bring() -> None:
    """Values and failures alike, as in any simpy process."""
    env = Environment()
    got: list[object] = []

    def failing() -> Generator[Event, Any, None]:
        yield env.timeout(1)
        raise KeyError("down")

    def guest() -> Generator[Event, Any, None]:
        got.append((yield env.timeout(1, value="up")))
        try:
            yield env.process(failing())
        except KeyError as error:
            got.append(error.args[0])

    env.process(drive(guest(), before_each=lambda: None, name="g"))
    env.run()
    assert got == ["up", "down"]


def test_a_guest_that_fails_is_one_clear_error() -> None:
    """Named by the fault, with the guest's line; it ends the run."""
    env = Environment()

    def guest() -> Generator[Event, Any, None]:
        yield env.timeout(1)
        raise ValueError("no such valve")

    env.process(drive(guest(), before_each=lambda: None, name="storm.py:guest"))
    with pytest.raises(ScenarioError, match=r"^storm\.py:guest: ValueError: no such valve \(line"):
        env.run()


def test_a_guest_may_raise_our_own_errors() -> None:
    """They say already what is wrong."""
    env = Environment()

    def guest() -> Generator[Event, Any, None]:
        yield env.timeout(1)
        raise ScenarioError("no such model", where="arguments.model")

    env.process(drive(guest(), before_each=lambda: None, name="g"))
    with pytest.raises(ScenarioError, match=r"^arguments\.model: no such model$"):
        env.run()


def test_a_guest_that_yields_no_event_is_told_so() -> None:
    """A number is the likeliest mistake."""
    env = Environment()

    def guest() -> Generator[Any, Any, None]:
        yield 5

    env.process(drive(guest(), before_each=lambda: None, name="g"))
    with pytest.raises(ScenarioError, match=r"yielded 5; expected an event"):
        env.run()
