"""PromQL over the metric table: the same few forms for panels and for alert rules.

Histograms come from us as exponential ones, which Prometheus keeps as native histograms. A
pipeline may turn them into classic ones with buckets, so a quantile asks for both; one of them
is empty and costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from balancer.prometheus_names import Translation, label_name, metric_name, quoted

from ... import metrics
from ...core.errors import InputError
from ...metrics import Metric

__all__ = ["JOB", "Match", "Queries", "duration", "signal_query"]

JOB: Final = "job"
"""What `service.name` becomes, after `service.namespace` and a slash if there is one."""

Match = tuple[str, str, str]
"""An attribute, one of = != =~ !~, and a value."""

_QUANTILES: Final = {
    "latency_p50": (0.50, metrics.REQUEST_DURATION),
    "latency_p95": (0.95, metrics.REQUEST_DURATION),
    "latency_p99": (0.99, metrics.REQUEST_DURATION),
    "ttft_p95": (0.95, metrics.FIRST_TOKEN),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """Writes expressions over one application's metrics.

    Attributes:
        translation: how Prometheus names them.
        scope: what every series has to match.
        by: attributes that every result keeps.
    """

    translation: Translation
    scope: tuple[Match, ...]
    by: tuple[str, ...]

    def label(self, attribute: str) -> str:
        """Name of an attribute's label."""
        return label_name(attribute, self.translation)

    def series(self, metric: Metric, *where: Match, part: str = "") -> str:
        """A selector; `part` is `_bucket` for the buckets of a classic histogram."""
        name = metric_name(metric, self.translation) + part
        matches = [
            f"{quoted(self.label(attribute))}{sign}{_text(value)}"
            for attribute, sign, value in (*self.scope, *where)
        ]
        if quoted(name, metric=True) == name:
            return f"{name}{{{', '.join(matches)}}}" if matches else name
        return f"{{{', '.join((_text(name), *matches))}}}"

    def grouped(self, how: str, expression: str, by: Iterable[str] = ()) -> str:
        """An aggregate that keeps what every result keeps, and more."""
        labels = ", ".join(quoted(self.label(attribute)) for attribute in (*self.by, *by))
        return f"{how} by ({labels}) ({expression})"

    def rate(self, metric: Metric, over: str, *where: Match, by: Iterable[str] = ()) -> str:
        """Growth of a counter a second, all replicas together."""
        return self.grouped("sum", f"rate({self.series(metric, *where)}[{over}])", by)

    def increase(self, metric: Metric, over: str, *where: Match, by: Iterable[str] = ()) -> str:
        """Growth of a counter over a time, all replicas together."""
        return self.grouped("sum", f"increase({self.series(metric, *where)}[{over}])", by)

    def gauge(
        self, how: str, metric: Metric, *where: Match, over: str = "", by: Iterable[str] = ()
    ) -> str:
        """A gauge, or its mean over a time."""
        series = self.series(metric, *where)
        return self.grouped(how, f"avg_over_time({series}[{over}])" if over else series, by)

    def quantile(self, share: float, metric: Metric, over: str) -> str:
        """A quantile of a histogram, native or classic."""
        native = self.grouped("sum", f"rate({self.series(metric)}[{over}])")
        buckets = f"rate({self.series(metric, part='_bucket')}[{over}])"
        classic = self.grouped("sum", buckets, ("le",))
        return (
            f"histogram_quantile({share:g}, {native})\nor histogram_quantile({share:g}, {classic})"
        )

    def mean(self, metric: Metric, over: str = "") -> str:
        """The mean of a histogram's samples, native or classic: over a time, or without one
        since the start, where samples are so rare that growth would miss the first.
        """

        def taken(part: str = "") -> str:
            series = self.series(metric, part=part)
            return self.grouped("sum", f"rate({series}[{over}])" if over else series)

        native, total, count = taken(), taken("_sum"), taken("_count")
        return f"histogram_sum({native}) / histogram_count({native})\nor {total} / {count}"

    def share(self, part: Metric, whole: Metric, over: str) -> str:
        """A counter over another. A part that never happened has no series, and is 0."""
        all_of_it = self.rate(whole, over)
        return f"({self.rate(part, over)} or {all_of_it} * 0)\n/ {all_of_it}"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def signal_query(queries: Queries, signal: str, over: str) -> str:
    """The expression whose value is a policy's signal, in the unit of its thresholds.

    `burn_rate` is given as the error ratio: a rule says what multiple of what it may be.

    Args:
        queries: whose metrics.
        signal: one of `balancer.core.rules.SIGNALS`.
        over: the time it is taken over, as PromQL writes it.

    Raises:
        InputError: a signal that no metric shows.
    """
    if signal in _QUANTILES:
        share, metric = _QUANTILES[signal]
        return queries.quantile(share, metric, over)
    if signal in ("error_rate", "burn_rate"):
        return queries.share(metrics.ATTEMPTS_FAILED, metrics.ATTEMPTS_FINISHED, over)
    if signal == "token_cost_per_hour":
        return f"{queries.rate(metrics.COST, over)} * 3600"
    if signal == "spend_10m":
        return f"{queries.rate(metrics.COST, '10m')} * 600"
    if signal == "tokens_per_minute":
        # Cached tokens are a part of the input.
        return f"{queries.rate(metrics.TOKENS, over, (metrics.TOKEN_TYPE, '!=', 'cached'))} * 60"
    if signal == "queue_depth":
        return queries.gauge("sum", metrics.QUEUE_DEPTH, over=over)
    if signal == "memory":
        return queries.gauge("max", metrics.MEMORY, over=over)
    raise InputError("no metric shows this signal", where=signal)


def duration(seconds: float) -> str:
    """A time as Prometheus writes it: 90s, 5m, 1h, 1500ms."""
    whole = round(seconds * 1000)
    for size, unit in ((3_600_000, "h"), (60_000, "m"), (1000, "s")):
        if whole and whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}ms"
