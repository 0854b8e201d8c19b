"""A timeline's data: one row for each window, with a group of columns for each arm."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from balancer.records.verdict import Verdict

from ..arms import LABELS, NONE, POLICY, STATIC
from ..data_files import Cell, write_csv
from .series import ModeSpan, Series
from .timelines import Timeline

__all__ = ["timeline_file", "write_timeline_data"]

DRAWN: Final = tuple(
    field.name
    for field in dataclasses.fields(Series)
    if field.name not in {"window_s", "time_s", "modes", "probes"}
)
"""What a series has one value of for each window."""


def timeline_file(verdict: Verdict) -> str:
    """Name of a timeline's data: "latency_spike.timeline.csv", after its journal."""
    journal = Path(verdict.journals[POLICY]).name
    return f"{journal.removesuffix('.jsonl').removesuffix(f'.{POLICY}.0')}.timeline.csv"


def write_timeline_data(path: Path, timeline: Timeline) -> None:
    """Write what a timeline draws.

    The time is a window's middle, in seconds; columns of the arms begin with `with_`,
    `static_` and `without_`; modes are those that held at that time.
    """
    arms = {
        LABELS[POLICY]: timeline.controlled,
        LABELS[STATIC]: timeline.static,
        LABELS[NONE]: timeline.uncontrolled,
    }
    shown = {name: series for name, series in arms.items() if series is not None}
    header = ["time_s", "with_mode", "with_probe"]
    header += [f"{name}_{column}" for name in shown for column in DRAWN]
    write_csv(path, header, _rows(timeline.controlled, list(shown.values())))


def _rows(controlled: Series, shown: Sequence[Series]) -> Iterator[list[Cell]]:
    columns = [getattr(series, column) for series in shown for column in DRAWN]
    for place, time_s in enumerate(controlled.time_s):
        yield [
            time_s,
            _at(controlled.modes, time_s),
            _at(controlled.probes, time_s),
            # The arms of one run have the same windows; an arm cut short ends early.
            *(column[place] if place < len(column) else None for column in columns),
        ]


def _at(spans: Sequence[ModeSpan], time_s: float) -> str:
    return next((s.mode.label for s in spans if s.from_s <= time_s < s.to_s), "")
