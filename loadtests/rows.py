"""What the processes of a load test note down, a JSON line each, for the account at the end.

Locust notes requests as their users saw them, the balancer's process calls as the application
saw them, and the mock the fates that it dealt: only it knows the true bill.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from balancer.core.errors import InputError

__all__ = [
    "ANSWER",
    "FAILED",
    "FALLBACK",
    "REQUESTS",
    "SHED",
    "Call",
    "Fate",
    "Request",
    "read_rows",
    "write_row",
]

REQUESTS = "requests.jsonl"
"""Where Locust notes requests."""

ANSWER, SHED, FALLBACK, FAILED = "answer", "shed", "fallback", "failed"
"""How a request ended for its user."""


class Request(NamedTuple):
    """A request as its user saw it. Seconds are the scenario's.

    Attributes:
        request: index in the workload.
        at_s: when it should have been sent: at its arrival, or when there was a place.
        sent_s: when it was.
        ended_s: when it was over.
        outcome: answer, shed, fallback (a static answer) or failed.
        status: of HTTP; 0 for none.
    """

    request: int
    at_s: float
    sent_s: float
    ended_s: float
    outcome: str
    status: int


class Call(NamedTuple):
    """An attempt as the application saw it.

    Attributes:
        request: index of the one it is part of; -1 for one that is not of the workload.
        attempt: from 0.
        mode: number of the mode of its plan.
        model: that was called.
        started_s, ended_s: scenario seconds.
        failure: one of `balancer.core.observations.FAILURES`, or "" for an answer, or
            "abandoned".
        prompt, cached, output, thinking: tokens, as its usage said.
        nano_usd: estimated cost.
    """

    request: int
    attempt: int
    mode: int
    model: str
    started_s: float
    ended_s: float
    failure: str
    prompt: int
    cached: int
    output: int
    thinking: int
    nano_usd: int


class Fate(NamedTuple):
    """A call as the upstream dealt with it.

    Attributes:
        request: index of the one it is part of.
        attempt, model: of the call.
        began_s: scenario second.
        duration_s: to the outcome; infinite for a hang.
        failure: as in `Call`.
        prompt, cached, answered, thought: tokens; 0 where no work was done.
        delivered_ppm: part of the natural answer that was delivered, in millionths.
        quality_ppm: of the answer, before what a plan's edits take from it.
        bill_nano_usd: what is charged.
        downgraded: whether it was served in another tier than it was sent in.
    """

    request: int
    attempt: int
    model: str
    began_s: float
    duration_s: float
    failure: str
    prompt: int
    cached: int
    answered: int
    thought: int
    delivered_ppm: int
    quality_ppm: int
    bill_nano_usd: int
    downgraded: bool = False


class _Sink(Protocol):
    def write(self, text: str, /) -> object: ...


Row = TypeVar("Row", Request, Call, Fate)


def write_row(sink: _Sink, row: Request | Call | Fate) -> None:
    """Write one row as a line."""
    sink.write(json.dumps(row, separators=(",", ":")) + "\n")


def read_rows(paths: Iterable[Path], kind: type[Row]) -> list[Row]:
    """All rows of some files; a torn last line, of a process that was killed, is left out.

    Raises:
        InputError: a file that cannot be read or holds something else.
    """
    found: list[Row] = []
    make: Any = kind
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
        for number, line in enumerate(lines[:-1], start=1):
            try:
                found.append(make(*json.loads(line)))
            except (TypeError, ValueError):
                raise InputError(
                    f"line {number} is no row of a load test", where=str(path)
                ) from None
    return found
