"""The policies of a front as files."""

from __future__ import annotations

from pathlib import Path

from ..study.report_directory import FRONT
from .results import Tuning

__all__ = ["CHOSEN", "write_policies"]

CHOSEN = "candidate.yaml"
"""Name of the file of the policy that was chosen."""


def write_policies(tuning: Tuning, directory: Path, chosen: int | None) -> dict[int, str]:
    """Write the front's policies; their names by trial.

    Args:
        tuning: whose front.
        directory: an existing one.
        chosen: place in the front of the policy that is written as `CHOSEN` too; None: of none.
    """
    (directory / FRONT).mkdir()
    names = {}
    for place, each in enumerate(tuning.front):
        name = f"{FRONT}/{place + 1}.yaml"
        _write(directory / name, each.text)
        names[each.trial] = name
    if chosen is not None:
        _write(directory / CHOSEN, tuning.front[chosen].text)
    return names


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
