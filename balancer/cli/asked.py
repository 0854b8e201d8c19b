"""What a command was asked for: its scenarios, checked before the first runs, and its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scenarios.loader import Loaded

__all__ = ["asked", "command_words"]


def asked(sources: Sequence[str], overrides: Sequence[str] = ()) -> list[Loaded]:
    """Scenarios by name or path, changed by `--set`.

    A mistake in the last of them must not cost the runs of the first.

    Raises:
        InputError: one that cannot be run; says which.
    """
    from scenarios.loader import load
    from sim.study.soundness import check_scenarios

    loaded = [load(source, overrides) for source in sources]
    check_scenarios([each.scenario for each in loaded], sources)
    return loaded


def command_words(
    command: str, options: Mapping[str, object | None], arguments: Sequence[str]
) -> list[str]:
    """Words that ask for the same again; an option that was not given is left out."""
    words = ["open-balancer", command]
    for option, value in options.items():
        words += [] if value is None else [option, str(value)]
    return [*words, *arguments]
