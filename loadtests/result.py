"""A live run as the result of a run: the same metrics, verdict and record as the simulator's.

What it is held against, the same requests in the arms without a controller, is simulated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from balancer.records.verdict import Judgement
from scenarios.profiles import provisioned_usd
from scenarios.schema import Scenario
from sim.run.engine import simulate
from sim.run.metrics import metrics
from sim.run.result import ARMS, POLICY, Run
from sim.study.counterfactual import compare
from sim.study.expectations import expected
from sim.study.intervals import Interval
from sim.study.record import record
from sim.study.replications import journal_name
from sim.study.verdict import judge

from .account import account
from .journals import servings, transitions, write_journal
from .live import Played
from .overhead import Overhead, overhead

__all__ = ["judged", "live_overhead", "live_run", "on_time"]


def live_run(played: Played) -> Run:
    """A live run by the simulator's metrics."""
    scenario, policy = played.scenario, played.policy
    totals = account(
        scenario,
        policy,
        played.traffic,
        requests=played.requests,
        calls=played.calls,
        fates=played.fates,
    )
    changes = transitions(played.journal, policy, scenario.duration)
    return Run(
        arm=POLICY,
        replication=played.scene.replication,
        duration_s=scenario.duration,
        metrics=metrics(
            totals,
            worth=scenario.worth,
            transitions=len(changes),
            duration_s=scenario.duration,
            fixed_usd=provisioned_usd(scenario),
        ),
        transitions=changes,
        servings=servings(played.journal, policy, scenario.duration),
    )


def live_overhead(played: Played) -> Overhead:
    """What playing in wall time cost in accuracy."""
    return overhead(
        played.requests, played.fates, call_wall_s=played.call_s, speed=played.scene.speed
    )


def judged(plays: Sequence[Played], out: Path, command: Sequence[str]) -> dict[str, Any]:
    """The object for `verdict.json` of one or more live runs of a scenario.

    Args:
        plays: one for each replication.
        out: an existing directory for the journals of the first.
        command: words that ask for this again.
    """
    first = plays[0]
    scenario, policy = first.scenario, first.policy
    replication = first.scene.replication
    names = {arm: journal_name(scenario, arm, replication) for arm in ARMS}
    live = [live_run(played) for played in plays]
    runs = {POLICY: live} | {
        arm: [
            simulate(
                scenario,
                policy,
                replication=run.replication,
                arm=arm,
                journal=out / names[arm] if run is live[0] else None,
            )
            for run in live
        ]
        for arm in ARMS
        if arm != POLICY
    }
    write_journal(out / names[POLICY], first.journal, scenario, policy, replication=replication)
    found = record(
        scenario,
        policy,
        replications=len(live),
        judgements=[
            *(judge(question, live, runs) for question in expected(scenario)),
            on_time([live_overhead(played) for played in plays], policy.tick_s),
        ],
        comparison=compare(runs),
        transitions=live[0].transitions,
        servings=live[0].servings,
        journals=names,
    )
    cost = live_overhead(first)
    found["assumptions"] = [*_sentences(scenario, first, cost), *found["assumptions"]]
    found["live"] = _live(first, cost)
    found["command"] = list(command)
    return found


def on_time(costs: Sequence[Overhead], tick_s: float) -> Judgement:
    """Whether requests were sent when the scenario has them: never a fail of the policy, but
    nothing is proved by other traffic than was asked for.

    Args:
        costs: of every run.
        tick_s: how late at most, at P95.
    """
    late = [cost.sent_late.p95_s for cost in costs]
    worst = math.nan if any(map(math.isnan, late)) else max(late)
    kept = worst <= tick_s
    return Judgement(
        name=f"requests sent within {tick_s:g} s of their time (P95)",
        verdict="pass" if kept else "inconclusive",
        value=Interval(estimate=worst, low=min(late), high=worst),
        bound=tick_s,
        better="lower",
        unit="seconds",
        note=""
        if kept
        else "the machine did not keep up, so this is another traffic than the scenario's: "
        "lower --speed or the rate",
    )


def _live(played: Played, cost: Overhead) -> Mapping[str, Any]:
    return {
        "target": played.target,
        "upstream": played.upstream,
        "speed": played.scene.speed,
        "replication": played.scene.replication,
        **cost.plain(),
    }


def _sentences(scenario: Scenario, played: Played, cost: Overhead) -> list[str]:
    against = {"mock": "a mock Gemini", "gemini": "the real Gemini"}[played.upstream]
    found = [
        f"Played live against {against} through {_THROUGH[played.target]} at speed "
        f"{played.scene.speed:g}; what it is compared with, the same requests in the arms "
        "without a controller, is simulated.",
    ]
    if played.upstream == "mock":
        found.append(
            f"Clients, service and network add {cost.p50_s * 1e3:.0f} ms of the scenario's time "
            f"to a request (median; P95 {cost.p95_s * 1e3:.0f} ms), which is in the latencies; "
            f"requests were sent {cost.sent_late.p95_s * 1e3:.0f} ms late at P95, at most "
            f"{cost.sent_late.max_s * 1e3:.0f} ms."
        )
    else:
        found.append(
            "The true bill is taken to be what usage and price table say; faults of the upstream "
            "are not played, and nothing is known of answers that were cut short or of thinking "
            "that is missing: their quality counts as whole."
        )
    if scenario.clients.concurrency is not None:
        found.append(
            f"Clients keep at most {scenario.clients.concurrency} requests under way, where the "
            "simulated ones keep as many calls; those that wait do so before the service, which "
            "does not see them."
        )
    return found


_THROUGH = {
    "proxy": "the service's proxy",
    "service": "the service's own API",
    "sdk": "google-genai, wrapped",
}
