"""A simulated run as telemetry: its values are those of its journals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from balancer import metrics
from balancer.adapters.telemetry.destination import destination
from balancer.adapters.telemetry.simulated import Sent, send_journal
from balancer.core.errors import InputError, JournalError
from balancer.core.modes import Mode
from balancer.core.observations import Observations
from balancer.core.pricing import NANO_USD
from balancer.journal_file import open_journal
from balancer.metrics import METRICS
from balancer.policy_file import parse_policy
from scenarios.schema import Scenario
from sim.run.engine import simulate
from sim.run.result import ARMS
from tests.adapters.telemetry.kept import Kept
from tests.adapters.telemetry.receiver import Receiver, values

pytestmark = pytest.mark.slow

START_NS = 1_790_000_000_000_000_000
POLICY = """\
law: ladder
budget: {per_hour: $50, per_key: {tenant: {per_hour: $1}}}
thresholds:
  hard: {error_rate: 20%}
"""
SCENARIO = Scenario.model_validate(
    {
        "scenario": "storm",
        "title": "Errors for two minutes",
        "duration": "20m",
        "warm_up": "10s",
        "workload": {
            "arrivals": {"process": "poisson", "rate": 3},
            "classes": [{"name": "chat", "mistakes": "2%"}],
        },
        "faults": [
            {"kind": "error", "error": "overloaded", "at": "2m", "for": "2m", "share": "80%"},
            {"kind": "memory", "at": "0s", "for": "20m", "level": "40%"},
        ],
    }
)


@dataclass(frozen=True)
class Journals:
    """Journals of both arms, and what is in them."""

    paths: dict[str, Path]

    def ticks(self, arm: str) -> list[Observations]:
        """Observations of an arm."""
        return [entry.observations for entry in open_journal(self.paths[arm])]

    def modes(self) -> list[Mode]:
        """Modes under the policy, one after another."""
        found = [Mode.NORMAL]
        for entry in open_journal(self.paths["policy"]):
            if entry.decision.mode is not found[-1]:
                found.append(entry.decision.mode)
        return found


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> Journals:
    """Of a scenario in which the controller leaves normal and comes back."""
    directory = tmp_path_factory.mktemp("journals")
    paths = {arm: directory / f"{arm}.jsonl" for arm in ARMS}
    for arm, path in paths.items():
        simulate(SCENARIO, parse_policy(POLICY), replication=0, arm=arm, journal=path)
    return Journals(paths)


def send(journals: Journals, kept: Kept, arm: str = "policy", **options: Any) -> Sent:
    """Send an arm's journal."""
    options.setdefault("starts_ns", START_NS)
    return send_journal(journals.paths[arm], kept.destination, **options)


def total(kept: Kept, name: str) -> float:
    """Sum of a metric's last values."""
    return float(sum(point.value for point in kept.points(name).values()))


@pytest.mark.parametrize("arm", ARMS)
def test_totals_are_those_of_the_journal(journals: Journals, arm: str) -> None:
    """To the last call, token and dollar, under the arm's own attribute."""
    kept = Kept()
    sent = send(journals, kept, arm)
    ticks = journals.ticks(arm)
    served = [entry for tick in ticks for entry in tick.served]
    assert (sent.arm, sent.ticks, sent.reports) == (arm, len(ticks), len(kept.reports()))
    assert total(kept, "open_balancer.attempts.finished") == sum(each.judged for each in served)
    assert total(kept, "open_balancer.attempts.failed") == sum(each.ill for each in served)
    assert total(kept, "open_balancer.cost") == pytest.approx(
        sum(each.nano_usd for each in served) / NANO_USD
    )
    assert total(kept, "open_balancer.requests") == sum(
        sum(tick.offered) + sum(tick.fallback) for tick in ticks
    )
    durations = kept.points("open_balancer.request.duration").values()
    assert sum(each.count for each in durations) == sum(each.latency.total for each in served)
    for metric in kept.reports()[-1].values():
        for point in metric.data.data_points:
            assert (point.attributes or {})[metrics.ARM] == arm


def test_every_row_is_there_but_those_that_are_live_only(journals: Journals) -> None:
    """As the table says, with the attributes it names; sums cannot tell single calls apart."""
    kept = Kept()
    send(journals, kept)
    found: dict[str, set[str]] = {}
    for report in kept.reports():
        for name, metric in report.items():
            keys = {key for point in metric.data.data_points for key in point.attributes}
            found.setdefault(name, set()).update(keys)
    for row in METRICS:
        assert (row.name in found) is not row.live_only, row.name
        if not row.live_only:
            # What a key has left, only the ledger of a live balancer knows.
            named = {*row.attributes, metrics.ARM} - {metrics.BUDGET_KEY}
            assert found[row.name] == named, row.name


def test_a_budget_is_reckoned_from_what_was_settled_and_reserved(journals: Journals) -> None:
    """As the simulator's own ledger has it."""
    kept = Kept()
    send(journals, kept)
    ticks = journals.ticks("policy")
    spent = sum(entry.nano_usd for tick in ticks for entry in tick.served)
    left = 50.0 - (spent + ticks[-1].reserved_nano_usd) / NANO_USD
    assert total(kept, "open_balancer.budget.left") == pytest.approx(left)


def test_times_are_those_of_the_simulation(journals: Journals) -> None:
    """A report every ten seconds, from the scenario's start on."""
    kept = Kept()
    sent = send(journals, kept)
    times = [
        next(iter(report["brownout.current_mode"].data.data_points)).time_unix_nano
        for report in kept.reports()
    ]
    assert times[:3] == [START_NS + s * 10**9 for s in (10, 20, 30)]
    assert sent.from_ns == START_NS
    assert times[-1] == sent.to_ns == START_NS + sent.ticks * 10**9


def test_a_run_can_be_shifted_to_end_at_a_moment(journals: Journals) -> None:
    """Its order and its lengths stay."""
    kept = Kept()
    sent = send(journals, kept, ends_ns=START_NS)
    assert sent.to_ns == START_NS
    assert sent.from_ns == START_NS - sent.ticks * 10**9


def test_differences_add_up_to_totals(journals: Journals) -> None:
    """For receivers that take differences only; each point once, in growing time."""
    kept, delta = Kept(), Kept(delta=True)
    send(journals, kept)
    send(journals, delta)
    name = "open_balancer.attempts.finished"
    points = [
        point
        for report in delta.reports()
        if name in report
        for point in report[name].data.data_points
    ]
    assert sum(point.value for point in points) == total(kept, name)
    assert all(point.start_time_unix_nano < point.time_unix_nano for point in points)
    name = "open_balancer.request.duration"
    counts = [
        point.count
        for report in delta.reports()
        if name in report
        for point in report[name].data.data_points
    ]
    assert sum(counts) == sum(point.count for point in kept.points(name).values())


def test_mode_spans_are_the_journals_changes(journals: Journals) -> None:
    """One for each stay above normal, inside one for the episode; the other arm has none."""
    kept = Kept()
    send(journals, kept)
    modes = journals.modes()
    assert modes[0] is modes[-1] is Mode.NORMAL
    spans = kept.ended_spans()
    stays = [span.name for span in spans if span.name != "brownout"]
    assert stays == [f"brownout {mode.label}" for mode in modes if mode is not Mode.NORMAL]
    assert len(stays) >= 1
    episodes = [span for span in spans if span.name == "brownout"]
    assert all(span.start_time is not None and span.start_time > START_NS for span in episodes)
    alone = Kept()
    assert send(journals, alone, "none").spans == 0


@pytest.mark.parametrize("transport", ["grpc", "http/protobuf"])
def test_both_arms_arrive_at_a_real_receiver(
    journals: Journals, agent: Receiver, transport: str
) -> None:
    """Side by side, by value, with their times."""
    address = agent.grpc if transport == "grpc" else agent.http
    for arm in ARMS:
        send_journal(
            journals.paths[arm],
            destination(address, transport, {}),
            starts_ns=START_NS,
            scenario="storm",
        )
    points = [
        point
        for metric in agent.metrics()
        if metric["name"] == "open_balancer.attempts.finished"
        for point in metric["sum"]["data_points"]
    ]
    for arm in ARMS:
        latest: dict[str, tuple[int, float]] = {}
        for point in points:
            attributes = values(point["attributes"])
            if attributes.pop(metrics.ARM) == arm:
                key, at = str(sorted(attributes.items())), int(point["time_unix_nano"])
                latest[key] = max(latest.get(key, (0, 0.0)), (at, point["as_double"]))
        wanted = sum(entry.judged for tick in journals.ticks(arm) for entry in tick.served)
        assert sum(value for _, value in latest.values()) == wanted
        ended_ns = START_NS + len(journals.ticks(arm)) * 10**9
        assert max(at for at, _ in latest.values()) == ended_ns
    names = {resource["open_balancer.scenario"] for resource in agent.resources("metrics")}
    assert names == {"storm"}
    assert {span["name"] for span in agent.spans()} >= {"brownout", "brownout hard"}


def test_a_receiver_that_goes_away_is_one_message(journals: Journals) -> None:
    """With what it has to say."""
    kept = Kept()
    kept.metrics.broken = True
    with pytest.raises(InputError, match=r"^here: the metrics do not arrive: OSError: no route$"):
        send(journals, kept)
    kept = Kept()
    kept.spans.away = True
    with pytest.raises(InputError, match=r"^here: the spans do not arrive"):
        send(journals, kept)


def test_a_journal_that_cannot_be_read_is_one_message(tmp_path: Path) -> None:
    """Missing, or without ticks."""
    with pytest.raises(JournalError, match="no such file"):
        send_journal(tmp_path / "none.jsonl", Kept().destination)


def test_a_destination_that_wants_no_metrics_gets_the_spans(journals: Journals) -> None:
    """And nothing fails."""
    kept = Kept()
    without = type(kept.destination)(
        name="here", metrics=None, spans=kept.destination.spans, logs=None, delta=False
    )
    sent = send_journal(journals.paths["policy"], without)
    assert (sent.reports, sent.spans) == (0, len(kept.ended_spans()))
