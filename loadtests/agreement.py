"""Does the simulator predict what happens live? A scenario played both ways, figure by figure.

Both sides see the same requests and draw the same fates, so what differs is the runtime, the
wire and the machine; the tolerances leave room for the machine alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from balancer.journal_file import open_journal
from balancer.records.codec import to_json
from balancer.version import VERSION
from sim.run.engine import simulate
from sim.run.header import versions
from sim.run.metrics import METRICS
from sim.run.result import POLICY
from sim.run.timeline import Transition

from .bootstrap import spread
from .live import Played
from .result import live_overhead, live_run

__all__ = ["TOLERANCES", "TRANSITION_TICKS", "Figure", "Turn", "agreement"]

TRANSITION_TICKS = 3
"""By how many ticks a change of mode may come earlier or later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far live and simulated may lie apart.

    Attributes:
        most: the difference that is tolerated.
        relative: whether it is a share of what was simulated.
        latency: whether the clients' measured overhead is subtracted first.
    """

    most: float
    relative: bool
    latency: bool = False


TOLERANCES: Mapping[str, Tolerance] = {
    "offered": Tolerance(most=0.0, relative=False),
    "availability": Tolerance(most=0.01, relative=False),
    "latency_p50_s": Tolerance(most=0.10, relative=True, latency=True),
    "latency_p95_s": Tolerance(most=0.10, relative=True, latency=True),
    "error_rate": Tolerance(most=0.01, relative=False),
    "cost_usd": Tolerance(most=0.05, relative=True),
}
"""By the names of `sim.run.metrics.METRICS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A change of mode on both sides; NaN where one side has none.

    Attributes:
        before, after: modes, by name.
        live_s, simulated_s: from which second it governed requests.
        ticks: how much later it came live.
    """

    before: str
    after: str
    live_s: float
    simulated_s: float
    ticks: float

    @property
    def agrees(self) -> bool:
        """Whether it came on both sides, near enough."""
        return abs(self.ticks) <= TRANSITION_TICKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A metric on both sides.

    Attributes:
        name: of `sim.run.metrics.METRICS`.
        live: as measured, overhead included.
        overhead: that is subtracted from it.
        simulated: by the simulator.
        difference: live without overhead minus simulated; a share of the latter if relative.
        low, high: 95 % interval of it; NaN where undefined.
        tolerance: of the difference.
    """

    name: str
    live: float
    overhead: float
    simulated: float
    difference: float
    low: float
    high: float
    tolerance: Tolerance

    @property
    def agrees(self) -> bool:
        """Whether the difference is tolerable; neither side having any is."""
        if math.isnan(self.live) and math.isnan(self.simulated):
            return True
        return abs(self.difference) <= self.tolerance.most


def agreement(played: Played, work: Path, command: Sequence[str] = ()) -> dict[str, Any]:
    """The record of an agreement: `docs/explanation/agreement.md` says what is in it.

    Args:
        played: the live run.
        work: a directory for the simulated one's journal.
        command: words that ask for this again.
    """
    scenario, policy = played.scenario, played.policy
    journal = work / "simulated.jsonl"
    replication = played.scene.replication
    simulated = simulate(scenario, policy, replication=replication, arm=POLICY, journal=journal)
    live = live_run(played)
    cost = live_overhead(played)
    around = spread(
        played.journal,
        open_journal(journal),
        from_tick=round(scenario.warm_up / policy.tick_s),
        until_tick=round(scenario.duration / policy.tick_s),
        relative=[name for name, tolerance in TOLERANCES.items() if tolerance.relative],
    )
    turns = compare_turns(live.transitions, simulated.transitions, policy.tick_s)
    figures = [
        compare_figure(name, live.metrics[name], simulated.metrics[name], cost.p50_s, around[name])
        for name in TOLERANCES
    ]
    return {
        "version": 1,
        "scenario": scenario.scenario,
        "title": scenario.title,
        "policy": policy.name,
        "seed": scenario.seed,
        "replication": replication,
        "speed": played.scene.speed,
        "target": played.target,
        "duration_s": scenario.duration,
        "warm_up_s": scenario.warm_up,
        "tick_s": policy.tick_s,
        "agrees": all(turn.agrees for turn in turns) and all(each.agrees for each in figures),
        "transitions": [_plain_turn(turn) for turn in turns],
        "figures": [_plain_figure(figure) for figure in figures],
        "client": cost.plain(),
        "command": list(command),
        "versions": {"open-balancer": VERSION, **versions()},
    }


def compare_turns(
    live: Sequence[Transition], simulated: Sequence[Transition], tick_s: float
) -> list[Turn]:
    """Changes of mode side by side, in their order; another mode is another change."""
    found = []
    for one, other in zip_longest(live, simulated):
        same = (
            one is not None
            and other is not None
            and (one.before, one.after) == (other.before, other.after)
        )
        pairs = [(one, other)] if same else [(one, None), (None, other)]
        for mine, theirs in pairs:
            change = mine or theirs
            if change is None:
                continue
            live_s = math.nan if mine is None else mine.at_s
            simulated_s = math.nan if theirs is None else theirs.at_s
            found.append(
                Turn(
                    before=change.before.label,
                    after=change.after.label,
                    live_s=live_s,
                    simulated_s=simulated_s,
                    ticks=(live_s - simulated_s) / tick_s,
                )
            )
    return found


def compare_figure(
    name: str, live: float, simulated: float, overhead_s: float, around: tuple[float, float]
) -> Figure:
    """One metric side by side.

    Args:
        name: of the metric.
        live, simulated: its values.
        overhead_s: of the clients, in scenario seconds.
        around: how far below and above the difference may truly lie.
    """
    tolerance = TOLERANCES[name]
    subtracted = overhead_s if tolerance.latency and not math.isnan(overhead_s) else 0.0
    difference = live - subtracted - simulated
    if tolerance.relative:
        difference = difference / simulated if simulated else math.copysign(math.inf, difference)
        if live == simulated == 0:
            difference = 0.0
    return Figure(
        name=name,
        live=live,
        overhead=subtracted,
        simulated=simulated,
        difference=difference,
        low=difference - around[0],
        high=difference + around[1],
        tolerance=tolerance,
    )


def _plain_turn(turn: Turn) -> dict[str, Any]:
    return {
        "from": turn.before,
        "to": turn.after,
        "live_s": to_json(turn.live_s),
        "simulated_s": to_json(turn.simulated_s),
        "ticks": to_json(turn.ticks),
        "tolerance_ticks": TRANSITION_TICKS,
        "agrees": turn.agrees,
    }


def _plain_figure(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "unit": METRICS[figure.name],
        "live": to_json(figure.live),
        "overhead": figure.overhead,
        "simulated": to_json(figure.simulated),
        "difference": to_json(figure.difference),
        "low": to_json(figure.low),
        "high": to_json(figure.high),
        "tolerance": figure.tolerance.most,
        "relative": figure.tolerance.relative,
        "agrees": figure.agrees,
    }
