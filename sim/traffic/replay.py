"""What a scenario replays of a trace: which requests, how often, and where none come.

A window of the trace begins at `start` and is as long as the scenario needs or `length` allows.
The rate bends its times as it bends those of any process, and a window that ends early starts
again. What a replay had to make up, tokens that were not recorded, is counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from balancer.core.errors import ScenarioError
from balancer.units import show_seconds
from scenarios.schema import Scenario

from .arrivals import stretch
from .rate_curve import curve, integral
from .traces import Trace, layout_of, read_trace, sheet

__all__ = ["Replay", "replay"]

_MOST_REQUESTS = 50_000_000
_LONG_GAP_SHARE = 0.1
_LONG_GAP_MEDIANS = 10.0
_MANY = 10.0
"""Times the declared rate, at which the unit of a trace's numbers is in doubt."""

Column = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A trace as one scenario replays it; the same in every replication.

    Attributes:
        s: arrivals in seconds of the scenario, ascending.
        prompt, output: tokens of the requests of one round; the next round has them again.
        rounds: how often the window is gone through until the scenario ends; parts count.
        span_s: length of one round, in seconds of the trace.
        no_prompt, no_output: requests of a round that were recorded with 0 tokens.
        gap: the longest stretch of the scenario without a request, from and to, if it is a large
            part of it.
    """

    s: Column
    prompt: Column
    output: Column
    rounds: float
    span_s: float
    no_prompt: int
    no_output: int
    gap: tuple[float, float] | None


_NOTHING = Replay(
    s=np.empty(0),
    prompt=np.empty(0, np.int32),
    output=np.empty(0, np.int32),
    rounds=0.0,
    span_s=0.0,
    no_prompt=0,
    no_output=0,
    gap=None,  # of the trace, that is; the scenario asks for none
)
"""Of a rate that is 0 all the time."""


def replay(scenario: Scenario, base: Path | None = None) -> Replay | None:
    """The requests of a scenario's trace, or None if it has none.

    Args:
        scenario: its workload's common arrivals, up to its duration.
        base: directory a relative path starts from; None is the current.

    Raises:
        TraceError: a trace that cannot be read; names the line.
        ScenarioError: more requests than fit in memory, or none after the warm-up.
    """
    arrivals = scenario.workload.arrivals
    if arrivals.trace is None or arrivals.format is None:
        return None
    segments = curve(arrivals.pattern, arrivals.rate_scale, scenario.duration)
    needed_s = integral(segments)
    if needed_s <= 0:
        return _NOTHING
    length_s = needed_s if arrivals.length is None else min(needed_s, arrivals.length)
    path = (base or Path()) / arrivals.trace
    trace = read_trace(path, arrivals.format, arrivals.start, length_s, layout_of(arrivals))
    expected = needed_s / trace.span_s * len(trace.s)
    if expected > _MOST_REQUESTS:
        raise ScenarioError(
            f"{expected:,.0f} requests are more than the {_MOST_REQUESTS:,} that fit; lower the "
            "rate or the duration",
            where="workload.arrivals",
        )
    _check_unit(trace, scenario, path)
    s = _repeated(trace, needed_s)
    stretch(s, segments)
    _check_warm_up(s, trace, scenario, segments)
    prompts, outputs = _asked(scenario)
    return Replay(
        s=s,
        prompt=_filled(trace.prompt, "prompt") if prompts else trace.prompt,
        output=_filled(trace.output, "output") if outputs else trace.output,
        rounds=needed_s / trace.span_s,
        span_s=trace.span_s,
        no_prompt=int((trace.prompt == 0).sum()) if prompts else 0,
        no_output=int((trace.output == 0).sum()) if outputs else 0,
        gap=_long_gap(s, scenario.duration),
    )


def _check_unit(trace: Trace, scenario: Scenario, path: Path) -> None:
    """Ask for the unit of numbers that make the traffic a different one than was declared."""
    arrivals = scenario.workload.arrivals
    if arrivals.time_unit is not None or arrivals.format == "azure":
        return
    if arrivals.format == "csv":
        times = sheet(path, layout_of(arrivals).names[0], None).times
        if times is not None and not times.relative:
            return
    declared = float(curve(arrivals.pattern, arrivals.rate, scenario.duration)["rate"].max())
    found = len(trace.s) / trace.span_s
    if found <= _MANY * declared:
        return
    read_as = "ms" if arrivals.format == "mooncake" else "s"
    raise ScenarioError(
        f"its times in {read_as} are {found:,.3g} requests a second, more than {_MANY:g} times the "
        f"{declared:.3g} of workload.arrivals.rate; say the unit with `time_unit: {read_as}` or "
        f"`time_unit: {'s' if read_as == 'ms' else 'ms'}`, or raise `rate` if they are so many",
        where=str(path),
    )


def _asked(scenario: Scenario) -> tuple[bool, bool]:
    """Whether some class takes its prompts from the trace, and its answers."""
    common = [entry for entry in scenario.workload.classes if entry.arrivals is None]
    prompts = any(entry.prompt is None for entry in common)
    return prompts, any(entry.output is None for entry in common)


def _repeated(trace: Trace, end_s: float) -> Column:
    if not len(trace.s):
        return np.empty(0)
    rounds = math.floor(end_s / trace.span_s) + 1
    starts = np.arange(rounds)[:, np.newaxis] * trace.span_s
    times: Column = (starts + trace.s).ravel()
    return times[: np.searchsorted(times, end_s)]


def _filled(recorded: Column, name: str) -> Column:
    """Tokens with those of the other requests, in turn, where none were recorded.

    Such a request was asked like any other, and failed (BurstGPT) or was counted wrong; what it
    would have taken is not known. A hot deck keeps the distribution, which one token, or leaving
    the request out, would not.
    """
    missing = recorded == 0
    if not missing.any():
        return recorded
    known = recorded[~missing]
    if not len(known):
        raise ScenarioError(
            f"all requests of the trace's window have 0 {name} tokens; give the classes of the "
            f"workload {name} tokens of their own, such as `{name}: {{p50: 130, p95: 450}}`",
            where="workload.classes",
        )
    filled = recorded.copy()
    filled[missing] = known[np.arange(np.count_nonzero(missing)) % len(known)]
    return filled


def _check_warm_up(s: Column, trace: Trace, scenario: Scenario, segments: Column) -> None:
    """Refuse a window whose requests are all left out of the metrics."""
    if len(s) and s[-1] >= scenario.warm_up:
        return
    if _areas(segments)[segments["to_s"] > scenario.warm_up].any():  # else its own pattern is 0
        raise ScenarioError(_none_comes(scenario, trace), where="workload.arrivals")


def _areas(segments: Column) -> Column:
    widths = segments["to_s"] - segments["from_s"]
    found: Column = widths * (segments["rate"] + segments["slope"] * widths / 2)
    return found


def _none_comes(scenario: Scenario, trace: Trace) -> str:
    arrivals = scenario.workload.arrivals
    last_s = arrivals.start + float(trace.s[-1]) if len(trace.s) else trace.before_s
    gap = "the trace has no request"
    if last_s is not None:
        gap += f" from {_rounded(last_s)} after its first one"
    if trace.next_s is not None:
        gap += f" to {_rounded(trace.next_s)}"
    problem = f"{gap}, so none comes after the warm-up of {show_seconds(scenario.warm_up)}"
    if trace.next_s is None:
        return f"{problem}; expected a longer window, or a shorter warm_up"
    return f"{problem}; begin behind the gap with `start: {_rounded(trace.next_s)}`"


def _rounded(at_s: float) -> str:
    return show_seconds(float(math.floor(at_s)))


def _long_gap(s: Column, duration_s: float) -> tuple[float, float] | None:
    """The longest stretch without a request, if it is long for the scenario and for the trace."""
    if not len(s):
        return 0.0, duration_s
    gaps = np.diff(s)
    ends = [(0.0, float(s[0])), (float(s[-1]), duration_s)]
    if len(gaps):
        place = int(np.argmax(gaps))
        ends.append((float(s[place]), float(s[place + 1])))
    from_s, to_s = max(ends, key=lambda gap: gap[1] - gap[0])
    if to_s - from_s < _LONG_GAP_SHARE * duration_s:
        return None
    usual_s = float(np.median(gaps)) if len(gaps) else 0.0
    return (from_s, to_s) if to_s - from_s >= _LONG_GAP_MEDIANS * usual_s else None
