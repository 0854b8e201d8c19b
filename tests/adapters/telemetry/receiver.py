"""A real OTLP receiver, Datadog's test agent, in an environment of its own; read back by value."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.environments import python_beside
from tests.waiting import GIVE_UP_S, free_port, listens, until_ready

__all__ = ["Receiver", "receiver", "values"]

AGENT = "ddapm-test-agent==1.69.1"
READY_S = 60.0


class Receiver:
    """The running agent.

    Attributes:
        http, grpc: its OTLP endpoints.
    """

    def __init__(self, http: int, grpc: int) -> None:
        self.http = f"http://127.0.0.1:{http}"
        self.grpc = f"http://127.0.0.1:{grpc}"

    def _read(self, what: str) -> Any:
        address = f"{self.http}/test/session/{what}"
        with urllib.request.urlopen(address, timeout=GIVE_UP_S) as answer:  # noqa: S310
            return json.load(answer)

    def clear(self) -> None:
        """Forget what came so far."""
        with urllib.request.urlopen(f"{self.http}/test/session/clear", timeout=GIVE_UP_S):  # noqa: S310
            pass

    def metrics(self) -> list[dict[str, Any]]:
        """Every metric that came, in order."""
        return [
            metric
            for request in self._read("metrics")
            for resource in request["resource_metrics"]
            for scope in resource["scope_metrics"]
            for metric in scope["metrics"]
        ]

    def spans(self) -> list[dict[str, Any]]:
        """Every span that came."""
        return [
            {**span, "trace": base64.b64decode(span["trace_id"]).hex()}
            for request in self._read("traces")
            for resource in request["resource_spans"]
            for scope in resource["scope_spans"]
            for span in scope["spans"]
        ]

    def logs(self) -> list[dict[str, Any]]:
        """Every log record that came."""
        return [
            {**record, "trace": base64.b64decode(record.get("trace_id", "")).hex()}
            for request in self._read("logs")
            for resource in request["resource_logs"]
            for scope in resource["scope_logs"]
            for record in scope["log_records"]
        ]

    def resources(self, what: str) -> list[dict[str, Any]]:
        """Attributes of every resource that reported a signal."""
        key = {"metrics": "resource_metrics", "traces": "resource_spans", "logs": "resource_logs"}
        return [
            values(resource["resource"]["attributes"])
            for request in self._read(what)
            for resource in request[key[what]]
        ]


def values(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes as a plain dictionary."""
    return {entry["key"]: next(iter(entry["value"].values())) for entry in attributes}


@contextmanager
def receiver(log: Path) -> Iterator[Receiver]:
    """Start the agent, and stop it."""
    python = python_beside("ddapm-test-agent", AGENT)
    ports = [free_port() for _ in range(3)]
    options = ["-p", "--otlp-http-port", "--otlp-grpc-port"]
    command = [str(python.parent / "ddapm-test-agent"), "--host", "127.0.0.1"]
    command.append("--disable-llmobs-data-forwarding")
    for option, port in zip(options, ports, strict=True):
        command += [option, str(port)]
    environment = {name: value for name, value in os.environ.items() if name != "DD_API_KEY"}
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        found = Receiver(ports[1], ports[2])
        until_ready(process, log, lambda: all(map(listens, ports)))
        yield found
    finally:
        process.terminate()
        process.wait(GIVE_UP_S)
