"""The GenAI conventions' metrics, from single calls: durations, first chunks, tokens.

The conventions are still moving; this file and `spans` are where a change of them goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from balancer import metrics
from balancer.core.observations import FAILURES
from balancer.core.pricing import NANO_USD
from balancer.runtime.recorder import ABANDONED, Ended

from .series import Attributes, Series

__all__ = ["record_calls"]

_ERRORS = {ABANDONED: "abandoned", **dict(enumerate(FAILURES))}


def record_calls(
    series: Series, batch: Sequence[Ended], speed: float, provider: str, everywhere: Attributes
) -> None:
    """Record calls that ended.

    Args:
        series: where to.
        batch: as the runtime's recorder hands them over.
        speed: scenario seconds in a second of the raw clock.
        provider: "gcp.gemini" or "gcp.vertex_ai".
        everywhere: attributes of every point.
    """
    base: tuple[tuple[str, str], ...] = (
        (metrics.OPERATION, "generate_content"),
        (metrics.PROVIDER, provider),
        *everywhere,
    )
    keys: dict[tuple[str, int], Attributes] = {}
    key: Callable[[str, int, str, str], Attributes] = lambda model, kind, name, value: tuple(  # noqa: E731
        sorted((*base, (metrics.MODEL, model), *(((name, value),) if name else ())))
    )
    for flight, ended, kind, prompt, _, output, thinking, first, nano_usd in batch:
        mode, model = flight.place
        attributes = keys.get((model, kind))
        if attributes is None:
            error = _ERRORS.get(kind)
            attributes = keys[model, kind] = key(
                model, kind, metrics.ERROR_TYPE if error else "", error or ""
            )
        series.record(metrics.OPERATION_DURATION, (ended - flight.since) * speed, attributes)
        if first is not None:
            series.record(metrics.OPERATION_FIRST_CHUNK, first * speed, key(model, kind, "", ""))
        for name, tokens in (("input", prompt), ("output", output + thinking)):
            if tokens:
                series.record(
                    metrics.OPERATION_TOKENS, tokens, key(model, kind, metrics.TOKEN_TYPE, name)
                )
        if nano_usd > 0:
            place = tuple(sorted(((metrics.MODE, mode.label), *everywhere)))
            series.record(metrics.REQUEST_COST, nano_usd / NANO_USD, place)
