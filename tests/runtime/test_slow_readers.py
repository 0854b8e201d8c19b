"""Who reads a stream slowly is what is waited for then, and not the upstream."""

from __future__ import annotations

import pytest

from balancer.core.histogram import Histogram
from balancer.core.modes import Mode
from balancer.core.observations import Observations
from balancer.runtime.attempts import Attempt
from balancer.runtime.calls import Asked
from balancer.runtime.recorder import LONGEST_CALL_S
from balancer.runtime.requests import Request

from .bench import ANSWER, MODEL, Bench


def streaming(bench: Bench) -> tuple[Request, Attempt]:
    """A request whose stream has begun after a second."""
    request = bench.balancer.request(asked=Asked(model=MODEL, prompt_tokens=100))
    attempt = request.start()
    assert attempt is not None
    bench.clock.advance(1.0)
    attempt.first_token()
    return request, attempt


def ages(seen: Observations) -> tuple[Histogram, Histogram]:
    """Of calls and of requests in flight."""
    return seen.served[0].ages, seen.requests[0].ages


def longest_s(found: Histogram) -> float:
    """Of what is in it."""
    (index,) = found.counts()
    return float(2 ** ((index + 1) / 64))


def test_what_is_waited_for_while_its_reader_is_busy_does_not_age() -> None:
    """Ten minutes of reading, twice; the seconds in between are the upstream's."""
    bench = Bench()
    told: list[float] = []
    bench.balancer.listeners.calls.add(lambda record: told.append(record.latency_s))
    request, attempt = streaming(bench)
    for so_far_s in (1.0, 2.0):
        attempt.pause()
        attempt.pause()
        for _ in range(600):
            for found in ages(bench.seen()):
                assert longest_s(found) == pytest.approx(so_far_s, rel=0.02)
        attempt.resume()
        attempt.resume()
        bench.clock.advance(1.0)
    attempt.finish(ANSWER)
    seen = bench.seen()
    assert told == pytest.approx([3.0])
    assert longest_s(seen.served[0].latency) == pytest.approx(3.0, rel=0.02)
    assert longest_s(seen.requests[0].answered) == pytest.approx(3.0, rel=0.02)
    assert longest_s(seen.served[0].ttft) == pytest.approx(1.0, rel=0.02)
    assert {decision.mode for _, decision in bench.ticks} == {Mode.NORMAL}
    assert request.answered


def test_a_reader_who_leaves_meanwhile_is_counted_as_one_who_leaves() -> None:
    """Without the time that it took."""
    bench = Bench()
    request, attempt = streaming(bench)
    attempt.pause()
    bench.clock.advance(100.0)
    request.close()
    seen = bench.seen()
    assert longest_s(seen.served[0].latency) == pytest.approx(1.0, rel=0.02)
    assert (seen.served[0].finished, seen.served[0].failed) == (1, 0)
    assert bench.balancer.status().in_flight == 0


def test_a_stream_whose_reader_never_goes_on_is_forgotten() -> None:
    """As a call is that nobody ends, and with the age that it had."""
    bench = Bench()
    request, attempt = streaming(bench)
    attempt.pause()
    bench.clock.advance(LONGEST_CALL_S)
    bench.seen()
    assert bench.balancer.status().in_flight == 0
    seen = bench.seen()
    assert longest_s(seen.served[0].latency) == pytest.approx(1.0, rel=0.02)
    attempt.resume()
    attempt.finish(ANSWER)
    assert not bench.seen().served
    assert request.answered


def test_what_has_not_begun_or_is_over_is_not_paused() -> None:
    """Whoever says so may be late."""
    bench = Bench()
    request = bench.balancer.request(asked=Asked(model=MODEL))
    attempt = request.reserve()
    assert attempt is not None
    attempt.pause()
    attempt.resume()
    attempt.begin()
    attempt.finish(ANSWER)
    attempt.pause()
    attempt.resume()
    assert bench.seen().served[0].finished == 1
