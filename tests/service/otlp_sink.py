"""An OTLP receiver over HTTP that keeps what it is sent, on demand with errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)


class Sink:
    """What came.

    Attributes:
        url: base address.
        status: answered to everything.
        bodies: by path, as sent.
    """

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.bodies: dict[str, list[bytes]] = {}

    def metrics(self) -> set[str]:
        """Names of the metrics that came."""
        return {
            metric.name
            for body in self.bodies.get("/v1/metrics", [])
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def logs(self) -> list[str]:
        """Bodies of the log records that came."""
        return [
            record.body.string_value
            for body in self.bodies.get("/v1/logs", [])
            for resource in ExportLogsServiceRequest.FromString(body).resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]


@contextmanager
def an_otlp_sink() -> Iterator[Sink]:
    """A receiver for the time of the block."""
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            if sink.status == 200:
                sink.bodies.setdefault(self.path, []).append(body)
            self.send_response(sink.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    sink.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield sink
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
