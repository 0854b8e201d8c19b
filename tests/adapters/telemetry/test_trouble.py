"""A receiver that is away, slow or back, seen from the application: calls, memory, and counts."""

from __future__ import annotations

import gc
from functools import partial

import pytest

from balancer.adapters.telemetry import live
from balancer.adapters.telemetry.live import Telemetry
from balancer.runtime.calls import Outcome
from tests.adapters.telemetry.kept import Kept
from tests.runtime.bench import ANSWER, Bench
from tests.waiting import at_once, until

DROPPED = "open_balancer.telemetry.dropped"
MOST = 16


@pytest.fixture(autouse=True)
def small_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that they are full soon."""
    monkeypatch.setattr(live, "MOST_WAITING", MOST)


def ask(bench: Bench, count: int, outcome: Outcome = ANSWER) -> None:
    """Requests, one after another."""
    for _ in range(count):
        with bench.balancer.request() as request:
            while (attempt := request.start()) is not None:
                attempt.finish(outcome)
                if request.next_delay_s() is None:
                    break


def dropped(kept: Kept) -> float:
    """As the last report has it."""
    (point,) = kept.points(DROPPED).values()
    return float(point.value)


def test_nothing_dropped_is_said_too() -> None:
    """A monitor has something to look at before there is trouble."""
    bench, kept = Bench(), Kept()
    with Telemetry(bench.balancer, kept.destination, interval_s=60):
        bench.seen()
    assert dropped(kept) == 0


def test_a_receiver_that_hangs_costs_spans_and_logs_but_no_call_and_no_count() -> None:
    """The boxes are bounded, what they lose is in the status at once and in the next report."""
    bench, kept = Bench(), Kept()
    exporters = kept.metrics, kept.spans, kept.logs
    for exporter in exporters:
        exporter.gate.clear()
    telemetry = Telemetry(bench.balancer, kept.destination, interval_s=0.1).start()
    # From here on nobody empties the boxes.
    until(lambda: any(exporter.asked.is_set() for exporter in exporters), "the sender hangs")
    with at_once():
        ask(bench, 200)
        ask(bench, 200, Outcome(kind="internal", status=500))
        assert bench.seen().admitted != (0, 0, 0)
    assert len(telemetry.sender._spans.box) == len(telemetry.sender._logs.box) == MOST
    # One batch of each may be in the hands of the exporter.
    lost = bench.balancer.status().dropped["telemetry"]
    assert 600 - 4 * MOST <= lost <= 600
    for exporter in exporters:
        exporter.gate.set()
    telemetry.close(10)
    # The spans that closing ends found no room either.
    assert lost <= dropped(kept) == bench.balancer.status().dropped["telemetry"] <= lost + 2
    finished = kept.points("open_balancer.attempts.finished").values()
    seen = [entry for observations, _ in bench.ticks for entry in observations.served]
    assert sum(point.value for point in finished) == sum(entry.finished for entry in seen)


def _gave_up(telemetry: Telemetry, at_least: int) -> bool:
    """Whether so many items were dropped."""
    return telemetry.sender.dropped >= at_least


def test_an_outage_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    """Through the log, while what did not arrive is counted."""
    bench, kept = Bench(), Kept()
    kept.spans.away = True
    telemetry = Telemetry(bench.balancer, kept.destination, interval_s=0.1).start()
    for expected in (2, 4):
        ask(bench, 2)
        until(partial(_gave_up, telemetry, expected))
    kept.spans.away = False
    ask(bench, 1)
    telemetry.close(10)
    said = [record.getMessage() for record in caplog.records if "spans" in record.getMessage()]
    assert said == [
        "spans do not arrive at here: the exporter does not say why; calls are not affected",
        "spans arrive again at here",
    ]
    assert bench.balancer.status().dropped == {"telemetry": 4}
    assert len(kept.ended_spans()) == 1


def test_closing_is_bounded_while_the_receiver_hangs() -> None:
    """The thread is left behind; it is a daemon."""
    bench, kept = Bench(), Kept()
    kept.metrics.gate.clear()
    telemetry = Telemetry(bench.balancer, kept.destination, interval_s=60).start()
    with at_once():
        telemetry.close(timeout_s=0.2)
    kept.metrics.gate.set()
    telemetry.sender.close(10)


def test_a_request_that_is_dropped_while_a_report_is_made_cannot_lock_it_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A finaliser may run in the midst of whoever holds the lock, and must not wait for it."""
    from balancer.runtime import accounts

    monkeypatch.setattr(accounts, "MOST_PENDING", 0)
    bench, kept = Bench(), Kept()
    with Telemetry(bench.balancer, kept.destination, interval_s=60) as telemetry:
        request = bench.balancer.request(session="a")
        assert request.start() is not None
        with telemetry._lock:
            del request
            gc.collect()
        bench.seen()
    (point,) = kept.points("open_balancer.request.cost").values()
    assert point.count == 1
    assert sum(each.count for each in kept.points("open_balancer.session.tokens").values()) == 1
