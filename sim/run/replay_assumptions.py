"""What a replay of recorded traffic takes for granted, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from balancer.units import show_share
from scenarios.schema import Scenario

from ..traffic.replay import replay
from ..traffic.traces import layout_of, sheet

__all__ = ["of_trace"]


def of_trace(scenario: Scenario) -> Iterator[str]:
    """Which part of a trace is replayed, how often, and what it lacks; nothing without a trace.

    Raises:
        TraceError, ScenarioError: as of `replay`.
    """
    recorded = replay(scenario)
    if recorded is None:
        return
    asked = len(recorded.prompt)
    arrivals = scenario.workload.arrivals
    begin = f"{_long(arrivals.start)} after its first request" if arrivals.start else "its start"
    yield (
        f"Arrivals are those of the trace {Path(arrivals.trace or '').name}, of which "
        f"{_long(recorded.span_s)} ({asked:,} requests) are replayed, from {begin} on. All "
        "replications replay the same arrivals: intervals leave the luck of traffic out."
    )
    if arrivals.format == "csv" and arrivals.trace is not None:
        layout = layout_of(arrivals)
        seen = sheet(Path(arrivals.trace), layout.names[0], layout.unit)
        yield f"Of that file {seen.said}."
    if recorded.rounds > 1 and len(recorded.s) > asked:
        yield (
            f"They end before the scenario does and are replayed {recorded.rounds:.3g} times over: "
            "what is rare or special in them counts as often."
        )
    if recorded.gap is not None:
        from_s, to_s = recorded.gap
        yield (
            f"No request comes for {_long(to_s - from_s)} from {_long(from_s)} on, "
            f"{show_share(round((to_s - from_s) / scenario.duration, 3))} of the scenario."
        )
    for missing, name in ((recorded.no_prompt, "prompt"), (recorded.no_output, "answer")):
        if missing:
            yield (
                f"{missing:,} of the {asked:,} requests ({missing / asked:.2%}) were recorded with "
                f"no {name} tokens, as failed ones are; they are asked like the others, with the "
                f"{name} tokens of the others in turn."
            )


def _long(seconds: float) -> str:
    """A duration of any length, in at most two units: "58m 22s", "1d 23h"."""
    units = ((86_400, "d"), (3600, "h"), (60, "m"))
    for place, (size, unit) in enumerate(units):
        if seconds >= size:
            smaller, name = units[place + 1] if place + 1 < len(units) else (1, "s")
            whole = round(seconds / smaller) * smaller
            rest = whole % size // smaller
            return f"{whole // size}{unit} {rest}{name}" if rest else f"{whole // size}{unit}"
    return f"{seconds:.3g}s"
