"""Telemetry beside a Balancer: its own life, and what happens to the Balancer meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.adapters.telemetry.live import Telemetry
from balancer.core.errors import InputError, MisuseError
from balancer.core.modes import Mode
from balancer.core.observations import Alert
from balancer.core.policy import BudgetLimit
from balancer.policy_file import default_policy
from balancer.runtime.calls import Asked
from tests.adapters.telemetry.kept import Kept
from tests.runtime.bench import Bench

FINISHED = "open_balancer.attempts.finished"


def total(kept: Kept, name: str) -> float:
    """Sum of a metric's last values."""
    return float(sum(point.value for point in kept.points(name).values()))


def test_starting_twice_counts_once() -> None:
    """And closing twice sends once more only."""
    bench, kept = Bench(), Kept()
    telemetry = Telemetry(bench.balancer, kept.destination, interval_s=60)
    with telemetry:
        telemetry.start()
        bench.calls(5)
        bench.seen()
    assert total(kept, FINISHED) == 5
    reports = len(kept.reports())
    telemetry.close()
    assert len(kept.reports()) == reports
    with pytest.raises(MisuseError, match="make another"):
        telemetry.start()


def test_what_ends_with_the_balancer_is_reported_if_telemetry_closes_after_it() -> None:
    """The tick under way is stepped by closing the balancer."""
    bench, kept = Bench(), Kept()
    with Telemetry(bench.balancer, kept.destination, interval_s=60), bench.balancer:
        bench.calls(5)
    assert total(kept, FINISHED) == 5


def test_what_is_left_for_priority_is_reported() -> None:
    """Less what is held for calls in flight."""
    limit = BudgetLimit(usd=2.0, window_s=3600.0)
    bench, kept = Bench(replace(default_policy(), priority_budgets=(limit,))), Kept()
    with Telemetry(bench.balancer, kept.destination, interval_s=60):
        request = bench.balancer.request(
            asked=Asked(service_tier="priority", output_cap_tokens=1000)
        )
        attempt = request.start()
        assert attempt is not None
        assert attempt.tier == "priority"
        bench.seen()
    (held,) = bench.balancer.ledger.priority_left_nano_usd()
    assert 0 < held < 2_000_000_000
    points = kept.points("open_balancer.budget.priority.left")
    assert [point.value for point in points.values()] == [pytest.approx(held / 1e9)]


def test_what_is_used_and_reserved_of_a_budget_is_reported() -> None:
    """As the ledger has it, and for how long it is out of use."""
    limit = BudgetLimit(usd=2.0, window_s=3600.0)
    bench, kept = Bench(replace(default_policy(), budgets=(limit,))), Kept()
    with Telemetry(bench.balancer, kept.destination, interval_s=60):
        bench.balancer.ledger.book(500_000_000)
        flying = bench.balancer.request(asked=Asked(output_cap_tokens=1000))
        assert flying.start() is not None
        bench.seen()
    (standing,) = bench.balancer.budgets()
    told = {
        name: [point.value for point in kept.points(f"open_balancer.budget.{name}").values()]
        for name in ("used", "reserved", "left", "free")
    }
    assert told == {
        "used": [0.5],
        "reserved": [pytest.approx(standing.reserved / 1e9)],
        "left": [pytest.approx(standing.left / 1e9)],
        "free": [pytest.approx(3659.0)],
    }
    flying.close()


def test_after_closing_nothing_is_listened_to() -> None:
    """Not even by the log."""
    bench, kept = Bench(), Kept()
    with Telemetry(bench.balancer, kept.destination, interval_s=60):
        bench.seen()
    bench.calls(5)
    bench.seen()
    assert not bench.balancer.listeners.ended
    assert not bench.balancer.listeners.over
    assert total(kept, FINISHED) == 0


def test_a_mode_that_holds_already_is_no_change() -> None:
    """As after a restart from a snapshot; the way back is one."""
    bench, kept = Bench(), Kept()
    bench.balancer.alert(Alert("monitor", at_tick=0, mode=Mode.HARD, lifetime_ticks=300))
    bench.seen()
    assert bench.mode is Mode.HARD
    with Telemetry(bench.balancer, kept.destination, interval_s=60):
        bench.seen()
    assert total(kept, "open_balancer.mode.current") == 2
    assert kept.points("open_balancer.mode.changes") == {}
    assert kept.points("open_balancer.activations") == {}
    names = [record.log_record.event_name for batch in kept.logs.taken for record in batch]
    assert "open_balancer.mode.change" not in names


def test_the_trace_of_a_brownout_is_known_while_it_goes_on() -> None:
    """So that an incident can lead to it."""
    bench, kept = Bench(), Kept()
    with Telemetry(bench.balancer, kept.destination, interval_s=60) as telemetry:
        bench.seen()
        before = telemetry.brownout_trace
        bench.balancer.override(Mode.HARD, "a drill", for_s=1000)
        bench.seen()
        bench.seen()
        during = telemetry.brownout_trace
        bench.balancer.override(Mode.NORMAL, "over", for_s=1000)
        bench.seen()
        bench.seen()
        after = telemetry.brownout_trace
    assert (before, after) == ("", "")
    traces = {f"{span.context.trace_id:032x}" for span in kept.ended_spans() if span.context}
    assert traces == {during}


def test_a_policy_with_other_ticks_looks_back_a_minute_too() -> None:
    """What failed more than a minute ago is forgotten, whatever a tick is."""
    bench, kept = Bench(), Kept()
    with Telemetry(bench.balancer, kept.destination, interval_s=60) as telemetry:
        bench.calls(5, kind="internal")
        bench.seen()
        bench.balancer.use(replace(default_policy(), tick_s=5.0))
        for _ in range(30):
            bench.calls(1)
            bench.clock.advance(5.0)
            bench.balancer.tick()
        assert telemetry.sender.send_metrics()
    assert total(kept, "open_balancer.error_rate") == 0
    assert total(kept, "open_balancer.availability") == 1


@pytest.mark.parametrize("said", ["soon", "99", "3600001", "-1"])
def test_an_interval_that_cannot_be_meant_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """Milliseconds, within reason."""
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", said)
    with pytest.raises(InputError, match=rf"^OTEL_METRIC_EXPORT_INTERVAL: found '{said}'"):
        Telemetry(Bench().balancer, Kept().destination)
