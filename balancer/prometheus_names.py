"""What a metric of the table and its attributes are called in Prometheus.

Prometheus translates the names of what it receives over OTLP by one of four strategies
(`otlp: translation_strategy:` in its configuration), which the Collector's Prometheus exporters
know under the same names. Rules: the OpenTelemetry specification, "Prometheus and OpenMetrics
Compatibility", and https://prometheus.io/docs/guides/opentelemetry.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from .metrics import Kind, Metric

__all__ = ["Translation", "label_name", "metric_name", "quoted", "unit_words"]


class Translation(Enum):
    """A translation strategy, by the name that Prometheus gives it."""

    UNDERSCORES = "UnderscoreEscapingWithSuffixes"
    """Dots become underscores; unit and kind are appended. Prometheus's default, and ours."""
    BARE_UNDERSCORES = "UnderscoreEscapingWithoutSuffixes"
    """Dots become underscores, and nothing is appended."""
    UTF8 = "NoUTF8EscapingWithSuffixes"
    """Dots stay; unit and kind are appended. Needs Prometheus 3."""
    NONE = "NoTranslation"
    """Names are as OpenTelemetry has them. Needs Prometheus 3."""

    @property
    def escapes(self) -> bool:
        """Whether dots become underscores."""
        return self in (Translation.UNDERSCORES, Translation.BARE_UNDERSCORES)

    @property
    def suffixes(self) -> bool:
        """Whether unit and kind are appended to the names of metrics."""
        return self in (Translation.UNDERSCORES, Translation.UTF8)


_UNITS: Final = {
    "1": "",
    "%": "percent",
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "kBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
}
_PER: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN_METRIC = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")


def unit_words(unit: str) -> tuple[str, ...]:
    """What a unit appends: `s` is seconds, `By/s` bytes and per_second, `{USD}/h` per_hour.

    What stands in braces is no unit but a remark, and appends nothing.
    """
    above, _, below = (part.strip() for part in unit.partition("/"))
    words = [] if "{" in above else [_UNITS.get(above, above)]
    if below and "{" not in below:
        words.append("per_" + _PER.get(below, below))
    return tuple(word for word in words if word)


def metric_name(metric: Metric, translation: Translation) -> str:
    """Name of a metric; a histogram's classic series append `_bucket`, `_sum` and `_count`."""
    name = metric.name
    if translation.escapes:
        name = re.sub(r"[^A-Za-z0-9:]+", "_", name).strip("_")
    if not translation.suffixes:
        return name
    parts = re.split(r"[._]", name)
    words = [word for word in unit_words(metric.unit) if word not in parts]
    kind = ""
    if metric.kind is Kind.COUNTER:
        kind = "total"
    elif metric.kind is Kind.GAUGE and metric.unit == "1":
        kind = "ratio"
    if kind:
        # A kind that the name has already moves to its end.
        if translation.escapes:
            name = "_".join(part for part in parts if part != kind)
        else:
            name = re.sub(rf"[._]{kind}$", "", name)
        words.append(kind)
    return "_".join((name, *words))


def label_name(attribute: str, translation: Translation) -> str:
    """Name of the label that an attribute becomes."""
    return re.sub(r"[^A-Za-z0-9_]", "_", attribute) if translation.escapes else attribute


def quoted(name: str, *, metric: bool = False) -> str:
    """A name as PromQL writes it: in quotes where it has dots."""
    plain = _PLAIN_METRIC if metric else _PLAIN
    return name if plain.fullmatch(name) else f'"{name}"'
