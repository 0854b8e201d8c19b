"""Alert rules as people write them: "P95 response time > 2000ms for 5 minutes".

A condition "X > v for D" holds when X, taken over min(D, 60 s), has been above v on every
tick for D. Without "for D" it holds at once, X taken over 60 s. An action names the mode to
activate; "Scale up or activate brownout" asks for soft.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .core.errors import nearest
from .core.modes import Mode
from .core.policy import SIGNALS
from .core.rules import AT_REST
from .units import (
    parse_cost,
    parse_count,
    parse_factor,
    parse_seconds,
    parse_share,
    parse_tokens,
    parse_usd,
)

__all__ = [
    "Condition",
    "durations_in",
    "parse_action",
    "parse_condition",
    "parse_threshold",
    "with_threshold",
]

_WINDOW_S = 60.0

_PHRASES: dict[str, str] = {
    **{
        phrase.replace("#", rank): f"latency_p{rank}"
        for rank in ("50", "95", "99")
        for phrase in ("p# response time", "p# latency", "response time p#", "latency p#")
    },
    "p95 time to first token": "ttft_p95",
    "p95 ttft": "ttft_p95",
    "ttft p95": "ttft_p95",
    "error rate": "error_rate",
    "hourly token cost": "token_cost_per_hour",
    "token cost per hour": "token_cost_per_hour",
    "hourly cost": "token_cost_per_hour",
    "tokens per minute": "tokens_per_minute",
    "spend in 10 minutes": "spend_10m",
    "request queue": "queue_depth",
    "queue depth": "queue_depth",
    "memory usage": "memory",
    "memory": "memory",
    **{name: name for name in SIGNALS if name != "burn_rate"},
}
"""What a sentence may call a signal, in lower case."""

_THRESHOLDS: dict[str, Callable[[object], float]] = {
    "seconds": parse_seconds,
    "share": parse_share,
    "usd_per_hour": parse_usd,
    "usd": parse_usd,
    "tokens_per_minute": parse_tokens,
    "requests": parse_count,
    "times": parse_factor,
}

_CONDITION = re.compile(r"(?P<signal>[^>]+?)\s*>\s*(?P<value>[^>]+?)(?:\s+for\s+(?P<long>[^>]+?))?")
_ACTION = re.compile(
    r"(?:scale up or )?activate (?:(?P<mode>soft|hard|emergency) )?brownout(?: mode)?\.?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition, in base units.

    Attributes:
        signal: one of `SIGNALS`.
        threshold: in the signal's unit.
        window_s: the signal is taken over this long.
        sustained_s: it must be exceeded on every tick for this long.
    """

    signal: str
    threshold: float
    window_s: float
    sustained_s: float


def parse_threshold(signal: str, found: object) -> float:
    """A threshold in the unit its signal asks for.

    Raises:
        ValueError: another unit, negative or not finite.
    """
    if signal in AT_REST:
        return parse_cost(found)
    return float(_THRESHOLDS[SIGNALS[signal]](found))


def parse_condition(found: object) -> Condition:
    """A condition of an alert rule.

    Raises:
        ValueError: not such a sentence, an unknown signal, or a wrong unit.
    """
    text = " ".join(found.split())[:200] if isinstance(found, str) else ""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise ValueError(
            f"found {found!r:.100}, expected a condition such as "
            "'P95 response time > 2000ms for 5 minutes'"
        )
    phrase = match["signal"].lower()
    if phrase not in _PHRASES:
        known = "P95 response time, Error rate, Hourly token cost, Memory usage, Request queue"
        raise ValueError(
            f"unknown signal {match['signal']!r}{nearest(phrase, _PHRASES)}; "
            f"known: {known}, or one of {', '.join(SIGNALS)}"
        )
    signal = _PHRASES[phrase]
    sustained_s = parse_seconds(match["long"]) if match["long"] else 0.0
    return Condition(
        signal=signal,
        threshold=parse_threshold(signal, match["value"]),
        window_s=min(sustained_s, _WINDOW_S) if match["long"] else _WINDOW_S,
        sustained_s=sustained_s,
    )


def durations_in(condition: str) -> list[str]:
    """Amounts of a condition that was parsed which are durations, as they are written."""
    match = _CONDITION.fullmatch(" ".join(condition.split()))
    assert match is not None
    seconds = SIGNALS[_PHRASES[match["signal"].lower()]] == "seconds"
    spans = [match["value"] if seconds else None, match["long"]]
    return [amount for amount in spans if amount is not None]


def with_threshold(condition: str, threshold: str) -> str:
    """A condition that was parsed, with another threshold."""
    text = " ".join(condition.split())
    match = _CONDITION.fullmatch(text)
    assert match is not None
    return f"{text[: match.start('value')]}{threshold}{text[match.end('value') :]}"


def parse_action(found: object) -> Mode:
    """The mode an action asks for.

    Raises:
        ValueError: not such a sentence.
    """
    text = " ".join(found.lower().split()) if isinstance(found, str) else ""
    match = _ACTION.fullmatch(text)
    if match is None:
        raise ValueError(
            f"found {found!r:.100}, expected an action such as 'Activate soft brownout mode' "
            "(soft, hard or emergency)"
        )
    return Mode[(match["mode"] or "soft").upper()]
