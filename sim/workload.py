"""The traffic of a scenario: one record a request, the same for every policy.

Arrivals are a process of unit rate (constant, Poisson, gamma gaps, or a trace) stretched by
the rate curve; classes share one, unless a class has its own. What a request asks for is
drawn by (key, purpose, index), never from a sequence, so a request is the same whatever its
neighbours are.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri

from balancer.core.errors import ScenarioError
from balancer.core.modes import Priority
from balancer.core.tiers import REQUEST_TIERS
from scenarios.schema import (
    Arrivals,
    Class,
    Constant,
    Lognormal,
    Quantiles,
    Scenario,
    TokenDistribution,
)

from .arrivals import stretch, unit_arrivals
from .compiled import compiled, inlined
from .conversation import ANSWER, PROMPT, THINKING
from .rate_curve import curve, integral
from .replay import Replay, replay
from .streams import ASKED, CLASS, MISTAKE, REPLICA, replication_key, standard_normal, uniform
from .streams import OUTPUT as OUTPUT_DRAW
from .streams import PROMPT as PROMPT_DRAW
from .streams import THINKING as THINKING_DRAW

__all__ = ["REQUEST", "check_traffic", "generate", "scenario_keys"]

REQUEST = np.dtype(
    [
        ("s", "f8"),  # arrival, ascending
        ("priority", "i1"),  # 0 low .. 2 high
        ("klass", "i1"),  # index of its class
        ("key", "i1"),  # index in `scenario_keys`; -1 is none
        ("asked", "i1"),  # index of the model asked for
        ("mistake", "?"),  # the upstream refuses it as it is written
        ("tier", "i1"),  # of service, asked for: index of `REQUEST_TIERS`
        ("replica", "i2"),  # process of the application that it comes to
        ("prompt", "i4"),  # tokens, cached ones included
        ("cached", "i4"),
        ("output", "i4"),  # tokens of the answer when nothing shortens it
        ("thinking", "i4"),  # tokens thought when nothing bounds them
    ],
    align=True,
)
"""A request."""

_KLASS = np.dtype(
    [
        ("below", "f8"),  # cumulative share
        ("cached", "f8"),  # share of the prompt
        ("priority", "i1"),
        ("key", "i2"),
        ("mistakes", "f8"),  # share that the upstream refuses as it is written
        ("tier", "i1"),
    ]
)

_CONSTANT, _LOGNORMAL, _QUANTILES, _TRACE = range(4)
_DRAW = np.dtype(
    [
        ("form", "i8"),
        ("a", "f8"),  # lognormal: mean of the logarithm; constant: the value
        ("b", "f8"),  # lognormal: sigma
        ("most", "f8"),
        ("first", "i8"),  # quantiles: its first row in the table of points
    ]
)
_POINT = np.dtype([("q", "f8"), ("tokens", "f8"), ("slope", "f8"), ("guide", "i8")])
_GUIDES = 256
"""Rows of a quantile table: row g also says at which point a draw of g / 256 falls, so that
looking a draw up takes no search (the guide table of Chen and Asau, 1974)."""

_MOST_REQUESTS = 50_000_000

Table = np.ndarray[Any, Any]


def scenario_keys(scenario: Scenario) -> tuple[str, ...]:
    """Budget keys of the classes, in the order of the index that requests carry."""
    return tuple(sorted({entry.key for entry in scenario.workload.classes if entry.key}))


def generate(scenario: Scenario, key: int, base: Path | None = None) -> Table:
    """The requests of one replication.

    Args:
        scenario: its workload, up to its duration.
        key: stream key of the replication, see `sim.streams.replication_key`.
        base: directory a relative trace path starts from; None is the current.

    Returns:
        `REQUEST` records by arrival.

    Raises:
        TraceError: a trace that cannot be read; names the line.
        ScenarioError: more requests than fit in memory, or none of the trace after the warm-up.
    """
    classes = scenario.workload.classes
    common = [place for place, entry in enumerate(classes) if entry.arrivals is None]
    streams = [_stream(scenario, scenario.workload.arrivals, common, key, base)]
    for place, entry in enumerate(classes):
        if entry.arrivals is not None:
            # A key of its own leaves the common traffic as it is without the class.
            streams.append(
                _stream(scenario, entry.arrivals, [place], replication_key(key, place), base)
            )
    requests = streams[0]
    if len(streams) > 1:
        requests = np.concatenate(streams)
        requests = requests[np.argsort(requests["s"], kind="stable")]
    if scenario.replicas > 1:
        _spread(key, requests, scenario.replicas)
    return requests


@compiled
def _spread(key: int, requests: Table, replicas: int) -> None:
    """Each request comes to any of the replicas, as from a load balancer that keeps no count."""
    for i in range(len(requests)):
        requests[i].replica = int(uniform(key, REPLICA, i, 0) * replicas)


def check_traffic(scenario: Scenario, base: Path | None = None) -> None:
    """Refuse traffic that `generate` would refuse, without drawing it.

    Raises:
        TraceError, ScenarioError: as of `generate`.
    """
    workload = scenario.workload
    own = [entry.arrivals for entry in workload.classes if entry.arrivals is not None]
    if replay(scenario, base) is None:
        own.append(workload.arrivals)
    for arrivals in own:
        _segments(scenario, arrivals)


def _stream(
    scenario: Scenario, arrivals: Arrivals, places: list[int], key: int, base: Path | None
) -> Table:
    """Requests of the classes at `places`, which share these arrivals."""
    recorded = None if arrivals.trace is None else replay(scenario, base)
    times = _drawn(scenario, arrivals, key) if recorded is None else recorded.s
    requests = np.zeros(len(times), REQUEST)
    requests["s"] = times
    classes = tuple(scenario.workload.classes[place] for place in places)
    klasses, draws, points = _tables(classes, scenario_keys(scenario), recorded)
    klasses["tier"] = [
        REQUEST_TIERS.index(entry.service_tier or scenario.clients.service_tier)
        for entry in classes
    ]
    none = np.zeros(1, np.int32)
    _fill(
        key,
        requests,
        klasses,
        draws,
        points,
        none if recorded is None else recorded.prompt,
        none if recorded is None else recorded.output,
        np.cumsum(list(scenario.workload.models.values()) or [1.0]),
    )
    if places != list(range(len(places))):
        requests["klass"] = np.array(places)[requests["klass"]]
    return requests


def _drawn(scenario: Scenario, arrivals: Arrivals, key: int) -> Table:
    segments = _segments(scenario, arrivals)
    times = unit_arrivals(arrivals, key, integral(segments))
    stretch(times, segments)
    return times


def _segments(scenario: Scenario, arrivals: Arrivals) -> Table:
    """The curve of their rate."""
    segments = curve(arrivals.pattern, arrivals.rate, scenario.duration)
    expected = integral(segments)
    if expected > _MOST_REQUESTS:
        raise ScenarioError(
            f"{expected:,.0f} requests are more than the {_MOST_REQUESTS:,} that fit; lower the "
            "rate or the duration",
            where="workload.arrivals",
        )
    return segments


def _tables(
    classes: tuple[Class, ...], keys: tuple[str, ...], recorded: Replay | None
) -> tuple[Table, Table, Table]:
    """Classes, their three token draws each (prompt, output, thinking), and quantile points."""
    klasses = np.zeros(len(classes), _KLASS)
    klasses["below"] = np.cumsum([entry.share for entry in classes])
    klasses["below"][-1] = 2.0
    draws = np.zeros(3 * len(classes), _DRAW)
    points: list[Table] = []
    for place, entry in enumerate(classes):
        klasses[place]["cached"] = entry.cached
        klasses[place]["mistakes"] = entry.mistakes
        klasses[place]["priority"] = Priority[entry.priority.upper()]
        klasses[place]["key"] = keys.index(entry.key) if entry.key else -1
        replayed = recorded is not None
        rows: tuple[tuple[TokenDistribution | None, TokenDistribution, bool], ...] = (
            (entry.prompt, PROMPT, replayed),
            (entry.output, ANSWER, replayed),
            (entry.thinking, THINKING, False),
        )
        for offset, (said, otherwise, from_trace) in enumerate(rows):
            if said is None and from_trace:
                draws[3 * place + offset]["form"] = _TRACE
            else:
                draws[3 * place + offset] = _draw(said or otherwise, points)
    return klasses, draws, np.concatenate([*points, np.zeros(1, _POINT)])


def _draw(tokens: TokenDistribution, points: list[Table]) -> tuple[int, float, float, float, int]:
    if isinstance(tokens, Constant):
        return _CONSTANT, tokens.constant, 0.0, 0.0, 0
    if isinstance(tokens, Lognormal):
        mu, sigma = _lognormal(tokens.p50, tokens.p95)
        return _LOGNORMAL, mu, sigma, tokens.max, 0
    first = sum(map(len, points))
    points.append(_points(tokens, first))
    return _QUANTILES, 0.0, 0.0, 0.0, first


def _points(tokens: Quantiles, first: int) -> Table:
    """A quantile table with its guides; `first` is the row at which it will stand."""
    known = sorted(tokens.quantiles.items())
    table = np.zeros(max(len(known), _GUIDES), _POINT)
    q, values = np.array(known).T
    table["q"], table["tokens"] = 2.0, values[-1]
    table["q"][: len(known)], table["tokens"][: len(known)] = q, values
    table["slope"][: len(known) - 1] = np.diff(values) / np.diff(q)
    below = np.searchsorted(q, np.arange(_GUIDES) / _GUIDES, side="right") - 1
    table["guide"][:_GUIDES] = first + np.minimum(below, len(known) - 2)
    return table


@lru_cache(maxsize=256)
def _lognormal(p50: float, p95: float) -> tuple[float, float]:
    return math.log(p50), math.log(p95 / p50) / float(ndtri(0.95))


@inlined
def _tokens(u: float, draw: Any, points: Table) -> float:
    """Tokens at a uniform draw: the inverse distribution function, so monotone in it."""
    tokens: float = draw.a
    if draw.form == _LOGNORMAL:
        tokens = min(math.exp(draw.a + draw.b * standard_normal(u)), draw.most)
    elif draw.form == _QUANTILES:
        at = draw.first + int(u * _GUIDES)
        low = points[at].guide
        while points[low + 1].q <= u:
            low += 1
        tokens = points[low].tokens + (u - points[low].q) * points[low].slope
    return tokens


@compiled
def _fill(
    key: int,
    requests: Table,
    klasses: Table,
    draws: Table,
    points: Table,
    prompts: Table,
    outputs: Table,
    asked_below: Table,
) -> None:
    for i in range(len(requests)):
        request = requests[i]
        klass = 0
        if len(klasses) > 1:
            u = uniform(key, CLASS, i, 0)
            while klasses[klass].below <= u:
                klass += 1
        request.klass = klass
        request.priority = klasses[klass].priority
        request.key = klasses[klass].key
        request.tier = klasses[klass].tier
        if len(asked_below) > 1:
            u = uniform(key, ASKED, i, 0)
            while request.asked < len(asked_below) - 1 and asked_below[request.asked] <= u:
                request.asked += 1
        mistakes = klasses[klass].mistakes
        request.mistake = mistakes > 0.0 and uniform(key, MISTAKE, i, 0) < mistakes
        recorded = i % len(prompts)
        if draws[3 * klass].form == _TRACE:
            prompt = prompts[recorded]
        else:
            prompt = round(_tokens(uniform(key, PROMPT_DRAW, i, 0), draws[3 * klass], points))
        if draws[3 * klass + 1].form == _TRACE:
            output = outputs[recorded]
        else:
            output = round(_tokens(uniform(key, OUTPUT_DRAW, i, 0), draws[3 * klass + 1], points))
        request.prompt = max(prompt, 1)
        request.cached = math.floor(max(prompt, 1) * klasses[klass].cached)
        request.output = max(output, 1)
        request.thinking = round(
            _tokens(uniform(key, THINKING_DRAW, i, 0), draws[3 * klass + 2], points)
        )
