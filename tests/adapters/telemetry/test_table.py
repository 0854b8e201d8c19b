"""The metric table and what is emitted say the same: every row, with the attributes it names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import ExponentialHistogram, Gauge, Sum

from balancer import metrics
from balancer.adapters.telemetry.live import Telemetry
from balancer.core.modes import Mode, Priority
from balancer.core.observations import FAILURES, Alert
from balancer.core.policy import BudgetLimit, Rule
from balancer.fleet.standing import Standing
from balancer.metrics import METRICS, Kind
from balancer.policy_file import default_policy
from balancer.runtime.calls import Asked, Outcome, Passage, Score
from tests.adapters.telemetry.kept import Kept
from tests.runtime.bench import Bench

KINDS: dict[Kind, type[Any]] = {
    Kind.COUNTER: Sum,
    Kind.GAUGE: Gauge,
    Kind.HISTOGRAM: ExponentialHistogram,
}
TENANT = "tenant"
CROSSED = "crossed for two hours"
ALONE = Standing(
    place="alone",
    replica="one",
    leader="",
    tick=-1,
    policy="",
    holds="",
    differ=(),
    replicas=1,
    seen=(),
    problem="the store cannot be reached",
    changes=0,
    leased=False,
)


class Spread:
    """Draws that come by every tenth of the way, so that probes find somebody."""

    def __init__(self) -> None:
        self._number = 0

    def plan(self, index: int | None) -> float:
        """The next one."""
        self._number += 1
        return self._number * 0.37 % 1.0

    def backoff(self, index: int | None, attempt: int) -> float:
        """A half."""
        return 0.5


class Day:
    """A balancer and its telemetry, and what happens to them in a day of a few minutes."""

    def __init__(self) -> None:
        budgets = (
            BudgetLimit(usd=100.0, window_s=3600.0),
            BudgetLimit(usd=20.0, window_s=3600.0, key=TENANT),
        )
        policy = default_policy()
        # Crossed by all traffic, and no reason to leave normal for two hours.
        crossed = Rule(
            name=CROSSED, signal="latency_p95", level=Mode.SOFT, threshold=0.005, sustained_s=7200.0
        )
        policy = replace(
            policy, budgets=budgets, priority_budgets=budgets[:1], rules=(*policy.rules, crossed)
        )
        self.bench = Bench(policy, draws=Spread())
        self.kept = Kept()
        status = self.bench.balancer.status
        # In a fleet, without a store: what a replica does with one has tests of its own.
        vars(self.bench.balancer)["status"] = lambda: replace(status(), fleet=ALONE)

    def run(self) -> None:
        """Traffic of all kinds, a brownout and the way back, and then the end."""
        bench = self.bench
        with Telemetry(bench.balancer, self.kept.destination, interval_s=3600):
            for number in range(300):
                self.ask(Priority(number % 3))
                bench.clock.advance(15.0)
                bench.seen()
            for number in range(30):
                self.ask(Priority(number % 3), session=f"session {number % 4}")
                bench.seen()
            for kind in FAILURES:
                self.ask(Priority.NORMAL, kind)
            bench.balancer.request().start()  # its caller drops it
            self.score()
            for failure in (None, "overloaded"):
                bench.balancer.passed(
                    Passage(kind="embeddings", failure=failure, seconds=0.1, nano_usd=1000)
                )
            bench.balancer.alert(
                Alert(
                    "monitor",
                    at_tick=bench.balancer.now_tick,
                    mode=Mode.EMERGENCY,
                    lifetime_ticks=5,
                )
            )
            bench.seen()
            with bench.balancer.waiting():
                for number in range(30):
                    self.ask(Priority(number % 3))
            bench.seen()
            # No probe of normal passes while healthy traffic crosses a rule: an operator ends it.
            for _ in range(20):
                for number in range(10):
                    self.ask(Priority(number % 3))
                bench.seen()
            bench.balancer.override(Mode.NORMAL, "over", for_s=60.0)
            bench.seen()
            assert bench.mode is Mode.NORMAL
            self.score()
            held = bench.balancer.request()
            held.start()
            bench.seen()
        held.close()

    def ask(self, priority: Priority, kind: str | None = None, session: str | None = None) -> None:
        """A request that is streamed, and what comes of its attempts."""
        asked = Asked(prompt_tokens=1000)
        with self.bench.balancer.request(
            priority, key=TENANT, asked=asked, session=session
        ) as request:
            while (attempt := request.start()) is not None:
                self.bench.clock.advance(0.01)
                attempt.first_token()
                attempt.finish(
                    Outcome(
                        kind=kind,
                        prompt_tokens=1000,
                        cached_tokens=100,
                        output_tokens=100,
                        thinking_tokens=10,
                    )
                )
                if request.next_delay_s() is None:
                    break

    def score(self) -> None:
        """The application's scorer says what an answer was worth."""
        self.bench.balancer.scored(
            Score(
                mode=Mode.NORMAL,
                model="gemini-2.5-flash",
                priority=Priority.NORMAL,
                key=None,
                index=None,
                quality=0.5,
            )
        )


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """The last report of the day."""
    day = Day()
    day.run()
    return day.kept.reports()[-1]


@pytest.mark.parametrize("row", METRICS, ids=lambda row: row.name)
def test_every_row_is_emitted_as_the_table_says(
    report: dict[str, Any], row: metrics.Metric
) -> None:
    """Name, alias, unit, kind, and every attribute on at least one point."""
    for name in filter(None, (row.name, row.alias)):
        found: Any = report[name]
        assert found.unit == row.unit
        assert isinstance(found.data, KINDS[row.kind])
        attributes = {key for point in found.data.data_points for key in point.attributes or {}}
        assert attributes == set(row.attributes)


def test_a_threshold_that_healthy_traffic_crosses_is_told(report: dict[str, Any]) -> None:
    """By its rule, and how far: answers take 10 ms, the threshold is 5."""
    (point,) = report["open_balancer.policy.misfit"].data.data_points
    assert point.attributes == {metrics.RULE: CROSSED}
    assert point.value == pytest.approx(2.0, rel=0.01)


def test_nothing_is_emitted_that_is_not_in_the_table(report: dict[str, Any]) -> None:
    """Neither under another name."""
    names = {name for row in METRICS for name in (row.name, row.alias) if name}
    assert set(report) == names


def test_a_scripted_day_adds_up(report: dict[str, Any]) -> None:
    """What is counted in several places is the same in all of them."""

    def total(name: str, **wanted: str) -> float:
        what = "sum" if isinstance(report[name].data, ExponentialHistogram) else "value"
        return sum(
            float(getattr(point, what))
            for point in report[name].data.data_points
            if all(point.attributes.get(key) == value for key, value in wanted.items())
        )

    def count(name: str) -> int:
        return sum(int(point.count) for point in report[name].data.data_points)

    outcome = metrics.OUTCOME
    admitted = total("open_balancer.requests", **{outcome: "admitted"})
    finished = total("open_balancer.attempts.finished")
    assert admitted > 40
    # One is still in flight: it was never added up.
    assert count("open_balancer.request.cost") == admitted - 1
    unjudged = total("open_balancer.attempts.unjudged")
    assert unjudged == 5  # an edit is sent again as written
    assert total("open_balancer.callers.mistakes", **{metrics.CALLER: TENANT}) == 2
    assert count("gen_ai.client.operation.duration") == finished + unjudged
    assert total("open_balancer.attempts.started") == finished + unjudged + 1
    assert total("open_balancer.attempts.in_flight") == 1
    assert total("open_balancer.request.cost") == pytest.approx(total("open_balancer.cost"))
    assert total("open_balancer.spend", **{metrics.BUDGET_WINDOW: "24h"}) == pytest.approx(
        total("open_balancer.cost")
    )
    left = total("open_balancer.budget.left", **{metrics.BUDGET_KEY: TENANT})
    assert left < 20.0
    used = sum(
        total("open_balancer.tokens", **{metrics.TOKEN_TYPE: kind})
        for kind in ("input", "output", "thinking")
    )
    assert total("gen_ai.client.token.usage") == used
    assert count("open_balancer.session.tokens") == 4
    assert total("open_balancer.session.tokens") == 30 * 1110
    assert total("open_balancer.activations") == 1
    assert count("open_balancer.recovery.duration") == 1
