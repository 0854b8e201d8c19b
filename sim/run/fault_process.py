"""A fault written in Python: found in a file, checked, and run as a guest among our processes.

The function is called as ``function(env, plant, fault)`` when its window starts and is a
simpy process from then on: it yields events of `env` and changes `plant` between them. A
window that comes again does not call it again; it is a process and can loop by itself.
"""

from __future__ import annotations

import importlib.util
import inspect
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from simpy import Event

from balancer.core.errors import BalancerError, ScenarioError, nearest
from scenarios.schema import ProcessFault

__all__ = ["drive", "load"]


def load(fault: ProcessFault, place: int) -> Callable[..., Any]:
    """Find the function of a fault, "path/to/file.py:function", from the current directory.

    Args:
        fault: of kind process.
        place: its place in the scenario, for messages.

    Raises:
        ScenarioError: no such file or function, a file that fails when it is run, or a
            function that is not a generator.
    """
    where = f"faults.{place}.process"
    file, colon, name = fault.process.rpartition(":")
    if not colon or not file or not name:
        raise ScenarioError(
            f"{fault.process!r} does not name a function; expected path/to/file.py:function",
            where=where,
        )
    path = Path(file)
    if not path.is_file():
        raise ScenarioError(f"there is no file {path}", where=where)
    spec = importlib.util.spec_from_file_location(f"fault_{place}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ScenarioError(f"{path} is not a Python file; expected a name in .py", where=where)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        problem = f"{path} fails when it is run: {_one_line(error)}"
        raise ScenarioError(problem, where=where) from error
    function = getattr(module, name, None)
    if not inspect.isgeneratorfunction(function):
        if function is not None:
            problem = f"{name} in {path} is no simpy process; expected one that yields events"
        else:
            problem = f"{path} has no function {name!r}{nearest(name, vars(module))}"
        raise ScenarioError(problem, where=where)
    return function


def drive(
    guest: Generator[Event, Any, Any], *, before_each: Callable[[], None], name: str
) -> Generator[Event, Any, None]:
    """Run a guest's process, calling `before_each` every time just before it goes on.

    Raises:
        ScenarioError: the guest failed; the message says where.
    """
    answer: Any = None
    failure: Exception | None = None
    while True:
        before_each()
        try:
            event = guest.throw(failure) if failure is not None else guest.send(answer)
        except StopIteration:
            return
        except BalancerError:
            raise
        except Exception as error:
            raise ScenarioError(_one_line(error), where=name) from error
        if not isinstance(event, Event):
            raise ScenarioError(
                f"the process yielded {event!r}; expected an event such as env.timeout(1)",
                where=name,
            )
        answer, failure = None, None
        try:
            answer = yield event
        except Exception as error:  # noqa: BLE001  # an event's failure is the guest's to handle
            failure = error


def _one_line(error: Exception) -> str:
    """The error with the line of the user's file it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    line = f" (line {frames[-1].lineno} of {Path(frames[-1].filename).name})" if frames else ""
    return f"{type(error).__name__}: {error}{line}"
