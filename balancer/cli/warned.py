"""Warnings at the start of a command: what is allowed in a policy but probably not wanted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..core.policy import Policy

__all__ = ["policy_given", "warn", "warn_of"]


def warn(text: str) -> None:
    """A warning, where it does not mix with results."""
    typer.echo(f"warning: {text}", err=True)


def policy_given(path: Path, *, quiet: bool = False) -> Policy:
    """A policy file, with a warning for each duration in it that has no unit.

    Raises:
        PolicyError: see `load_policy`.
    """
    from ..policy_file import load_policy

    return load_policy(path, tell=_nothing if quiet else warn)


def warn_of(policies: Iterable[Policy]) -> None:
    """What is doubtful in policies, each named once."""
    from ..core.doubts import doubts

    for name, text in dict.fromkeys((p.name, text) for p in policies for text in doubts(p)):
        warn(f"policy {name}: {text}")


def _nothing(_text: str) -> None:
    pass
