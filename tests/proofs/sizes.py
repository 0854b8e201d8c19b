"""Proof: scenarios around their size, where the size is an assumption or makes the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from balancer.policy_file import default_policy
from scenarios.loader import load
from sim.study.experiment import run_scenario
from sim.workers.pool import Workers, fan_out
from tests.control.laws import Claim

from .claims import claim_table
from .document import Proof, table, yes

__all__ = ["SWEEPS", "Size", "prove", "run_size", "sizes_claims"]

Record = Mapping[str, Any]

_TEXT = """\
A scenario whose size nobody published could be sized so that a policy passes. Here the size is
swept around what the file says (in bold), under the default policy with what the file changes in
it. Degraded is the share of requests served above normal; harm: availability with the controller
wholly below static's.
"""

_LITE = "upstream.models.one cheaper"

SWEEPS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "deterministic_500": ("faults.0.share", ("0.1%", "0.3%", "1%", "3%"), "1%"),
    "batch_starves_chat": ("clients.concurrency", ("60", "80", "100", "120", "150"), "100"),
    "small_sibling": (f"{_LITE}.quota.rpm", ("100", "200", "300", "400", "1000"), "200"),
    "two_small_models": (f"{_LITE}.quota.rpm", ("300", "600", "1200", "4000"), "600"),
    "sibling_slows": (f"{_LITE}.capacity", ("6", "12", "18", "24", "48"), "12"),
    "spend_limit": ("workload.arrivals.rate", ("1.5", "2", "2.5", "2.8"), "2.5"),
    "sixteen_processes": ("replicas", ("1", "4", "16", "32"), "16"),
}
"""Scenario, the key that is swept, its values, and that of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One scenario at one size."""

    scenario: str
    key: str
    value: str
    replications: int


def run_size(size: Size) -> Record:
    """Its object of `verdict.json`."""
    scenario, own = load(size.scenario, [f"{size.key}={size.value}"])
    return run_scenario(
        scenario, own or default_policy(), replications=size.replications, workers=1
    ).record


def prove(workers: int | Workers) -> Proof:
    """Run every sweep."""
    sizes = [
        Size(scenario=scenario, key=key, value=value, replications=12)
        for scenario, (key, values, _) in SWEEPS.items()
        for value in values
    ]
    records = fan_out(run_size, sizes, workers=workers, done=_tell)
    claims = sizes_claims(sizes, records)
    parts = [_TEXT, claim_table(claims)]
    for scenario, (key, _, said) in SWEEPS.items():
        chosen = [
            (size.value, record)
            for size, record in zip(sizes, records, strict=True)
            if size.scenario == scenario
        ]
        parts.append(f"### {scenario}, by `{key}`\n")
        parts.append(_table(chosen, said))
    return Proof(text="\n".join(parts), holds=all(claim.holds for claim in claims))


def sizes_claims(sizes: Sequence[Size], records: Sequence[Record]) -> tuple[Claim, ...]:
    """What is claimed of a scenario at any size."""
    harmed = [
        f"{size.scenario} at {size.value} ({record['harm']['estimate'] * 100:+.1f} points)"
        for size, record in zip(sizes, records, strict=True)
        if record["harm"]["found"]
    ]
    return (
        Claim(
            name=f"no harm at any of {len(sizes)} sizes: availability is not below static's",
            measured=f"harm in {', '.join(harmed)}" if harmed else "none",
            holds=not harmed,
        ),
    )


def _table(rows: Sequence[tuple[str, Record]], said: str) -> str:
    heads = (
        "size",
        "availability",
        "static",
        "without",
        "P95 s",
        "static",
        "degraded",
        "cost $",
        "static",
        "cheapest",
        "quality",
        "transitions",
        "no harm",
    )

    def lines(value: str, record: Record) -> tuple[str, ...]:
        ours, static, none, cheapest = (
            record["arms"][arm] for arm in ("policy", "static", "none", "cheapest")
        )
        return (
            f"**{value}**" if value == said else value,
            *(f"{each['availability']['estimate']:.2%}" for each in (ours, static, none)),
            *(f"{each['latency_p95_s']['estimate']:.1f}" for each in (ours, static)),
            f"{ours['degraded_share']['estimate']:.1%}",
            *(f"{each['cost_usd']['estimate']:.2f}" for each in (ours, static, cheapest)),
            f"{ours['quality']['estimate']:.3f}",
            f"{ours['transitions']['estimate']:.1f}",
            yes(holds=not record["harm"]["found"]),
        )

    return table(heads, (lines(value, record) for value, record in rows))


def _tell(record: Record) -> None:
    print(f"  {record['scenario']}: harm {record['harm']['estimate']:+.4f}", flush=True)
