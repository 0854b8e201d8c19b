"""A live balancer's telemetry at a real receiver, over both transports, compared by value."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from balancer import metrics
from balancer.adapters.telemetry.destination import Destination, destination
from balancer.adapters.telemetry.live import Telemetry
from balancer.core.modes import Mode, Priority
from balancer.core.observations import Alert
from balancer.runtime.calls import Asked, Outcome, Passage, Score
from tests.adapters.telemetry.receiver import Receiver, values
from tests.runtime.bench import ANSWER, Bench
from tests.waiting import at_once, threads, until

TEMPORALITY = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"


def line(agent: Receiver, transport: str, temporality: str = "cumulative") -> Destination:
    """Exporters to the receiver."""
    if transport == "grpc":
        return destination(agent.grpc, "grpc", {TEMPORALITY: temporality})
    return destination(agent.http, "http/protobuf", {TEMPORALITY: temporality})


def points(found: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Points of a metric, in the order they came."""
    return [
        {**point, "attributes": values(point.get("attributes", []))}
        for metric in found
        if metric["name"] == name
        for kind in ("sum", "gauge", "exponential_histogram")
        for point in metric.get(kind, {}).get("data_points", [])
    ]


def numbers(found: list[dict[str, Any]], name: str, **attributes: str) -> list[float]:
    """Values of a metric's points with these attributes."""
    wanted: Mapping[str, str] = {key.replace("__", "."): value for key, value in attributes.items()}
    return [
        point["as_double"]
        for point in points(found, name)
        if all(point["attributes"].get(key) == value for key, value in wanted.items())
    ]


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_what_was_counted_arrives_by_value(agent: Receiver, transport: str) -> None:
    """Counters, gauges, histograms, and the promised names beside the native ones."""
    bench = Bench()
    with Telemetry(bench.balancer, line(agent, transport), service="shop", interval_s=60):
        bench.calls(20, latency_s=0.5)
        bench.calls(5, kind="overloaded")
        bench.balancer.override(Mode.SOFT, "test", for_s=60)
        bench.seen()
    found = agent.metrics()
    assert sum(numbers(found, "open_balancer.attempts.finished")) == 25
    assert numbers(found, "open_balancer.attempts.failed", error__type="overloaded") == [5]
    assert numbers(found, "open_balancer.error_rate") == [pytest.approx(0.2)]
    assert numbers(found, "request.error_rate") == [pytest.approx(0.2)]
    assert numbers(found, "brownout.current_mode") == [1]
    (latency,) = points(found, "request.latency")
    assert latency["count"] == "20"
    assert latency["scale"] == 6
    assert latency["sum"] == pytest.approx(10.0, rel=0.006)
    durations = points(found, "gen_ai.client.operation.duration")
    assert sum(int(point["count"]) for point in durations) == 25
    assert {resource["service.name"] for resource in agent.resources("metrics")} == {"shop"}


def test_differences_arrive_once(agent: Receiver) -> None:
    """With delta temporality each report holds what came since the one before."""
    bench = Bench()
    with Telemetry(bench.balancer, line(agent, "http", "delta"), interval_s=60) as telemetry:
        bench.calls(20)
        bench.seen()
        assert telemetry.sender.send_metrics()
        bench.calls(3)
        bench.seen()
    # The receiver lists what came last first.
    assert sorted(numbers(agent.metrics(), "request.attempts")) == [3, 20]


def test_a_request_is_a_span_with_its_attempts(agent: Receiver) -> None:
    """GenAI attributes, mode, attempts as events, and the caller's span as the parent."""
    bench = Bench()
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("application")
    with Telemetry(bench.balancer, line(agent, "grpc"), interval_s=60):
        with tracer.start_as_current_span("handler") as parent:
            request = bench.balancer.request(priority=Priority.HIGH, asked=Asked(prompt_tokens=9))
            for outcome in (Outcome(kind="overloaded", status=503), ANSWER):
                attempt = request.start()
                assert attempt is not None
                bench.clock.advance(0.25)
                attempt.finish(outcome)
                assert request.over or request.next_delay_s() == 0.0
        bench.seen()
    (span,) = agent.spans()
    attributes = values(span["attributes"])
    assert span["name"] == "generate_content gemini-2.5-flash"
    assert span["kind"] == "SPAN_KIND_CLIENT"
    assert span["trace"] == f"{parent.get_span_context().trace_id:032x}"
    assert attributes["gen_ai.operation.name"] == "generate_content"
    assert attributes["gen_ai.provider.name"] == "gcp.gemini"
    assert attributes["gen_ai.response.model"] == "gemini-2.5-flash-lite"
    assert attributes["gen_ai.usage.input_tokens"] == "100"
    assert attributes["gen_ai.usage.output_tokens"] == "50"
    assert attributes["open_balancer.mode"] == "normal"
    assert attributes["open_balancer.priority"] == "high"
    outcomes = [values(event["attributes"])["open_balancer.outcome"] for event in span["events"]]
    assert outcomes == ["overloaded", "answer"]
    lasted_ns = int(span["end_time_unix_nano"]) - int(span["start_time_unix_nano"])
    assert lasted_ns == pytest.approx(0.5e9, abs=0.05e9)


def test_a_brownout_is_a_trace_with_its_reasons_and_logs(agent: Receiver) -> None:
    """A span over the episode, one for the mode, and the log record of the change inside it."""
    bench = Bench()
    with Telemetry(bench.balancer, line(agent, "http"), interval_s=60):
        bench.balancer.alert(Alert("monitor", at_tick=0, mode=Mode.HARD, lifetime_ticks=100))
        bench.seen()
        bench.seen()
    spans = {span["name"]: span for span in agent.spans()}
    assert set(spans) == {"brownout", "brownout hard"}
    inner = spans["brownout hard"]
    assert inner["trace"] == spans["brownout"]["trace"]
    assert "alert monitor" in str(values(inner["attributes"])["open_balancer.reasons"])
    changes = [log for log in agent.logs() if log["event_name"] == "open_balancer.mode.change"]
    assert [log["severity_text"] for log in changes] == ["WARN"]
    assert changes[0]["trace"] == inner["trace"]
    assert values(changes[0]["attributes"])["open_balancer.mode.to"] == "hard"
    assert numbers(agent.metrics(), "brownout.activations.count") == [1]


def test_a_failed_request_is_logged_in_its_trace(agent: Receiver) -> None:
    """With its kind; what was asked and answered is nowhere."""
    bench = Bench()
    with Telemetry(bench.balancer, line(agent, "http"), interval_s=60):
        request = bench.balancer.request(key="tenant-secret", asked=Asked(prompt_tokens=9))
        while (attempt := request.start()) is not None:
            attempt.finish(Outcome(kind="rejected", status=400))
            if request.next_delay_s() is None:
                break
        logging.getLogger("balancer").warning("something of our own")
    (failed,) = [log for log in agent.logs() if log["event_name"] == "open_balancer.request.failed"]
    (span,) = agent.spans()
    assert failed["trace"] == span["trace"]
    assert values(failed["attributes"])["error.type"] == "rejected"
    assert [log["body"] for log in agent.logs() if log["event_name"] == "open_balancer.log"] == [
        {"string_value": "something of our own"}
    ]
    assert "tenant-secret" not in f"{agent.logs()} {agent.spans()} {agent.metrics()}"


def test_a_scorer_says_what_answers_are_worth(agent: Receiver) -> None:
    """The mean of the last minute; without a scorer there is no such metric."""
    bench = Bench()
    with Telemetry(bench.balancer, line(agent, "http"), interval_s=60):
        bench.seen()
        for quality in (0.5, 1.0):
            bench.balancer.scored(
                Score(
                    mode=Mode.NORMAL,
                    model="gemini-2.5-flash",
                    priority=Priority.NORMAL,
                    key=None,
                    index=None,
                    quality=quality,
                )
            )
        bench.seen()
    assert numbers(agent.metrics(), "response.quality_score") == [0.75]


def test_what_passes_is_counted_apart(agent: Receiver) -> None:
    """By what it is of, and by how it failed; and the kill switch is told."""
    bench = Bench()
    with Telemetry(bench.balancer, line(agent, "http"), interval_s=60):
        for failure in (None, "overloaded"):
            bench.balancer.passed(
                Passage(kind="embeddings", failure=failure, seconds=0.2, nano_usd=10**9)
            )
        bench.balancer.bypass(True, "a drill")
        bench.seen()
    found = agent.metrics()
    assert numbers(found, "open_balancer.passed.calls") == [1, 1]
    assert numbers(found, "open_balancer.passed.cost") == [2]
    assert numbers(found, "open_balancer.bypass") == [1]
    assert numbers(found, "request.throughput") == []


def test_replicas_report_under_ids_of_their_own(agent: Receiver) -> None:
    """Same second and same tags would overwrite each other."""
    for _ in range(2):
        bench = Bench()
        with Telemetry(bench.balancer, line(agent, "http"), interval_s=60):
            bench.seen()
    ids = [resource["service.instance.id"] for resource in agent.resources("metrics")]
    assert len(set(ids)) == len(ids) == 2


def test_the_table_is_all_there_is(agent: Receiver) -> None:
    """Whatever is emitted stands in the table, with its unit, kind and attributes."""
    bench = Bench()
    with Telemetry(bench.balancer, line(agent, "http"), interval_s=60):
        bench.calls(20, latency_s=0.5, kind="empty")
        bench.seen()
    for metric in agent.metrics():
        row = metrics.metric_named(metric["name"])
        assert row is not None, metric["name"]
        assert metric["unit"] == row.unit
        kind = {"counter": "sum", "gauge": "gauge", "histogram": "exponential_histogram"}
        assert kind[row.kind.value] in metric
        for point in points([metric], metric["name"]):
            assert set(point["attributes"]) <= set(row.attributes)


def test_a_receiver_that_is_not_there_changes_nothing() -> None:
    """Calls go on, and closing is bounded."""
    bench = Bench()
    nowhere = destination("http://127.0.0.1:9", "http/protobuf", {})
    with at_once():
        telemetry = Telemetry(bench.balancer, nowhere, interval_s=60)
        telemetry.start()
        bench.calls(20)
        assert bench.seen().offered != (0, 0, 0)
        telemetry.close(timeout_s=0.5)
        until(lambda: "balancer-telemetry" not in threads(), "nothing is tried any more")
    assert trace.get_current_span() is trace.INVALID_SPAN
