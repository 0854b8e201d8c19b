"""What each request asks for: one record a request, the same for every policy.

It is drawn by (key, purpose, index), never from a sequence, so a request is the same whatever its
neighbours are.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from balancer.core.modes import Priority
from balancer.core.tiers import REQUEST_TIERS
from scenarios.schema import Class, Constant, Lognormal, Quantiles, Scenario, TokenDistribution
from scenarios.service_tiers import REQUEST_TYPES

from ..compiled import compiled, inlined
from ..streams import ASKED, CLASS, MISTAKE, REPLICA, standard_normal, uniform
from ..streams import OUTPUT as OUTPUT_DRAW
from ..streams import PROMPT as PROMPT_DRAW
from ..streams import THINKING as THINKING_DRAW
from .conversation import ANSWER, PROMPT, THINKING
from .replay import Replay

__all__ = ["REQUEST", "RequestDraws", "Table", "asked_of", "fill", "scenario_keys", "spread"]

Table = np.ndarray[Any, Any]

REQUEST = np.dtype(
    [
        ("s", "f8"),  # arrival, ascending
        ("priority", "i1"),  # 0 low .. 2 high
        ("klass", "i1"),  # index of its class
        ("key", "i1"),  # index in `scenario_keys`; -1 is none
        ("asked", "i1"),  # index of the model asked for
        ("mistake", "?"),  # the upstream refuses it as it is written
        ("tier", "i1"),  # its tier + len(REQUEST_TIERS) * its request type
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
        ("place", "i1"),  # among the scenario's classes
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


class RequestDraws(NamedTuple):
    """How what the requests of some classes ask for is drawn.

    Attributes:
        klasses: of them, by share.
        draws: of each class, those of prompt, output and thinking.
        points: of the quantile tables among the draws.
        prompts, outputs: tokens of a trace, which start again at their end.
        asked_below: cumulative shares of the models asked for.
    """

    klasses: Table
    draws: Table
    points: Table
    prompts: Table
    outputs: Table
    asked_below: Table


def scenario_keys(scenario: Scenario) -> tuple[str, ...]:
    """Budget keys of the classes, in the order of the index that requests carry."""
    return tuple(sorted({entry.key for entry in scenario.workload.classes if entry.key}))


def asked_of(scenario: Scenario, places: list[int], recorded: Replay | None) -> RequestDraws:
    """What the scenario's classes at some places ask for, which share their arrivals.

    Args:
        scenario: the scenario.
        places: of the classes.
        recorded: the trace that their arrivals are of; None is none.
    """
    classes = tuple(scenario.workload.classes[place] for place in places)
    klasses, draws, points = _tables(classes, scenario_keys(scenario), recorded is not None)
    klasses["place"] = places
    klasses["tier"] = [
        REQUEST_TIERS.index(entry.service_tier or scenario.clients.service_tier)
        + len(REQUEST_TIERS) * REQUEST_TYPES.index(entry.request_type or "")
        for entry in classes
    ]
    none = np.zeros(1, np.int32)
    return RequestDraws(
        klasses=klasses,
        draws=draws,
        points=points,
        prompts=none if recorded is None else recorded.prompt,
        outputs=none if recorded is None else recorded.output,
        asked_below=np.cumsum(list(scenario.workload.models.values()) or [1.0]),
    )


def _tables(
    classes: tuple[Class, ...], keys: tuple[str, ...], replayed: bool
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
def fill(key: int, first: int, requests: Table, asked: RequestDraws) -> None:
    """Write what requests ask for; when they come is there already.

    Args:
        key: stream key of the replication.
        first: index of the first of them, by which they are drawn.
        requests: records of `REQUEST`, otherwise zero.
        asked: how it is drawn.
    """
    klasses, draws, points = asked.klasses, asked.draws, asked.points
    prompts, outputs, asked_below = asked.prompts, asked.outputs, asked.asked_below
    for place in range(len(requests)):
        i = first + place
        request = requests[place]
        klass = 0
        if len(klasses) > 1:
            u = uniform(key, CLASS, i, 0)
            while klasses[klass].below <= u:
                klass += 1
        request.klass = klasses[klass].place
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


@compiled
def spread(key: int, first: int, requests: Table, replicas: int) -> None:
    """Each request comes to any of the replicas, as from a load balancer that keeps no count."""
    for place in range(len(requests)):
        requests[place].replica = int(uniform(key, REPLICA, first + place, 0) * replicas)
