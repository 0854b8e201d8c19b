"""Rules of Prometheus as values, and the words and numbers in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ...units import show_seconds, show_share, show_usd

__all__ = ["THRESHOLDS", "VALUES", "Alert", "Recording", "alert_name", "number", "plain", "tidy"]

VALUES: Final = {
    "seconds": '{{ printf "%.3g" $value }}s',
    "share": "{{ $value | humanizePercentage }}",
    "usd_per_hour": '${{ printf "%.2f" $value }}',
    "usd": '${{ printf "%.2f" $value }}',
    "tokens_per_minute": '{{ printf "%.0f" $value }}',
    "requests": '{{ printf "%.0f" $value }}',
}
"""An alert's value in a template, by the unit of its signal."""
THRESHOLDS: Final[dict[str, Callable[[float], str]]] = {
    "seconds": show_seconds,
    "share": show_share,
    "usd_per_hour": show_usd,
    "usd": show_usd,
    "tokens_per_minute": lambda tokens: f"{tokens:.0f}",
    "requests": lambda requests: f"{requests:g}",
}
"""A threshold in words, by the unit of its signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording rule.

    Attributes:
        name: of the series.
        expression: in PromQL.
    """

    name: str
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alerting rule.

    Attributes:
        name: of the alert.
        expression: in PromQL.
        for_s: it fires when the expression held so long.
        keep_s: it goes on for so long after the expression held last; 0: it ends at once.
        labels: beside the service's.
        summary, description: for a person.
    """

    name: str
    expression: str
    for_s: float
    keep_s: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    summary: str
    description: str


def tidy(value: float) -> float:
    """Without what floating point adds: 0.04 and not 0.04000000000000001."""
    return float(f"{value:.10g}")


def number(value: float) -> str:
    """A number as PromQL writes it."""
    return f"{value:.10g}"


def plain(text: str) -> str:
    """A text of the user's inside a template: one line, and no template itself."""
    return " ".join(text.split()).replace("{{", '{{ "{{" }}')


def alert_name(text: str) -> str:
    """A rule's name as the name of an alert: `soft latency_p95` is OpenBalancerSoftLatencyP95."""
    words = re.findall(r"[^\W_]+", text)
    return "OpenBalancer" + ("".join(word[0].upper() + word[1:] for word in words) or "Rule")
