"""`open-balancer verify-telemetry` and `run --otlp`: what they send, say and exit with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.adapters.telemetry.receiver import Receiver, receiver, values
from tests.adapters.telemetry.taker import Taker, taker
from tests.cli.conftest import Command

NOWHERE = "http://127.0.0.1:9"
SCENARIO = """\
scenario: {name}
title: Two minutes
duration: 2m
warm_up: 10s
replications: 2
{more}workload:
  arrivals: {{process: poisson, rate: 2}}
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exporters that give up soon, and an environment that names nothing."""
    for name in ("DD_API_KEY", "DATADOG_API_KEY", "DD_SITE", "DATADOG_SITE"):
        monkeypatch.delenv(name, raising=False)
    # Long enough for a second try: only then does an exporter say what was wrong with the first.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A real receiver."""
    with receiver(tmp_path_factory.mktemp("agent") / "log") as found:
        yield found


@pytest.fixture
def agent(real: Receiver) -> Receiver:
    """The receiver, empty."""
    real.clear()
    return real


@pytest.fixture
def here() -> Iterator[Taker]:
    """An HTTP receiver that can refuse."""
    with taker() as found:
        yield found


def scenario(directory: Path, name: str = "tiny", more: str = "") -> Path:
    """A scenario of two minutes."""
    path = directory / f"{name}.yaml"
    path.write_text(SCENARIO.format(name=name, more=more))
    return path


# ------------------------------------------------------------------------ verify-telemetry


def test_what_is_switched_off_is_not_said_to_arrive(
    command: Command, here: Taker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The application would send nothing either."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    done = command("verify-telemetry", "--otlp", here.url, "--protocol", "http/protobuf")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "OTEL_SDK_DISABLED: is true" in done.stderr
    assert here.paths == []


@pytest.mark.parametrize("transport", ["grpc", "http/protobuf"])
def test_a_good_receiver_gets_one_of_everything(
    command: Command, agent: Receiver, transport: str
) -> None:
    """Said step by step; the log record is in the span's trace."""
    address = agent.grpc if transport == "grpc" else agent.http
    done = command(
        "verify-telemetry", "--otlp", address, "--protocol", transport, "--service", "shop"
    )
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"sending to {address} (")
    assert [line.split(":")[:2] for line in lines[1:]] == [
        ["1. metrics", " arrived"],
        ["2. traces", " arrived"],
        ["3. logs", " arrived"],
    ]
    (span,) = agent.spans()
    (record,) = agent.logs()
    assert span["trace"] == record["trace"]
    assert span["trace"] in lines[2]
    assert {metric["name"] for metric in agent.metrics()} >= {"brownout.current_mode"}
    for signal in ("metrics", "traces", "logs"):
        assert [each["service.name"] for each in agent.resources(signal)] == ["shop"]


def test_the_environment_says_where_to_send(
    command: Command, here: Taker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without options."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", here.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none")
    done = command("verify-telemetry")
    assert done.exit_code == 0
    assert "3. logs: skipped: switched off by OTEL_LOGS_EXPORTER" in done.stdout
    assert here.paths == ["/v1/metrics", "/v1/traces"]


@pytest.mark.parametrize("transport", ["grpc", "http/protobuf"])
def test_a_receiver_that_is_not_there_fails_every_step(command: Command, transport: str) -> None:
    """Exit code 1, a line for each, and nothing of the exporters' own talk."""
    done = command("verify-telemetry", "--otlp", NOWHERE, "--protocol", transport)
    assert (done.exit_code, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    for line in lines[1:]:
        assert re.search(r"FAILED: did not arrive at .*: connection refused: nothing", line), line


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (401, "it does not accept our key (HTTP 401)"),
        (403, "it does not accept our key (HTTP 403)"),
        (404, "there is no OTLP at this address (HTTP 404)"),
        (400, "it answers 400 Bad Request"),
    ],
)
def test_a_receiver_that_refuses_is_said_so(
    command: Command, here: Taker, status: int, why: str
) -> None:
    """With what it answered, and where to look."""
    here.status = status
    done = command("verify-telemetry", "--otlp", here.url, "--protocol", "http/protobuf")
    assert done.exit_code == 1
    assert done.stdout.count(f"FAILED: did not arrive at {here.url} (HTTP): {why}") == 3


def test_a_receiver_of_the_other_protocol_is_said_so(
    command: Command, agent: Receiver, here: Taker
) -> None:
    """And which one it is."""
    done = command("verify-telemetry", "--otlp", here.url, "--protocol", "grpc")
    assert done.exit_code == 1
    assert "it does not speak gRPC; the other protocol is http/protobuf" in done.stdout
    done = command("verify-telemetry", "--otlp", agent.grpc, "--protocol", "http/protobuf")
    assert done.exit_code == 1
    assert "it does not speak HTTP/1.1; the other protocol is grpc" in done.stdout


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--otlp", NOWHERE, "--protocol", "http"), "the OTLP protocol: found 'http'"),
        (("--otlp", "localhost"), "the OTLP endpoint: found 'localhost', expected a URL"),
        (("--datadog",), "Datadog: the API key is missing; set DATADOG_API_KEY or DD_API_KEY"),
        (("--datadog", "--otlp", NOWHERE), "--datadog: goes to Datadog's intake"),
    ],
)
def test_what_cannot_be_meant_is_one_message(
    command: Command, options: tuple[str, ...], problem: str
) -> None:
    """Exit code 2; nothing is sent."""
    done = command("verify-telemetry", *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {problem}")
    assert done.stderr.count("\n") == 1


# ------------------------------------------------------------------------------ run --otlp


@pytest.mark.slow
def test_a_run_is_exported_with_all_arms(command: Command, agent: Receiver, tmp_path: Path) -> None:
    """Its report is as without; what was sent is said."""
    done = command("run", scenario(tmp_path), "--otlp", agent.grpc)
    assert (done.exit_code, done.stderr) == (0, "")
    assert re.search(
        r"^tiny, policy: \d+ reports of metrics and 0 spans sent", done.stdout, re.MULTILINE
    )
    assert re.search(
        r"^tiny, none: \d+ reports of metrics and 0 spans sent", done.stdout, re.MULTILINE
    )
    points = [
        values(point["attributes"])
        for metric in agent.metrics()
        if metric["name"] == "request.attempts"
        for point in metric["sum"]["data_points"]
    ]
    assert {point["open_balancer.arm"] for point in points} == {
        "policy",
        "static",
        "cheapest",
        "none",
    }
    assert (tmp_path / "balancer-reports" / "latest" / "report.html").is_file()


def first_ns(agent: Receiver) -> int:
    """Time of the first point that came."""
    return min(
        int(point["time_unix_nano"])
        for metric in agent.metrics()
        if metric["name"] == "brownout.current_mode"
        for point in metric["gauge"]["data_points"]
    )


@pytest.mark.slow
def test_simulated_times_begin_with_the_scenario(
    command: Command, agent: Receiver, tmp_path: Path
) -> None:
    """Where it says when it starts; another one, with the last midnight."""
    starts = scenario(tmp_path, more="starts_at: 2026-03-01T08:00:00-08:00\n")
    command("run", starts, "--otlp", agent.http, "--otlp-protocol", "http/protobuf", "--quiet")
    start = datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert first_ns(agent) == (int(start.timestamp()) + 10) * 10**9
    agent.clear()
    command("run", scenario(tmp_path, "other"), "--otlp", agent.grpc, "--quiet")
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert first_ns(agent) == (int(midnight.timestamp()) + 10) * 10**9


@pytest.mark.slow
def test_simulated_times_can_end_now(command: Command, agent: Receiver, tmp_path: Path) -> None:
    """Whatever the scenario says."""
    starts = scenario(tmp_path, more="starts_at: 2026-03-01T08:00:00-08:00\n")
    done = command("run", starts, "--otlp", agent.grpc, "--shift-to-now", "--quiet")
    assert (done.exit_code, done.stdout) == (0, "")
    ago_s = datetime.now(UTC).timestamp() - first_ns(agent) / 1e9
    assert 100 < ago_s < 400


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            ("--otlp", NOWHERE, "--otlp-protocol", "grcp"),
            "the OTLP protocol: found 'grcp' (did you mean 'grpc'?)",
        ),
        (("--otlp", "nonsense"), "the OTLP endpoint: found 'nonsense', expected a URL"),
        (("--otlp", f"{NOWHERE}/v1/metrics"), "the OTLP endpoint: found the path /v1/metrics"),
        (("--shift-to-now",), "--shift-to-now: says how to send telemetry, but not where to"),
        (("--otlp-protocol", "grpc"), "--otlp-protocol: says how to send telemetry"),
    ],
)
def test_a_mistake_is_found_before_anything_runs(
    command: Command, tmp_path: Path, options: tuple[str, ...], problem: str
) -> None:
    """One message, exit code 2."""
    done = command("run", scenario(tmp_path), *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {problem}")
    assert not (tmp_path / "balancer-reports").exists()


@pytest.mark.parametrize("transport", ["grpc", "http/protobuf"])
def test_a_receiver_that_is_away_is_found_before_anything_runs(
    command: Command, tmp_path: Path, transport: str
) -> None:
    """One message, exit code 2; nothing was simulated for it."""
    done = command("run", scenario(tmp_path), "--otlp", NOWHERE, "--otlp-protocol", transport)
    kind = "gRPC" if transport == "grpc" else "HTTP"
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: {NOWHERE} ({kind}): the reports do not arrive: connection refused: nothing "
        "listens there\n"
    )
    assert not (tmp_path / "balancer-reports").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "after", "code", "why"),
    [
        (401, 0, 2, "error: {url} (HTTP): the reports do not arrive: it does not accept our key"),
        (404, 0, 2, "there is no OTLP at this address (HTTP 404)"),
        (500, 3, 0, "it answers 500 Internal Server Error; the report is balancer-reports/run-"),
    ],
)
def test_a_receiver_that_refuses_changes_no_verdict(
    command: Command, tmp_path: Path, here: Taker, status: int, after: int, code: int, why: str
) -> None:
    """Found at once, or told as a warning in the midst of it."""
    here.status, here.after = status, after
    done = command(
        "run", scenario(tmp_path), "--otlp", here.url, "--otlp-protocol", "http/protobuf", "-q"
    )
    assert done.exit_code == code
    assert why.format(url=here.url) in done.stderr
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "balancer-reports").exists() is (code == 0)
