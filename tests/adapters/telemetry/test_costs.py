"""What a request costs, all its attempts together."""

from __future__ import annotations

import pytest

from balancer.adapters.telemetry.live import Telemetry
from balancer.core.modes import Mode, Priority
from balancer.core.observations import Alert
from balancer.runtime.calls import Asked, Outcome
from tests.adapters.telemetry.kept import Kept
from tests.runtime.bench import ANSWER, Bench

COST = "open_balancer.request.cost"
CUT = Outcome(kind="cut", prompt_tokens=100, output_tokens=20)


def test_attempts_of_a_request_are_one_sample() -> None:
    """The sum of what they cost, which is the sum that is settled."""
    bench, kept = Bench(), Kept()
    with Telemetry(bench.balancer, kept.destination, interval_s=60, traces=False):
        with bench.balancer.request(asked=Asked(prompt_tokens=9)) as request:
            for outcome in (CUT, ANSWER):
                attempt = request.start()
                assert attempt is not None
                attempt.finish(outcome)
                request.next_delay_s()
        bench.seen()
    (point,) = kept.points(COST).values()
    settled = sum(point.value for point in kept.points("open_balancer.cost").values())
    assert point.attributes == {"open_balancer.mode": "normal"}
    assert point.count == 1
    assert point.sum == pytest.approx(settled)
    assert settled > 0


def test_a_request_that_was_not_billed_counts_as_nothing_and_a_shed_one_not_at_all() -> None:
    """So that the mean is over what was admitted."""
    bench, kept = Bench(), Kept()
    with Telemetry(bench.balancer, kept.destination, interval_s=60, traces=False):
        with bench.balancer.request() as request:
            while (attempt := request.start()) is not None:
                attempt.finish(Outcome(kind="rejected", status=400))
                if request.next_delay_s() is None:
                    break
        bench.balancer.alert(Alert("monitor", at_tick=0, mode=Mode.EMERGENCY, lifetime_ticks=99))
        bench.seen()
        for _ in range(20):
            bench.balancer.request(Priority.LOW).close()
        assert sum(bench.seen().shed) == 20
    (point,) = kept.points(COST).values()
    assert (point.count, point.sum, point.zero_count) == (1, 0, 1)


def test_plain_calls_and_requests_are_counted_alike() -> None:
    """A plain call is a request of one attempt, priced when it is added up."""
    bench, kept = Bench(), Kept()
    with Telemetry(bench.balancer, kept.destination, interval_s=60, traces=False):
        bench.calls(3)
        with bench.balancer.request() as request:
            attempt = request.start()
            assert attempt is not None
            attempt.finish(Outcome(prompt_tokens=1000, output_tokens=100))
        bench.seen()
    (point,) = kept.points(COST).values()
    assert point.count == 4
    settled = sum(point.value for point in kept.points("open_balancer.cost").values())
    assert point.sum == pytest.approx(settled)
    assert point.min == pytest.approx(settled / 4, rel=0.006)
    assert point.max == point.min
