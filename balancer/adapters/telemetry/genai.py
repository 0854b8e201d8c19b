"""The GenAI conventions' metrics, from single calls: durations, first chunks, tokens.

The conventions are still moving; this file and `spans` are where a change of them goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from operator import eq
from typing import Any

from balancer import metrics
from balancer.core.observations import FAILURES
from balancer.runtime.flights import ABANDONED

from .batches import Batch
from .series import Attributes, Series

__all__ = ["record_calls"]

_ERRORS = {ABANDONED: "abandoned", **dict(enumerate(FAILURES))}


def record_calls(
    series: Series, batch: Batch, speed: float, provider: str, everywhere: Attributes
) -> None:
    """Record calls that ended.

    Args:
        series: where to.
        batch: the calls.
        speed: scenario seconds in a second of the raw clock.
        provider: "gcp.gemini" or "gcp.vertex_ai".
        everywhere: attributes of every point.
    """
    base: Attributes = (
        (metrics.OPERATION, "generate_content"),
        (metrics.PROVIDER, provider),
        *everywhere,
    )
    columns = (batch.seconds, batch.read, batch.written, batch.first)
    for (model, kind), (seconds, read, written, first) in _groups(
        batch.models, batch.kinds, columns
    ):
        of_model = (*base, (metrics.MODEL, model))
        error = _ERRORS.get(kind)
        ended = (*of_model, (metrics.ERROR_TYPE, error)) if error else of_model
        series.record_all(metrics.OPERATION_DURATION, _scaled(seconds, speed), _key(ended))
        chunks = [since for since in first if since is not None]
        if chunks:
            series.record_all(metrics.OPERATION_FIRST_CHUNK, _scaled(chunks, speed), _key(of_model))
        for name, tokens in (("input", read), ("output", written)):
            used = list(filter(None, tokens))
            if used:
                place = _key((*of_model, (metrics.TOKEN_TYPE, name)))
                series.record_all(metrics.OPERATION_TOKENS, used, place)


def _groups(
    models: Sequence[str], kinds: Sequence[int], columns: tuple[Sequence[Any], ...]
) -> Iterator[tuple[tuple[str, int], tuple[Sequence[Any], ...]]]:
    """Columns of the calls of each model and outcome."""
    if len(set(models)) == 1 and len(set(kinds)) == 1:
        yield (models[0], kinds[0]), columns
        return
    keys = list(zip(models, kinds, strict=True))
    for key in sorted(set(keys)):
        chosen = [eq(key, other) for other in keys]
        yield key, tuple(list(compress(column, chosen)) for column in columns)


def _scaled(seconds: Sequence[float], speed: float) -> Sequence[float]:
    return seconds if speed == 1.0 else [each * speed for each in seconds]


def _key(pairs: Attributes) -> Attributes:
    return tuple(sorted(pairs))
