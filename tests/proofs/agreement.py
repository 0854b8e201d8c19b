"""Proof: the simulator predicts what happens live, in the five basic scenarios."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtests.agreement import TOLERANCES, TRANSITION_TICKS, agreement
from loadtests.live import play
from loadtests.scene import Scene
from sim.workers.pool import Workers

from .document import Proof, table, yes

__all__ = ["SCENES", "prove", "report"]

SPEED = 10.0

_FAULT = ("faults.0.at=3m", "faults.0.for=5m")
_MODEL, _SIBLING = "upstream.models.asked", "upstream.models.one cheaper"
_SMALLER = 2.6 / 5.5
"""Share of its traffic at which the overload scenario peaks at 8 requests a second."""

SCENES: Mapping[str, Sequence[str]] = {
    "steady": ("duration=10m",),
    "latency_spike": ("duration=15m", *_FAULT),
    "error_storm": ("duration=15m", *_FAULT),
    "cost_spike": ("duration=15m", *_FAULT),
    "conversation_overload": (
        "duration=15m",
        "workload.arrivals.rate=2.6",
        "workload.arrivals.pattern.0.at=3m",
        "workload.arrivals.pattern.0.for=5m",
        # Quota and capacity shrink with the traffic, so that it overloads them as before.
        f"{_MODEL}.capacity={60 * _SMALLER:.0f}",
        f"{_MODEL}.quota.rpm={1000 * _SMALLER:.0f}",
        f"{_MODEL}.quota.tpm={1_000_000 * _SMALLER:.0f}",
        f"{_SIBLING}.capacity={240 * _SMALLER:.0f}",
    ),
}
"""The basic scenarios, shorter, with at most 8 requests in a second of the scenario."""

_TEXT = f"""\
`open-balancer agree` of the five basic scenarios at speed {SPEED:g}, shorter and with at most 8
requests a second of the scenario; what is compared and how is in
[Agreement](explanation/agreement.md). Latencies are compared after the clients' measured
overhead is subtracted; differences of P50, P95 and cost are relative, with a 95 % interval.
"""


def prove(workers: int | Workers) -> Proof:
    """Play each scenario live and simulated, one after the other, as they measure."""
    records = []
    for name, overrides in SCENES.items():
        scene = Scene(
            source=name,
            overrides=(*overrides, "warm_up=1m", "expectations=[]"),
            speed=SPEED,
        )
        with tempfile.TemporaryDirectory(prefix="open-balancer-") as work:
            played = play(scene, target="proxy", work=Path(work))
            record = agreement(played, Path(work))
        print(f"  {name}: {'agrees' if record['agrees'] else 'DISAGREES'}", flush=True)
        records.append(record)
    return report(records)


def report(records: Sequence[Mapping[str, Any]]) -> Proof:
    """The section, from the records of `loadtests.agreement.agreement`."""
    return Proof(
        text="\n".join([_TEXT, _figures(records), _turns(records)]),
        holds=all(record["agrees"] for record in records),
    )


def _figures(records: Sequence[Mapping[str, Any]]) -> str:
    heads = ["scenario", "requests", "overhead P50", "sent late P95"]
    heads += [f"{_LABELS[name]} (at most {_shown(name, most.most)})" for name, most in _COMPARED]

    def lines() -> Iterable[list[str]]:
        for record in records:
            by_name = {figure["name"]: figure for figure in record["figures"]}
            client = record["client"]
            yield [
                record["scenario"],
                f"{by_name['offered']['live']:,.0f}",
                f"{client['overhead_p50_s'] * 1e3:.0f} ms",
                f"{client['sent_late_p95_s'] * 1e3:.0f} ms",
                *(_difference(by_name[name]) for name, _ in _COMPARED),
            ]

    return table(heads, lines())


_COMPARED = [(name, most) for name, most in TOLERANCES.items() if name != "offered"]
_LABELS = {
    "availability": "availability",
    "latency_p50_s": "P50",
    "latency_p95_s": "P95",
    "error_rate": "error rate",
    "cost_usd": "cost",
}


def _shown(name: str, value: float) -> str:
    return f"{value * 100:g} {'%' if TOLERANCES[name].relative else 'points'}"


def _difference(figure: Mapping[str, Any]) -> str:
    if figure["difference"] is None:
        return "–" if figure["agrees"] else "**undefined on one side**"
    unit = "%" if figure["relative"] else "points"
    value = f"{figure['difference'] * 100:+.2f}"
    if figure["low"] is not None and figure["high"] is not None:
        value += f" ({figure['low'] * 100:+.2f} to {figure['high'] * 100:+.2f})"
    value += f" {unit}"
    return value if figure["agrees"] else f"**{value}**"


def _turns(records: Sequence[Mapping[str, Any]]) -> str:
    def second(at_s: float | None) -> str:
        return "–" if at_s is None else f"{at_s:g} s"

    def lines() -> Iterable[tuple[str, ...]]:
        for record in records:
            for turn in record["transitions"]:
                ticks = turn["ticks"]
                yield (
                    record["scenario"],
                    f"{turn['from']} → {turn['to']}",
                    second(turn["live_s"]),
                    second(turn["simulated_s"]),
                    "–" if ticks is None else f"{ticks:+g}",
                    yes(holds=turn["agrees"]),
                )

    heads = ["scenario", "change of mode", "live", "simulated", "ticks later"]
    return table([*heads, f"within {TRANSITION_TICKS}"], lines())
