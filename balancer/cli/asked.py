"""The scenarios a command was asked for, read and checked before the first of them runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scenarios.loader import Loaded

__all__ = ["asked"]


def asked(sources: Sequence[str], overrides: Sequence[str] = ()) -> list[Loaded]:
    """Scenarios by name or path, changed by `--set`.

    A mistake in the last of them must not cost the runs of the first.

    Raises:
        InputError: one that cannot be run; says which.
    """
    from scenarios.loader import load
    from sim.soundness import check_scenarios

    loaded = [load(source, overrides) for source in sources]
    check_scenarios([each.scenario for each in loaded], sources)
    return loaded
