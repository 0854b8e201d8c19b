"""Files that a scenario names, a trace or a fault in Python: the same ones on every machine."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from balancer.core.errors import ScenarioError
from scenarios.schema import ProcessFault, Scenario

__all__ = ["check_files", "files_of", "from_anywhere"]


def from_anywhere(scenario: Scenario) -> Scenario:
    """The scenario with complete paths: a worker does not stand in our directory."""
    arrivals = scenario.workload.arrivals
    if arrivals.trace is not None:
        arrivals = arrivals.model_copy(update={"trace": str(Path(arrivals.trace).absolute())})
    faults = tuple(
        fault.model_copy(update={"process": str(Path(fault.process).absolute())})
        if isinstance(fault, ProcessFault)
        else fault
        for fault in scenario.faults
    )
    workload = scenario.workload.model_copy(update={"arrivals": arrivals})
    return scenario.model_copy(update={"workload": workload, "faults": faults})


def files_of(scenario: Scenario) -> Mapping[str, str]:
    """Hash of each file that a scenario names, by its path.

    Raises:
        ScenarioError: one that cannot be read.
    """
    trace = scenario.workload.arrivals.trace
    paths = [] if trace is None else [trace]
    paths += [
        fault.process.rpartition(":")[0]
        for fault in scenario.faults
        if isinstance(fault, ProcessFault)
    ]
    found = {}
    for path in paths:
        try:
            found[path] = _hash(path, _stamp(path))
        except OSError as error:
            raise ScenarioError(f"cannot be read: {error.strerror}", where=path) from None
    return found


def check_files(expected: Mapping[str, str]) -> None:
    """Make sure that this machine has the files as another has them.

    Raises:
        ScenarioError: one is missing here, or is another one.
    """
    for path, expected_hash in expected.items():
        try:
            found = _hash(path, _stamp(path))
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
        else:
            if found == expected_hash:
                continue
            problem = "is another file than on the machine that asks"
        raise ScenarioError(
            f"on the worker {platform.node()} this file {problem}; the scenario names it: put it "
            "there under the same path, as a shared directory does",
            where=path,
        )


def _stamp(path: str) -> tuple[int, int]:
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=256)
def _hash(path: str, _stamp: tuple[int, int]) -> str:
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
