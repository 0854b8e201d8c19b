"""A simulated hour in a real Prometheus, with native histograms: every panel shows both arms."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from balancer.adapters.dashboards.grafana import dashboard_text
from balancer.adapters.dashboards.promql import JOB, Queries, signal_query
from balancer.adapters.telemetry.destination import Destination
from balancer.adapters.telemetry.simulated import send_journal
from balancer.core.histogram import merge
from balancer.core.modes import Mode
from balancer.journal_file import open_journal
from balancer.metrics import ARM
from balancer.policy_file import load_policy
from balancer.prometheus_names import Translation
from scenarios.loader import load
from sim.study.experiment import run_scenario
from tests.adapters.dashboards.remote_write import Kept, Prometheus, prometheus

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("prometheus") is None,
        reason="Prometheus is not installed (Debian's package prometheus has it)",
    ),
]

SERVICE = "shop"
ENDS_S = 1_790_000_010.0
ARMS = ("policy", "none")
NOT_SIMULATED = {
    "Budget left",
    "Budget, projected spend",
    "Memory and CPU",
    "Telemetry dropped",
    "Cost of a request",
    "Tokens of a session",
    "Quality of answers",
    "Mistakes of callers",
    "Edits withdrawn, and projects closed",
}
"""Of a process, of single calls, of mistakes that nobody makes here, or of a budget, which the
default policy has not.
"""


@dataclass(frozen=True)
class Played:
    """A simulated run, and the server that has it."""

    server: Prometheus
    journals: dict[str, Path]
    starts_s: float

    def query(self, expression: str, step_s: float = 30.0, arm: str = "policy|none") -> list[Any]:
        """An expression of the dashboard over the run."""
        for variable, value in (("$__rate_interval", "1m"), ("$job", SERVICE), ("$arm", arm)):
            expression = expression.replace(variable, value)
        first = self.starts_s // step_s * step_s
        return self.server.query(expression, first, ENDS_S, step_s)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The main scenario, once, both arms."""
    directory = tmp_path_factory.mktemp("played")
    scenario, _ = load("conversation_overload")
    run_scenario(scenario, load_policy(), replications=1, workers=1, out=directory)
    kept = Kept(SERVICE)
    to = Destination(name="kept", metrics=kept, spans=None, logs=None, delta=False)
    journals = {arm: directory / f"conversation_overload.{arm}.0.jsonl" for arm in ARMS}
    sent = [send_journal(path, to, ends_ns=round(ENDS_S * 1e9)) for path in journals.values()]
    with prometheus(directory) as server:
        server.write(kept.points)
        yield Played(server, journals, min(each.from_ns for each in sent) / 1e9)


@pytest.fixture(scope="module")
def board() -> Any:
    """The dashboard."""
    return json.loads(dashboard_text(load_policy(), SERVICE, Translation.UNDERSCORES))


def test_every_panel_shows_both_arms(played: Played, board: Any) -> None:
    """But for what a simulation, or this scenario, does not have."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            arms = {
                series["metric"]["open_balancer_arm"] for series in played.query(target["expr"])
            }
            if panel["title"] in NOT_SIMULATED:
                assert arms == set()
            elif panel["title"] in ("Modes entered", "Time until normal is back"):
                assert arms == {"policy"}
            else:
                assert arms == set(ARMS), panel["title"]


def test_a_brownout_that_came_once_is_counted(played: Played, board: Any) -> None:
    """And so is its end: growth of a counter, or of a histogram, would miss the first."""
    titles = {
        panel["title"]: panel["targets"][0]["expr"]
        for panel in board["panels"][1:]
        if panel["type"] != "row"
    }
    entered = {
        series["metric"]["open_balancer_mode"]: float(series["values"][-1][1])
        for series in played.query(titles["Modes entered"])
    }
    modes = [entry.decision.mode for entry in open_journal(played.journals["policy"])]
    changes = list(zip([Mode.NORMAL, *modes], modes, strict=False))
    assert entered == {
        mode.label: count
        for mode in Mode
        if (count := sum(after is mode and before < after for before, after in changes))
    }
    (back,) = played.query(titles["Time until normal is back"])
    assert float(back["values"][-1][1]) > 60.0


def test_live_traffic_is_not_mixed_with_simulated(played: Played, board: Any) -> None:
    """Where there is none, nothing is shown."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            assert played.query(target["expr"], arm="()") == []


def test_every_change_of_mode_is_marked_once(played: Played, board: Any) -> None:
    """The first of its kind too, which a counter does not show as growth."""
    expected, before = [], "normal"
    for entry in open_journal(played.journals["policy"]):
        after = entry.decision.mode.label
        if after != before:
            at_s = played.starts_s + (entry.observations.tick + 1) * 1.0
            expected.append((before, after, at_s))
            before = after
    (mark,) = board["annotations"]["list"]
    found = sorted(
        (
            float(at_s),
            series["metric"]["open_balancer_mode_from"],
            series["metric"]["open_balancer_mode_to"],
        )
        for series in played.query(mark["expr"])
        for at_s, _ in series["values"]
    )
    assert len(expected) >= 2
    assert [(start, end) for _, start, end in found] == [(a, b) for a, b, _ in expected]
    # Telemetry is sent every 10 s, and marks are drawn every 30 s.
    delays = [at_s - true_s for (at_s, *_), (*_, true_s) in zip(found, expected, strict=True)]
    assert all(0 <= delay <= 40 for delay in delays)


@pytest.mark.parametrize("arm", ARMS)
def test_quantiles_are_those_of_the_journal(played: Played, arm: str) -> None:
    """Native histograms keep our buckets: both quantiles lie in the same one, 1.1 % wide."""
    queries = Queries(
        translation=Translation.UNDERSCORES, scope=((JOB, "=", SERVICE), (ARM, "=", arm)), by=()
    )
    # What came before the first report is not in a rate.
    entries = [e for e in open_journal(played.journals[arm]) if e.observations.tick >= 10]
    true_s = merge(row.latency for e in entries for row in e.observations.served).quantile(0.95)
    expression = signal_query(queries, "latency_p95", "2h")
    (series,) = played.server.query(expression, ENDS_S, ENDS_S, 1)
    assert float(series["values"][0][1]) == pytest.approx(true_s, rel=0.012)
