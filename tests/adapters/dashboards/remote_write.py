"""Telemetry into a real Prometheus: remote write, with native histograms, and queries back.

Debian's Prometheus is older than its OTLP receiver, so the translation that the receiver does
is done here: names by the module under test (which `test_names_elsewhere` holds against an
implementation that is not ours), exponential histograms into native ones by the rules of the
OpenTelemetry specification. The body is protobuf by hand, "compressed" by Snappy into literals.
"""

from __future__ import annotations

import json
import struct
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opentelemetry.sdk.metrics.export import (
    ExponentialHistogramDataPoint,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
)

from balancer.metrics import metric_named
from balancer.prometheus_names import Translation, label_name, metric_name
from tests.waiting import GIVE_UP_S, free_port, until_ready

__all__ = ["Kept", "Prometheus", "prometheus"]

MOST_SERIES = 2_000

Point = tuple[int, bytes]
"""Milliseconds, and the fields of a time series message that hold a point."""


class Kept(MetricExporter):
    """An exporter that keeps what it is given, as series of Prometheus."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.points: list[tuple[int, tuple[tuple[str, str], ...], bytes]] = []
        self._service = service

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any
    ) -> MetricExportResult:
        """Translate and keep."""
        for resource in metrics_data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    row = metric_named(metric.name)
                    assert row is not None
                    if row.name != metric.name:
                        continue  # an alias
                    name = metric_name(row, Translation.UNDERSCORES)
                    for point in metric.data.data_points:
                        self._keep(name, point)
        return MetricExportResult.SUCCESS

    def _keep(self, name: str, point: Any) -> None:
        labels = {
            "__name__": name,
            "job": self._service,
            "instance": "1",
            **{
                label_name(key, Translation.UNDERSCORES): str(value)
                for key, value in (point.attributes or {}).items()
            },
        }
        at_ms = point.time_unix_nano // 1_000_000
        if isinstance(point, NumberDataPoint):
            body = _bytes(2, _double(1, float(point.value)) + _int(2, at_ms))
        else:
            body = _bytes(4, _native(point, at_ms))
        self.points.append((at_ms, tuple(sorted(labels.items())), body))

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing waits."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Nothing to end."""


def _native(point: ExponentialHistogramDataPoint, at_ms: int) -> bytes:
    """A native histogram, whose buckets are counted from one more than OpenTelemetry's."""
    counts = list(point.positive.bucket_counts)
    deltas = [after - before for before, after in zip([0, *counts], counts, strict=False)]
    span = _int(1, _zigzag(point.positive.offset + 1)) + _int(2, len(counts))
    return b"".join(
        (
            _int(1, point.count),
            _double(3, point.sum),
            _int(4, _zigzag(point.scale)),
            _double(5, 1e-128),
            _int(6, point.zero_count),
            _bytes(11, span) if counts else b"",
            _bytes(12, b"".join(_varint(_zigzag(delta)) for delta in deltas)) if counts else b"",
            _int(15, at_ms),
        )
    )


# ------------------------------------------------------------------------------ protobuf


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _write_request(series: Mapping[tuple[tuple[str, str], ...], Iterable[bytes]]) -> bytes:
    return b"".join(
        _bytes(
            1,
            b"".join(
                _bytes(1, _bytes(1, name.encode()) + _bytes(2, value.encode()))
                for name, value in labels
            )
            + b"".join(points),
        )
        for labels, points in series.items()
    )


def _snappy(body: bytes) -> bytes:
    """Snappy's block format, all of it literals."""
    size = 60_000
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    literals = (b"\xf4" + struct.pack("<H", len(part) - 1) + part for part in parts)
    return _varint(len(body)) + b"".join(literals)


# ------------------------------------------------------------------------------ the server


class Prometheus:
    """A running server."""

    def __init__(self, address: str) -> None:
        self._address = address

    def write(self, points: Sequence[tuple[int, tuple[tuple[str, str], ...], bytes]]) -> None:
        """Write points, whose times of one series grow."""
        ordered = sorted(points, key=lambda point: point[0])
        for i in range(0, len(ordered), MOST_SERIES):
            series: dict[tuple[tuple[str, str], ...], list[bytes]] = {}
            for _, labels, body in ordered[i : i + MOST_SERIES]:
                series.setdefault(labels, []).append(body)
            request = urllib.request.Request(  # noqa: S310 -- a server of ours, on this machine
                f"{self._address}/api/v1/write",
                data=_snappy(_write_request(series)),
                headers={
                    "Content-Encoding": "snappy",
                    "Content-Type": "application/x-protobuf",
                    "X-Prometheus-Remote-Write-Version": "0.1.0",
                },
            )
            with urllib.request.urlopen(request, timeout=GIVE_UP_S):  # noqa: S310
                pass

    def query(self, expression: str, from_s: float, to_s: float, step_s: float) -> list[Any]:
        """The series of an expression over a time."""
        words = {"query": expression, "start": from_s, "end": to_s, "step": step_s}
        return list(self._get("query_range", words)["result"])

    def _get(self, what: str, words: Mapping[str, Any]) -> Any:
        address = f"{self._address}/api/v1/{what}?{urllib.parse.urlencode(words)}"
        with urllib.request.urlopen(address, timeout=GIVE_UP_S) as answer:  # noqa: S310
            return json.load(answer)["data"]


@contextmanager
def prometheus(directory: Path) -> Iterator[Prometheus]:
    """Start a server that stores in a directory, and stop it."""
    config, log = directory / "prometheus.yml", directory / "log"
    config.write_text("global: {}\n")
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
        "--enable-feature=native-histograms",
    ]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        until_ready(process, log, lambda: _ready(f"http://127.0.0.1:{port}/-/ready"))
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(GIVE_UP_S)


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=GIVE_UP_S):  # noqa: S310
            return True
    except OSError:
        return False
