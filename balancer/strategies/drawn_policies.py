"""Any policies that are valid: rules, ladder settings and laws over the default modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from hypothesis import strategies as st

from ..core.errors import MisuseError
from ..core.modes import Mode
from ..core.policy import LAWS, LadderSettings, Policy, Rule
from ..core.rules import window_of
from ..core.strategy import NO_TIERS, TiersByPriority
from ..policy_file import default_policy

__all__ = ["policies"]

_TABLES: Mapping[str, Sequence[tuple[float, float, float]]] = MappingProxyType(
    {
        "latency_p95": [(2.0, 5.0, 10.0), (15.0, 25.0, 40.0), (0.5, 0.6, 0.7)],
        "error_rate": [(0.05, 0.1, 0.2), (0.01, 0.5, 0.9)],
        "token_cost_per_hour": [(50.0, 100.0, 200.0), (0.01, 1.0, 1e4)],
        "spend_10m": [(5.0, 8.0, 9.5), (0.01, 1.0, 1e4)],
        "ttft_p95": [(1.0, 2.0, 4.0)],
        "queue_depth": [(10.0, 20.0, 40.0)],
        "memory": [(0.8, 0.9, 0.95)],
    }
)
_TIERS = [NO_TIERS, NO_TIERS, ("flex", None, None), (None, "flex", "priority")]
_LEVELS = (Mode.SOFT, Mode.HARD, Mode.EMERGENCY)


@st.composite
def _tables(draw: st.DrawFn) -> tuple[Rule, ...]:
    """Rules of soft, hard and emergency, for some signals."""
    rules: list[Rule] = []
    signals = st.lists(st.sampled_from([*_TABLES]), min_size=1, max_size=3, unique=True)
    for signal in draw(signals):
        window_s = draw(st.sampled_from([60.0, 5.0, 20.0]))
        sustained_s = draw(st.sampled_from([0.0, 0.0, 3.0]))
        jump = draw(st.sampled_from([False, False, False, True]))
        for level, threshold in zip(_LEVELS, draw(st.sampled_from(_TABLES[signal])), strict=True):
            rules.append(
                Rule(
                    name=f"{signal} {level.label}",
                    signal=signal,
                    level=level,
                    threshold=threshold,
                    window_s=window_of(signal, window_s),
                    sustained_s=sustained_s,
                    jump=jump,
                )
            )
    return tuple(rules)


def policies(*laws: str) -> st.SearchStrategy[Policy]:
    """Policies with the modes of the default one, any rules, ladder settings and service tiers.

    Holds are short (2 to 30 ticks), so that a few dozen ticks see a whole brownout.

    Args:
        laws: names of transition laws; all of them if none is given.

    Raises:
        MisuseError: there is no such law.
    """
    unknown = [law for law in laws if law not in LAWS]
    if unknown:
        raise MisuseError(f"unknown law {unknown[0]!r}; known: {', '.join(LAWS)}")
    ladder = st.builds(
        LadderSettings,
        min_samples=st.sampled_from([5, 1, 20]),
        z=st.sampled_from([1.64, 0.0, 3.0]),
        exit=st.sampled_from([0.8, 0.5, 1.0]),
        hold_s=st.sampled_from([4.0, 2.0, 15.0]),
        settle_s=st.sampled_from([2.0, 0.0, 10.0]),
        probe_samples=st.sampled_from([6, 5, 30]),
        probe_share_max=st.sampled_from([0.5, 0.1, 1.0]),
        multiplier_max=st.sampled_from([4, 1, 8]),
        probation_s=st.sampled_from([20.0, 0.0, 300.0]),
    )
    tiers = st.sampled_from(_TIERS)
    return st.builds(_policy, st.sampled_from(laws or LAWS), _tables(), ladder, tiers)


def _policy(
    law: str, rules: tuple[Rule, ...], ladder: LadderSettings, tiers: TiersByPriority
) -> Policy:
    base = default_policy()
    # A ladder's calls must end within half a hold.
    normal, soft, hard, emergency = (
        replace(mode, timeout_s=ladder.hold_s / 2, service_tier=tiers) for mode in base.strategies
    )
    return replace(
        base,
        name="drawn",
        law=law,
        rules=rules,
        ladder=ladder,
        strategies=(normal, soft, hard, emergency),
    )
