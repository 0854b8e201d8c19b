"""What is wrong with scenarios that only the simulator knows, found before anything runs.

The schema sees each value by itself. That an expectation names a fault that there is, that a trace
can be read, that the traffic fits into memory is known here; whoever runs several scenarios asks
about all of them first, so that a mistake in the last does not cost the runs of the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from balancer.core.errors import InputError, ScenarioError, TraceError
from scenarios.loader import place_of
from scenarios.schema import ProcessFault, Scenario

from ..run.fault_process import load
from ..run.fault_windows import check_faults
from ..run.result import NONE
from ..traffic.workload import check_traffic
from .expectations import expected
from .replications import journal_name

__all__ = ["check_scenarios"]


def check_scenarios(scenarios: Sequence[Scenario], sources: Sequence[str]) -> None:
    """Refuse scenarios that could not be run, each by the name it was asked for.

    Args:
        scenarios: to be run together.
        sources: the file or name each came from, for messages.

    Raises:
        ScenarioError: an expectation, a fault or an amount of traffic that cannot be, or two
            scenarios whose journals would have one name.
        TraceError: a trace that cannot be read; names its line.
    """
    journals: dict[str, str] = {}
    for scenario, source in zip(scenarios, sources, strict=True):
        try:
            _check(scenario)
        except TraceError:
            raise  # names the file and line of the trace
        except InputError as error:
            raise ScenarioError(error.problem, where=place_of(source, error.where)) from None
        name = journal_name(scenario, NONE, 0)
        if name in journals:
            raise ScenarioError(
                f"is named {scenario.scenario!r}, as {journals[name]} is, and their files would "
                "overwrite each other; rename one, or leave it out",
                where=source,
            )
        journals[name] = source


def _check(scenario: Scenario) -> None:
    expected(scenario)
    check_faults(scenario)
    for place, fault in enumerate(scenario.faults):
        if isinstance(fault, ProcessFault):
            load(fault, place)
    check_traffic(scenario)
