"""Calls of a CSV file of one's own as a journal, so that whatever reads journals can fit them.

What a row says is what a controller would have seen: a request of normal mode that began at its
time, took its latency, and ended as its status says. A row without a latency is no use here.
"""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from statistics import median
from typing import NamedTuple

from balancer.core.controller import Controller
from balancer.core.errors import TraceError
from balancer.core.histogram import Histogram
from balancer.core.journal import JournalWriter
from balancer.core.modes import Mode
from balancer.core.observations import FAILURES, ModeObservations, ModeRequests, Observations
from balancer.core.policy import Policy
from balancer.core.pricing import cost_nano_usd

from ..run.engine import arm_policy
from ..run.result import STATIC
from ..traffic.traces.clocks import number
from ..traffic.traces.lines import lines_of
from ..traffic.traces.own import answered, sheet, well_formed
from ..traffic.traces.rows import AmbiguousError, Clock

__all__ = ["Recorded", "RecordedCall", "read_calls", "write_journal"]

_SLOWEST_S = 200.0
"""No median of answers takes so long: larger numbers are milliseconds."""
_WRONG = (ValueError, TypeError, OverflowError, AmbiguousError)
_KINDS = {429: "quota_minute", 503: "overloaded", 408: "timeout", 504: "timeout"}


class RecordedCall(NamedTuple):
    """A row.

    Attributes:
        at_s: since the first call.
        prompt, output: tokens.
        latency_s: to the whole answer; NaN: not recorded.
        model: that was called; "": not recorded.
        failure: one of `FAILURES`; "": it was answered.
    """

    at_s: float
    prompt: int
    output: int
    latency_s: float
    model: str
    failure: str


class Recorded(NamedTuple):
    """The calls of a file.

    Attributes:
        calls: by their time.
        said: how the file was read, for a person.
        relative: whether its times are numbers whose unit nobody said.
    """

    calls: tuple[RecordedCall, ...]
    said: str
    relative: bool

    @property
    def span_s(self) -> float:
        """From the first call to the last."""
        return self.calls[-1].at_s

    @property
    def rate(self) -> float:
        """Calls a second."""
        return (len(self.calls) - 1) / self.span_s

    @property
    def models(self) -> Mapping[str, float]:
        """Share of the calls by model, the most frequent first."""
        counts = Counter(call.model for call in self.calls if call.model)
        whole = counts.total()
        return {name: count / whole for name, count in counts.most_common()}


def read_calls(path: Path, columns: Mapping[str, str], unit: str | None = None) -> Recorded:
    """Read all calls of a CSV file.

    Args:
        path: of the file.
        columns: names by role: time, prompt_tokens, output_tokens, and model, latency, status.
        unit: "s" or "ms", of times that are numbers.

    Raises:
        TraceError: it cannot be read, a cell is wrong (the line is named), or there is too little.
    """
    seen = sheet(path, columns["time"], unit)
    if seen.times is None:
        problem = (
            f"{columns['time']}: expected a column of ISO 8601 times, Unix times in s or ms, or "
            "numbers of seconds"
        )
        raise TraceError(problem, where=str(path))
    known = [name.lower() for name in seen.header]
    places = {role: known.index(name.lower()) for role, name in columns.items()}
    rows = list(_rows(path, seen.separator, len(seen.header)))
    if len(rows) < 2:
        raise TraceError("holds no requests", where=str(path))
    times = _column(path, rows, places["time"], seen.times.clock())
    latencies = _latencies(path, rows, places.get("latency"))
    scale, told = _latency_unit(latencies, columns.get("latency", ""))
    tokens = [
        _column(path, rows, places[role], _tokens) for role in ("prompt_tokens", "output_tokens")
    ]
    for name, column in (("time", times), ("tokens", [*tokens[0], *tokens[1]])):
        if not all(map(math.isfinite, column)):
            raise TraceError(f"{name}: found a number that is none, such as nan", where=str(path))
    if min(*tokens[0], *tokens[1], 0.0) < 0.0 or any(each < 0.0 for each in latencies):
        raise TraceError("found fewer tokens, or less time, than none", where=str(path))
    first = min(times)
    calls = sorted(
        RecordedCall(
            at_s=at - first,
            prompt=round(prompt),
            output=round(output),
            latency_s=latency * scale,
            model=_cell(cells, places.get("model")),
            failure=_failure(_cell(cells, places.get("status"))) if "status" in places else "",
        )
        for (_, cells), at, prompt, output, latency in zip(
            rows, times, *tokens, latencies, strict=True
        )
    )
    if calls[-1].at_s <= 0.0:
        raise TraceError("all requests have one time; expected a span of time", where=str(path))
    return Recorded(tuple(calls), seen.said + told, seen.times.relative)


def _rows(path: Path, separator: str, width: int) -> Iterator[tuple[int, list[str]]]:
    with well_formed(path), lines_of(path) as lines:
        first = next(line for line in lines if not line.isspace())
        reader = csv.reader(chain([first], lines), delimiter=separator)
        next(reader)
        for cells in reader:
            if cells and len(cells) != width:
                problem = f"found {len(cells)} columns, expected {width}"
                raise TraceError(problem, where=f"{path}:{reader.line_num}")
            if cells:
                yield reader.line_num, cells


def _cell(cells: Sequence[str], place: int | None) -> str:
    return "" if place is None else cells[place].strip()


def _column(
    path: Path, rows: Sequence[tuple[int, list[str]]], place: int, read: Clock
) -> list[float]:
    texts = [cells[place].strip() for _, cells in rows]
    try:
        return read(texts)
    except _WRONG:
        for (line, _), text in zip(rows, texts, strict=True):
            try:
                read([text])
            except _WRONG:
                problem = f"found {text!r:.60}, expected a number or a time as in the other rows"
                raise TraceError(problem, where=f"{path}:{line}") from None
        problem = "holds times with an offset from UTC and without one; expected all of one kind"
        raise TraceError(problem, where=str(path)) from None


def _tokens(texts: Sequence[str]) -> list[float]:
    return [float(text or 0) for text in texts]


def _latencies(path: Path, rows: Sequence[tuple[int, list[str]]], place: int | None) -> list[float]:
    if place is None:
        return [math.nan] * len(rows)
    return _column(path, rows, place, lambda texts: [number(text or "nan") for text in texts])


def _latency_unit(latencies: Sequence[float], name: str) -> tuple[float, str]:
    """What makes seconds of them, and what to say of it."""
    known = [each for each in latencies if math.isfinite(each)]
    if not known:
        return 1.0, ""
    in_ms = name.lower().endswith("ms") or median(known) >= _SLOWEST_S
    return (1e-3, ", latencies are in ms") if in_ms else (1.0, ", latencies are in s")


def _failure(status: str) -> str:
    if answered(status):
        return ""
    try:
        code = int(float(status))
    except ValueError:
        return "timeout" if "time" in status.lower() else "internal"
    return _KINDS.get(code, "rejected" if 400 <= code < 500 else "internal")


def write_journal(recorded: Recorded, policy: Policy, path: Path) -> None:
    """Write the calls that say how long they took as the journal of a service in normal mode.

    Args:
        recorded: the calls.
        policy: that is taken to have been live, and whose prices hold.
        path: of the new file.
    """
    usual = policy.usual_model
    begun: dict[int, Counter[str]] = defaultdict(Counter)
    ended: dict[int, list[tuple[str, RecordedCall]]] = defaultdict(list)
    for call in recorded.calls:
        if not math.isfinite(call.latency_s):
            continue
        model = call.model if policy.catalog.find(call.model) is not None else usual
        begun[int(call.at_s / policy.tick_s)][model] += 1
        ended[int((call.at_s + call.latency_s) / policy.tick_s)].append((model, call))
    # Normal served all of it, whatever a controller would have done.
    controller = Controller(arm_policy(policy, STATIC), monitored=False)
    with path.open("x", encoding="utf-8", newline="\n") as stream:
        writer = JournalWriter(stream, policy, {"recorded": True})
        for tick in sorted({*begun, *ended}):
            seen = _seen(tick, begun.get(tick, Counter()), ended.get(tick, []), policy)
            writer.write(seen, controller.step(seen))


def _seen(
    tick: int,
    begun: Mapping[str, int],
    ended: Sequence[tuple[str, RecordedCall]],
    policy: Policy,
) -> Observations:
    count = sum(begun.values())
    served = []
    for model in sorted({*begun, *(name for name, _ in ended)}):
        calls = [call for name, call in ended if name == model]
        answers = [call for call in calls if not call.failure]
        timed = [call for call in calls if call.failure in ("", "timeout")]
        failures = [0] * len(FAILURES)
        for call in calls:
            if call.failure:
                failures[FAILURES.index(call.failure)] += 1
        row = policy.catalog.card(model).price
        served.append(
            ModeObservations(
                mode=Mode.NORMAL,
                model=model,
                started=begun.get(model, 0),
                finished=len(calls),
                failures=tuple(failures),
                latency=Histogram.of(max(call.latency_s, 0.001) for call in timed),
                prompt_tokens=sum(call.prompt for call in answers),
                output_tokens=sum(call.output for call in answers),
                nano_usd=sum(cost_nano_usd(row, c.prompt, 0, c.output, 0) for c in answers),
            )
        )
    return Observations(
        tick,
        served=tuple(served),
        offered=(0, count, 0),
        admitted=(0, count, 0),
        requests=(_felt(count, [call for _, call in ended]),),
    )


def _felt(count: int, calls: Sequence[RecordedCall]) -> ModeRequests:
    def durations(chosen: Sequence[RecordedCall]) -> Histogram:
        return Histogram.of(max(call.latency_s, 0.001) for call in chosen)

    mistakes = [call for call in calls if call.failure == "rejected"]
    failed = [call for call in calls if call.failure not in ("", "rejected")]
    return ModeRequests(
        mode=Mode.NORMAL,
        begun=count,
        answered=durations([call for call in calls if not call.failure]),
        failed=durations(failed),
        unjudged=(0, len(mistakes), 0),
    )
