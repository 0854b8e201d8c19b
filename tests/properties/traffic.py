"""Whole runs as Hypothesis draws them: a policy, and what happened in each of its ticks.

Runs are short and their holds too, so that a few dozen ticks see brownouts, probe rounds,
relapses, alerts, overrides and silence.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st

from balancer.core.controller import Controller
from balancer.core.decisions import Decision
from balancer.core.modes import MODES, Mode
from balancer.core.observations import Alert, Observations, Override
from balancer.core.policy import LAWS, LadderSettings, Policy, Rule
from tests.core.builders import DEFAULT_RULES, STRATEGIES, make_policy, served, table, tick

__all__ = ["decisions_of", "few", "observations", "policies", "runs", "shifted"]

SETTINGS = LadderSettings(
    min_samples=5,
    hold_s=4.0,
    settle_s=2.0,
    probe_samples=6,
    probe_share_max=0.5,
    multiplier_max=4,
    probation_s=20.0,
)
RULE_SETS: tuple[tuple[Rule, ...], ...] = (
    DEFAULT_RULES,
    (*table("latency_p95", 2.0, 5.0, window_s=8.0), *table("queue_depth", 10, 20, 40)),
    (
        *table("error_rate", 0.05, 0.2, window_s=5.0, sustained_s=2.0),
        *table("ttft_p95", 1.0, 4.0),
        *table("memory", 0.8),
        replace(table("error_rate", 0.5)[0], name="leap", level=Mode.HARD, jump=True),
        Rule(
            name="burn",
            signal="burn_rate",
            level=Mode.EMERGENCY,
            threshold=30.0,
            objective=0.99,
            window_s=12.0,
        ),
    ),
)

few = settings(max_examples=30)
"""Of whole runs thirty are enough: each has dozens of ticks."""

durations = st.sampled_from([0.05, 0.4, 1.0, 1.7, 3.0, 7.0, 12.0])
counts = st.integers(0, 12)


def policies(*laws: str) -> st.SearchStrategy[Policy]:
    """Policies of the given laws with short holds."""
    return st.builds(
        lambda rules, law: make_policy(rules, law=law, strategies=STRATEGIES, ladder=SETTINGS),
        st.sampled_from(RULE_SETS),
        st.sampled_from(laws or LAWS),
    )


@st.composite
def _entries(draw: st.DrawFn, mode: Mode) -> object:
    latencies = draw(durations)
    answers = draw(counts)
    return served(
        mode,
        latencies=[latencies] * answers,
        ttft=[latencies / 2] * answers,
        ages=[draw(durations)] * draw(counts),
        nano_usd=draw(st.sampled_from([0, 10**6, 10**8])) * answers,
        tokens=100 * answers,
        overloaded=draw(st.sampled_from([0, 0, 1, 8])),
        quota_minute=draw(st.sampled_from([0, 0, 0, 8])),
    )


@st.composite
def observations(draw: st.DrawFn, index: int) -> Observations:
    """One tick, often of normal alone and sometimes of nothing."""
    modes = draw(st.sampled_from([(0,), (0, 1), (1, 2), (0, 1, 2, 3), (3,), ()]))
    offered = draw(st.tuples(counts, counts, counts))
    shed = draw(st.tuples(*(st.integers(0, count) for count in offered)))
    at = st.integers(max(0, index - 3), index)
    alerts = st.builds(
        Alert,
        st.sampled_from("ab"),
        at,
        st.sampled_from(MODES),
        st.booleans(),
        st.integers(1, 8),
    )
    overrides = st.builds(
        Override,
        at,
        st.integers(index, index + 6),
        st.sampled_from(MODES),
        st.just("drill"),
        st.integers(0, 3),
    )
    speaks = draw(st.integers(0, 9)) < 3
    return tick(
        index,
        *(draw(_entries(MODES[mode])) for mode in modes),  # type: ignore[arg-type]
        offered=offered,
        admitted=tuple(o - s for o, s in zip(offered, shed, strict=True)),
        shed=shed,
        waiting=draw(st.sampled_from([0, 0, 15, 60])),
        memory_ppm=draw(st.sampled_from([100_000, 900_000])),
        alerts=tuple(draw(st.lists(alerts, max_size=3))) if speaks else (),
        overrides=tuple(draw(st.lists(overrides, max_size=2))) if speaks else (),
    )


def calm(index: int) -> Observations:
    """A tick in which every mode that is served answers quickly and cheaply."""
    entries = [served(mode, latencies=[0.4] * 4, ttft=[0.2] * 4, nano_usd=10**5) for mode in MODES]
    return tick(index, *entries, offered=(5, 5, 6))


@st.composite
def runs(draw: st.DrawFn, *, ticks: int = 40, gaps: bool = False) -> list[Observations]:
    """What happened in the ticks of a run, some of them missed when gaps are allowed.

    Ticks are drawn and repeated in stretches, because faults last, with calm between them.
    """
    found: list[Observations] = []
    index = draw(st.integers(0, 3))
    while len(found) < ticks:
        kind = calm(index) if draw(st.booleans()) else draw(observations(index))
        for _ in range(draw(st.integers(1, 12))):
            messages = {} if kind.tick == index else {"alerts": (), "overrides": ()}
            found.append(kind._replace(tick=index, **messages))  # type: ignore[arg-type]
            index += 1
        index += draw(st.integers(0, 5)) if gaps else 0
    return found


def decisions_of(policy: Policy, run: list[Observations]) -> list[Decision]:
    """The decisions of a fresh controller."""
    controller = Controller(policy)
    return [controller.step(observed) for observed in run]


def shifted(run: list[Observations], by: int) -> list[Observations]:
    """The same run at another time: ticks, alerts and overrides alike."""
    return [
        observed._replace(
            tick=observed.tick + by,
            alerts=tuple(replace(alert, at_tick=alert.at_tick + by) for alert in observed.alerts),
            overrides=tuple(
                replace(order, at_tick=order.at_tick + by, until_tick=order.until_tick + by)
                for order in observed.overrides
            ),
        )
        for observed in run
    ]
