"""Proof: the simulator agrees with another one that was written from the documents alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sim.workers.pool import Workers, fan_out
from tests.independent.comparison import LARGEST_Z, OURS_TO_ONE, Case, Pair, replicate, scores

from .document import Proof, table, yes

__all__ = ["prove"]

REPLICATIONS = 8

_SCENARIOS = (
    "batch_starves_chat",
    "conversation_overload",
    "cost_spike",
    "deterministic_500",
    "error_storm",
    "latency_spike",
    "minute_quota_storm",
    "open_socket_hang",
    "retry_storm",
    "shared_quota",
    "spend_limit",
    "stream_cut",
)

_COUNTING = "upstream.quota.counting={}"
_RESET = ("faults.0.error=reset", "faults.0.where=inside")
_SHY = ("clients.retry_budget=10%", "clients.honours_retry_delay=true")
_FULL = ("upstream.models.asked.overload_limit=30",)

CASES = (
    *(Case(scenario=name, arm=arm) for name in _SCENARIOS for arm in ("none", "static")),
    *(
        Case(scenario=name, arm="cheapest")
        for name in ("cost_spike", "shared_quota", "sibling_slows", "small_sibling")
    ),
    Case(scenario="conversation_overload", arm="none", overrides=(_COUNTING.format("sliding"),)),
    Case(scenario="conversation_overload", arm="none", overrides=(_COUNTING.format("bucket"),)),
    Case(scenario="empty_answers", arm="none"),
    Case(scenario="malformed_calls", arm="static"),
    Case(scenario="error_storm", arm="static", overrides=_RESET),
    Case(scenario="minute_quota_storm", arm="none", overrides=_SHY),
    Case(scenario="latency_spike", arm="none", overrides=_FULL),
)

_TEXT = f"""\
A second simulator, a plain Python event loop in `tests/independent/`, was written from the
[mechanics](explanation/simulator.md) alone. Of every metric it knows, its mean over {REPLICATIONS}
replications is compared with ours over {REPLICATIONS * OURS_TO_ONE}; no two share a random number.
z is Welch's t as the normal deviate that is as rare, and |z| is at most {LARGEST_Z:g}. The metric
named is the one that is furthest apart.
"""


def prove(workers: int | Workers) -> Proof:
    """Compare in every case, a replication to a worker at a time."""
    tasks = [(case, k) for k in range(REPLICATIONS) for case in CASES]
    done = 0

    def count(_pair: Pair) -> None:
        nonlocal done
        done += 1
        if done % len(CASES) == 0:
            print(f"  {done // len(CASES)} of {REPLICATIONS} replications", flush=True)

    pairs = fan_out(_pair, tasks, workers=workers, done=count)
    rows = [_row(case, pairs[place :: len(CASES)]) for place, case in enumerate(CASES)]
    return Proof(text="\n".join([_TEXT, _table(rows)]), holds=all(row[-1] == "yes" for row in rows))


def _pair(task: tuple[Case, int]) -> Pair:
    return replicate(*task)


def _row(case: Case, pairs: Sequence[Pair]) -> tuple[str, ...]:
    found = scores(pairs)
    worst = max(found, key=lambda score: abs(score.z))
    return (
        case.scenario,
        case.arm,
        ", ".join(f"`{override}`" for override in case.overrides),
        f"{len(found)}",
        worst.metric,
        f"{worst.ours:.5g}",
        f"{worst.theirs:.5g}",
        f"{worst.z:+.2f}",
        yes(holds=abs(worst.z) <= LARGEST_Z),
    )


def _table(rows: Iterable[Sequence[str]]) -> str:
    heads = ("scenario", "arm", "changed", "metrics", "furthest", "ours", "the other", "z")
    return table((*heads, "agrees"), rows)
