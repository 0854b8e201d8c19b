"""What is tried beside the mode: another one, in which a share of the requests is served."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.decisions import Decision
from ...core.modes import MODES, PRIORITIES, Mode

__all__ = ["tried"]


def tried(decision: Decision, admitted: Sequence[int]) -> tuple[Mode, float] | None:
    """The other mode that is tried, and the share of the requests in it; None where none is.

    Args:
        decision: that holds. Its `mix` takes the priorities for equally many, which they are not.
        admitted: requests of late, by priority; none known: they are taken for equally many.
    """
    weights = admitted if sum(admitted) > 0 else [1] * len(PRIORITIES)
    for mode in MODES:
        if mode is not decision.mode and decision.mix[mode] > 0:
            part = sum(
                weight * mix[mode] for weight, mix in zip(weights, decision.mixes, strict=True)
            )
            return mode, part / sum(weights)
    return None
