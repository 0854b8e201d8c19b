"""The page of a tuning: what it gives and costs in a line, the front drawn, and all behind it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from balancer.records.tuning import TUNING, Tuning

from ..amounts import amount
from ..data_files import Cell, write_csv
from ..layout import Layout
from ..page import render
from ..run.page import REPORT
from ..svg import drawn
from . import words as tuning_words
from .front_figure import front_figure
from .importance_figure import importance_figure
from .sensitivity_figure import sensitivity_figure
from .tables import (
    Head,
    policy_rows,
    robustness_rows,
    setting_rows,
    worst_rows,
)

__all__ = ["TUNING_DATA", "tuning_page", "write_tuning_report"]

TUNING_DATA: Final = "tuning.csv"
"""Name of the file that is written beside the page."""

WIDE: Final = Layout(width=720, left=52, right=14, font=8.4, time_ticks=0)
NARROW: Final = Layout(width=300, left=46, right=8, font=8.6, time_ticks=0)

SAMPLERS: Final = {"nsga2": "NSGA-II", "tpe": "TPE"}


def write_tuning_report(directory: Path) -> Path:
    """Write a tuning's page and data beside its `tuning.json`.

    Returns:
        The page's path.

    Raises:
        InputError: the tuning is missing or cannot be read.
    """
    tuning = TUNING.read(directory)
    page = tuning_page(tuning)
    _write_data(directory / TUNING_DATA, tuning)
    (directory / REPORT).write_text(page, encoding="utf-8", newline="\n")
    return directory / REPORT


def tuning_page(tuning: Tuning) -> str:
    """The page of a tuning."""
    answer = tuning_words.answer(tuning)
    proposed = tuning.proposed
    return render(
        "tuning.html.jinja",
        title=f"Tuning of {tuning.today.name}",
        tuning=tuning,
        eyebrow=", ".join(tuning_words.label(each.metric) for each in tuning.objectives),
        answer=answer,
        gap=tuning_words.gap(tuning),
        constraints=tuning_words.constraints(tuning),
        verdict="pass" if tuning_words.is_better(tuning) else "inconclusive",
        front=drawn(
            lambda layout: front_figure(tuning, layout),
            (WIDE, NARROW),
            prefix="front-",
            title="The front",
            description=answer,
        ),
        data=TUNING_DATA,
        heads=[Head.of_objective(each) for each in tuning.objectives],
        policies=policy_rows(tuning),
        settings=setting_rows(tuning),
        names=["today", *(str(place) for place, _ in tuning.found)],
        proposed="" if proposed is None else tuning_words.name_of(tuning, proposed.trial),
        file="" if proposed is None else proposed.file or "",
        changes=() if proposed is None else proposed.changes,
        effects=()
        if proposed is None
        else [(tuning_words.effect(each), tuning_words.way(each)) for each in proposed.effects],
        effects_held_out=()
        if proposed is None
        else [
            (tuning_words.effect(each), tuning_words.way(each))
            for each in proposed.effects_held_out
        ],
        importance=drawn(
            lambda layout: importance_figure(tuning, layout),
            (WIDE, NARROW),
            prefix="importance-",
            title="Importance of each number",
            description="A bar for each number of the policy",
        ),
        sensitivity=drawn(
            lambda layout: sensitivity_figure(tuning, replace(layout, left=layout.left - 2)),
            (WIDE, NARROW),
            prefix="sensitivity-",
            title="Each number moved alone",
            description="A row for each number of the policy",
        ),
        worst=worst_rows(tuning),
        robustness=robustness_rows(tuning),
        off=amount(tuning.robustness.off, "share", exact=True),
        confidence=amount(tuning.confidence, "share", exact=True),
        effort=tuning_words.effort(tuning),
        sampler=SAMPLERS.get(tuning.sampler, tuning.sampler),
        command=shlex.join(tuning.command),
        gate=shlex.join(tuning.gate),
        facts=tuple(_facts(tuning)),
    )


def _facts(tuning: Tuning) -> Iterator[tuple[str, str]]:
    yield "Tuned on", ", ".join(tuning.scenarios)
    yield "Held out", ", ".join(tuning.held_out) or "none"
    if tuning.split:
        yield "How they were split", tuning.split
    yield "Replications of each figure", str(tuning.replications)
    if tuning.seed is not None:
        yield "Seed of the fresh requests", str(tuning.seed)
    yield "Today's policy", tuning.today.name
    yield "Law", tuning.today.law
    yield "Fingerprint of today's policy", tuning.today.fingerprint
    if tuning.proposed is not None:
        yield "Fingerprint of the proposed policy", tuning.proposed.fingerprint
    yield from tuning.versions.items()


def _write_data(path: Path, tuning: Tuning) -> None:
    """A row for each policy: what was set, and every objective with its interval."""
    ends = ("estimate", "low", "high")
    names = [each.name for each in tuning.objectives]
    header = ["policy", "trial", "feasible", "file", *tuning.paths]
    for part in ("", "_held_out"):
        header += [f"{name}{part}_{end}" for name in names for end in ends]
    rows: list[list[Cell]] = []
    for each in (tuning.today, *(each for _, each in tuning.found)):
        known = {setting.path: setting.value for setting in each.settings}
        rows.append(
            [
                tuning_words.name_of(tuning, each.trial),
                each.trial,
                "yes" if each.feasible else "no",
                each.file or "",
                *(known.get(setting) for setting in tuning.paths),
                *(
                    getattr(reading, end)
                    for reading in (*each.objectives, *each.objectives_held_out)
                    for end in ends
                ),
            ]
        )
    write_csv(path, header, rows)
