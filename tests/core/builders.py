"""Small policies and ticks for the core's tests."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.core.catalog import Catalog, ModelCard
from balancer.core.histogram import EMPTY, MAX_COUNT, MIN_INDEX, Histogram, merge
from balancer.core.modes import Mode
from balancer.core.observations import FAILURES, ModeObservations, ModeRequests, Observations
from balancer.core.policy import LadderSettings, Policy, Rule, Strategy

BIG = ModelCard(
    name="big",
    price=(
        *(200_000, 300_000_000, 2_500_000_000, 30_000_000),
        *(300_000_000, 2_500_000_000, 30_000_000),
    ),
    budget=(0, 24_576),
    off=True,
)
SMALL = ModelCard(
    name="small",
    price=(
        *(200_000, 100_000_000, 400_000_000, 10_000_000),
        *(100_000_000, 400_000_000, 10_000_000),
    ),
    budget=(512, 24_576),
    off=True,
)
CATALOG = Catalog(dated="2026-11-22", cards=(BIG, SMALL))

STRATEGIES = (
    Strategy(model="big"),
    Strategy(model="small", thinking=1024, output_cap_tokens=4096),
    Strategy(model="small", thinking=0, output_cap_tokens=1024),
    Strategy(model="small", thinking=0, output_cap_tokens=256, shed=(1.0, 0.5, 0.0)),
)

LEVELS = (Mode.SOFT, Mode.HARD, Mode.EMERGENCY)


def table(signal: str, *thresholds: float, **more: float) -> tuple[Rule, ...]:
    """Rules of soft, hard and emergency for one signal."""
    return tuple(
        Rule(name=f"{signal} {level.label}", signal=signal, level=level, threshold=value, **more)  # type: ignore[arg-type]
        for level, value in zip(LEVELS, thresholds, strict=False)
    )


DEFAULT_RULES = (
    *table("latency_p95", 2.0, 5.0, 10.0),
    *table("error_rate", 0.05, 0.10, 0.20),
    *table("token_cost_per_hour", 50.0, 100.0, 200.0),
)


def make_policy(
    rules: tuple[Rule, ...] = DEFAULT_RULES,
    *,
    law: str = "ladder",
    strategies: tuple[Strategy, Strategy, Strategy, Strategy] = STRATEGIES,
    ladder: LadderSettings | None = None,
    **more: object,
) -> Policy:
    """A policy on the two models of `CATALOG`."""
    return Policy(
        name="test",
        rules=rules,
        strategies=strategies,
        catalog=CATALOG,
        law=law,
        ladder=ladder or LadderSettings(),
        **more,  # type: ignore[arg-type]
    )


def failures(**kinds: int) -> tuple[int, ...]:
    """Failure counts by kind."""
    return tuple(kinds.get(kind, 0) for kind in FAILURES)


def served(
    mode: Mode = Mode.NORMAL,
    *,
    latencies: Sequence[float] = (),
    ttft: Sequence[float] = (),
    ages: Sequence[float] = (),
    nano_usd: int = 0,
    started: int | None = None,
    tokens: int = 0,
    **kinds: int,
) -> ModeObservations:
    """One mode's tick: answers of the given latencies, and failures by kind."""
    failed = sum(kinds.values())
    finished = len(latencies) + failed
    return ModeObservations(
        mode=mode,
        model="big" if mode is Mode.NORMAL else "small",
        started=finished if started is None else started,
        finished=finished,
        failures=failures(**kinds),
        latency=Histogram.of(latencies) if latencies else EMPTY,
        ttft=Histogram.of(ttft) if ttft else EMPTY,
        ages=Histogram.of(ages) if ages else EMPTY,
        output_tokens=tokens,
        nano_usd=nano_usd,
    )


def requests_of(*entries: ModeObservations) -> tuple[ModeRequests, ...]:
    """Requests of one attempt each, of normal priority; those that fail do so at once."""
    modes = sorted({entry.mode for entry in entries})
    return tuple(_requests_of(mode, [e for e in entries if e.mode is mode]) for mode in modes)


def _requests_of(mode: Mode, entries: list[ModeObservations]) -> ModeRequests:
    failed = sum(entry.ill for entry in entries)
    return ModeRequests(
        mode,
        begun=sum(entry.started for entry in entries),
        answered=merge(entry.latency for entry in entries),
        failed=Histogram.from_counts({MIN_INDEX: min(MAX_COUNT, failed)}),
        ages=merge(entry.ages for entry in entries),
        unjudged=(0, sum(entry.unjudged for entry in entries), 0),
    )


def tick(
    index: int,
    *entries: ModeObservations,
    offered: int | tuple[int, int, int] | None = None,
    **more: object,
) -> Observations:
    """One tick; unless said otherwise as many requests of normal priority as calls started, and
    each of them one attempt.
    """
    if offered is None:
        offered = sum(entry.started for entry in entries)
    requests = offered if isinstance(offered, tuple) else (0, offered, 0)
    more.setdefault("admitted", requests)
    more.setdefault("requests", requests_of(*entries))
    return Observations(index, served=tuple(sorted(entries)), offered=requests, **more)  # type: ignore[arg-type]
