"""The one thread that sends: metrics every interval, spans and logs every second.

Exporters block, retry and time out here and nowhere else. A report of metrics that did not
arrive is covered by the next one: totals are kept, and differences are taken to the last that
did. Spans and logs that did not arrive are dropped and counted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from opentelemetry.context import attach, set_value
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExportResult

from balancer import metrics

from .destination import Destination
from .otlp import Snapshot, metrics_data
from .outbox import Box, LogBox, SpanBox
from .reasons import Reasons
from .series import Series

__all__ = ["Sender"]

BATCH = 512
PAUSE_S = 1.0

logger = logging.getLogger("balancer.telemetry")


class Sender:
    """Sends what there is to send.

    Args:
        to: the exporters.
        resource: what everything is of.
        series: totals of all metrics; read under `lock`.
        lock: held while the series change.
        spans, logs: what waits.
        interval_s: wall seconds between two reports of metrics.
        clock_ns: Unix time in nanoseconds.

    Attributes:
        failures: exports that failed in a row, by signal.
        arrived_at: Unix time of the last export that arrived; None: none did yet.
        why: the last one did not; in the exporter's words, without secrets.
    """

    def __init__(
        self,
        to: Destination,
        resource: Resource,
        series: Series,
        lock: threading.Lock,
        spans: SpanBox,
        logs: LogBox,
        *,
        interval_s: float,
        aliases: bool = True,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._to = to
        self._resource = resource
        self._series = series
        # So that a monitor of it has something to look at before it is too late.
        series.begin(metrics.TELEMETRY_DROPPED)
        self._lock = lock
        self._spans = spans
        self._logs = logs
        self._interval_s = interval_s
        self._aliases = aliases
        self._clock_ns = clock_ns
        self._start_ns = clock_ns()
        self._before: Snapshot | None = None
        self._before_ns = self._start_ns
        self._lost = 0
        self._told_lost = 0
        self._reasons = Reasons()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._shut = False
        self.failures = {"metrics": 0, "spans": 0, "logs": 0}
        self.arrived_at: float | None = None
        self.why = ""

    def start(self) -> None:
        """Begin to send; again does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="balancer-telemetry", daemon=True
            )
            self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Send what is left, for at most so long, and stop: no exporter tries again after that."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                self._shut_down()

    @property
    def dropped(self) -> int:
        """Spans and log records that were given up, since the start."""
        return self._spans.box.dropped + self._logs.box.dropped + self._lost

    def _run(self) -> None:
        # What exporters do is not itself to be traced or logged over the same way.
        attach(set_value("suppress_instrumentation", True))
        with self._reasons:
            self._send_until_stopped()
        self._shut_down()

    def _shut_down(self) -> None:
        """Once, whoever comes first: the thread, or who has waited for it for long enough."""
        with self._lock:
            if self._shut:
                return
            self._shut = True
        for exporter in (self._to.metrics, self._to.spans, self._to.logs):
            if exporter is not None:
                exporter.shutdown()

    def _send_until_stopped(self) -> None:
        due_s = time.monotonic() + self._interval_s
        while not self._stop.wait(min(PAUSE_S, self._interval_s)):
            self.send_items()
            if time.monotonic() >= due_s:
                self.send_metrics()
                due_s = time.monotonic() + self._interval_s
        self.send_items()
        self.send_metrics()

    def send_metrics(self) -> bool:
        """Report all metrics as of now; whether the report arrived, if any was wanted."""
        exporter = self._to.metrics
        if exporter is None:
            return True
        now_ns = self._clock_ns()
        with self._lock:
            dropped = self.dropped
            self._series.count(metrics.TELEMETRY_DROPPED, dropped - self._told_lost)
            self._told_lost = dropped
            data = metrics_data(
                self._series,
                self._resource,
                start_ns=self._start_ns,
                now_ns=now_ns,
                before=self._before,
                before_ns=self._before_ns if self._to.delta else 0,
                aliases=self._aliases,
            )
            snapshot = self._series.copy() if self._to.delta else None
        arrived = self._export("metrics", partial(exporter.export, data))
        if arrived and self._to.delta:
            self._before, self._before_ns = snapshot, now_ns
        return arrived

    def send_items(self) -> bool:
        """Send the spans and log records that wait; whether all of them arrived."""
        arrived = True
        for signal, box, exporter in (
            ("spans", self._spans.box, self._to.spans),
            ("logs", self._logs.box, self._to.logs),
        ):
            arrived = self._empty(signal, box, exporter) and arrived
        return arrived

    def _empty(self, signal: str, box: Box[Any], exporter: Any) -> bool:
        # No more than are there now: a busy application must not keep metrics waiting.
        for _ in range(-(-len(box) // BATCH)):
            items: Sequence[Any] = box.take(BATCH)
            if exporter is None:  # not wanted, and so not missed
                continue
            if not self._export(signal, partial(exporter.export, items)):
                self._lost += len(items)
                return False
        return True

    def _export(self, signal: str, export: Callable[[], object]) -> bool:
        raised: Exception | None = None
        try:
            result = export()
        except Exception as error:  # noqa: BLE001 -- whatever an exporter does, the thread lives
            result = raised = error
        if result in (
            MetricExportResult.SUCCESS,
            SpanExportResult.SUCCESS,
            LogRecordExportResult.SUCCESS,
        ):
            self.arrived_at = self._clock_ns() / 1e9
            if self.failures[signal]:
                self.failures[signal] = 0
                logger.warning("%s arrive again at %s", signal, self._to.name)
            return True
        why = self.why = self._reasons.why(raised)
        if not self.failures[signal]:
            logger.warning(
                "%s do not arrive at %s: %s; calls are not affected", signal, self._to.name, why
            )
        self.failures[signal] += 1
        return False
