"""What telemetry costs a call: metrics beside none, spans beside none, in the same run.

Two balancers take turns, one with telemetry and one without, so that whatever else the machine
does strikes both. A caller's time is the median over single calls, as in `live`. Processor time
is that of the whole process, with the adding up, a step of the controller every 1,000 calls and
the recording of metrics; sending is left out, since it does not grow with calls. Spans are made
by the sampler that the environment would name, and dropped instead of sent.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from balancer.adapters.telemetry.destination import Destination
from balancer.adapters.telemetry.live import Telemetry
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Asked, Outcome
from balancer.runtime.clock import ManualClock

__all__ = ["measure_telemetry"]

_ROUNDS = 40
_CALLS = 1_000
_BLOCKS = 60
_TICKS = 5
_NOWHERE = Destination(name="nowhere", metrics=None, spans=None, logs=None, delta=False)
# Of next to no tokens: 1,000 calls a second of an ordinary size would bring the controller out of
# normal.
_ASKED = Asked(prompt_tokens=2)
_ANSWER = Outcome(prompt_tokens=2, output_tokens=1)


def measure_telemetry() -> dict[str, float]:
    """Figures by the names of `bench.json`."""
    with _metered() as metered:
        bare = _Place()
        calls, measured = _calls_us(bare.balancer), _calls_us(metered.balancer)
        for _ in range(_ROUNDS):
            calls.extend(_calls_us(bare.balancer))
            measured.extend(_calls_us(metered.balancer))
            bare.tick()
            metered.tick()
        cpu = [(_cpu_us(bare), _cpu_us(metered)) for _ in range(_BLOCKS)]
    ratio = statistics.median(measured) / statistics.median(calls)
    found = {
        "hot_path_metrics_ratio": ratio,
        "live_call_cpu_metrics_ratio": statistics.median(b / a for a, b in cpu[1:]),
    }
    return {**found, **_spans_us()}


class _Place:
    """A balancer on a clock of its own."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.balancer = Balancer(default_policy(), clock=self.clock)

    def tick(self) -> None:
        """A second is over."""
        self.clock.advance(1.0)
        self.balancer.tick()


@contextmanager
def _metered(sampled: float | None = None) -> Iterator[_Place]:
    """A balancer with telemetry; with spans where a share of them is sampled."""
    share = str(0.0 if sampled is None else sampled)
    names = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": share}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    place = _Place()
    telemetry = Telemetry(
        place.balancer, _NOWHERE, traces=sampled is not None, interval_s=3600, aliases=False
    )
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    with telemetry:
        yield place


def _calls_us(balancer: Balancer) -> list[float]:
    now = time.perf_counter_ns
    begin, finish = balancer.begin, balancer.finish
    taken: list[float] = []
    for _ in range(_CALLS):
        began = now()
        finish(begin(), None, 2, 0, 1)
        taken.append((now() - began) / 1e3)
    return taken


def _cpu_us(place: _Place) -> float:
    """Processor time of a call whose tokens differ from those of others, in microseconds."""
    draw = random.Random(1)
    tokens = [(draw.randint(1, 30), draw.randint(1, 9)) for _ in range(_CALLS)]
    balancer = place.balancer
    began = time.process_time()
    for _ in range(_TICKS):
        for prompt, output in tokens:
            balancer.finish(balancer.begin(), None, prompt, 0, output)
        place.tick()
    return (time.process_time() - began) / (_TICKS * _CALLS) * 1e6


def _spans_us() -> dict[str, float]:
    """Median microseconds that spans add to a whole request, on its caller's time: where all are
    sampled, and where one in a hundred is, so that the median is of one that is not.
    """
    with _metered() as none, _metered(1.0) as every, _metered(0.01) as few:
        places = {"": none, "1": every, "0.01": few}
        taken: dict[str, list[float]] = {name: [] for name in places}
        for _ in range(_ROUNDS):
            for name, place in places.items():
                taken[name].extend(_requests_us(place.balancer))
                place.tick()
    base = statistics.median(taken[""])
    return {
        "request_spans_all_us": statistics.median(taken["1"]) - base,
        "request_spans_one_in_100_us": statistics.median(taken["0.01"]) - base,
    }


def _requests_us(balancer: Balancer) -> list[float]:
    now = time.perf_counter_ns
    taken: list[float] = []
    for _ in range(_CALLS // 4):
        began = now()
        request = balancer.request(asked=_ASKED)
        attempt = request.start()
        assert attempt is not None
        attempt.finish(_ANSWER)
        request.close()
        taken.append((now() - began) / 1e3)
    return taken
