"""A comparison drawn: every law in every scenario, by how far its utility is below the best's.

A map of scenarios by laws. The words in a cell say all of it; the fill, darker the further
behind, lets the eye find it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator

from balancer.records.comparison import Comparison, LawResult, LawSummary

from ..layout import Layout, light, name_row, new_figure, panel_axes, shorten
from ..svg import DRAWING
from .words import regret, standing, worth

__all__ = ["FURTHEST", "comparison_figure"]

ROW: Final = 17.0
GAP: Final = 10.0
FLAT_HEAD: Final = 16.0
SLANTED_HEAD: Final = 46.0
"""At least; longer names take more."""
SLANT_DEG: Final = 50.0
FOOT: Final = 4.0
TIGHT: Final = 26.0
"""Cells narrower than this have figures without their units."""

BEHIND: Final = ((0.02, 0.10), (0.05, 0.19), (0.15, 0.29), (0.40, 0.39))
"""Up to this regret, a fill so strong."""
FURTHEST: Final = 0.5
"""Beyond the last of them; text on it still has a contrast of 4.5."""


def comparison_figure(comparison: Comparison, layout: Layout) -> Figure:
    """Draw who is best, level, behind, dominated or out, and each law's totals below."""
    with mpl.rc_context(DRAWING):  # type: ignore[arg-type]
        return _draw(comparison, layout)


def _draw(comparison: Comparison, layout: Layout) -> Figure:
    laws = comparison.laws
    cell = (layout.width - layout.left - layout.right) / max(1, len(laws))
    longest = max(map(len, laws), default=0) * 0.6 * layout.font
    slanted = cell < longest
    rise = math.sin(math.radians(SLANT_DEG)) * longest + layout.font
    head = max(SLANTED_HEAD, rise) if slanted else FLAT_HEAD
    if slanted:
        # The last name leans over the edge of the map.
        reach = math.cos(math.radians(SLANT_DEG)) * len(laws[-1]) * 0.6 * layout.font
        layout = replace(layout, right=max(layout.right, reach - cell / 2))
        cell = (layout.width - layout.left - layout.right) / len(laws)
    totals = _totals(comparison.summary)
    tall = (len(comparison.scenarios) + len(totals)) * ROW + GAP
    height = head + tall + FOOT
    figure = new_figure(layout, height)
    tight = cell < TIGHT
    axes = panel_axes(figure, layout, height, head, tall)
    axes.set_xlim(0, len(laws))
    axes.set_ylim(tall, 0)
    axes.xaxis.set_major_locator(NullLocator())
    axes.yaxis.set_major_locator(NullLocator())
    for spine in axes.spines.values():
        spine.set_visible(False)
    _heads(axes, comparison, layout, slanted=slanted)
    for place, scenario in enumerate(comparison.scenarios):
        name = shorten(scenario.scenario, layout, layout.left - 4)
        name_row(axes, name, (place + 0.5) * ROW, layout)
        law_of = {law.law: law for law in scenario.laws}
        for column, name in enumerate(laws):
            if name in law_of:
                _cell(axes, law_of[name], column, place * ROW, layout, small=slanted, tight=tight)
    top = len(comparison.scenarios) * ROW + GAP
    axes.plot([0, len(laws)], [top - GAP / 2] * 2, color=light("muted"), linewidth=0.7)
    for place, (label, by_law) in enumerate(totals):
        name = shorten(label, layout, layout.left - 4)
        name_row(axes, name, top + (place + 0.5) * ROW, layout, role="muted")
        for column, law in enumerate(laws):
            text = by_law.get(law, "")
            _put(
                axes,
                _bare(text) if tight else text,
                column,
                top + place * ROW,
                layout,
                small=slanted,
            )
    return figure


def _totals(summary: Sequence[LawSummary]) -> list[tuple[str, dict[str, str]]]:
    return [
        ("best or level", {law.law: f"{law.within_best}/{law.scenarios}" for law in summary}),
        *(_at(summary, place) for place in _ends(summary)),
        ("meets all expected", {law.law: f"{law.eligible}/{law.scenarios}" for law in summary}),
        ("dominated", {law.law: f"{law.dominated}/{law.scenarios}" for law in summary}),
        ("largest regret", {law.law: regret(law.largest_regret.value.estimate) for law in summary}),
    ]


def _ends(summary: Sequence[LawSummary]) -> tuple[int, ...]:
    """The first and the last worth of the sweep."""
    return (0, len(summary[0].sweep) - 1) if summary and len(summary[0].sweep) > 1 else ()


def _at(summary: Sequence[LawSummary], place: int) -> tuple[str, dict[str, str]]:
    return (
        f"… at {worth(summary[0].sweep[place].answer_usd)}",
        {law.law: f"{law.sweep[place].within_best}/{law.scenarios}" for law in summary},
    )


def _heads(axes: Axes, comparison: Comparison, layout: Layout, *, slanted: bool) -> None:
    for column, law in enumerate(comparison.laws):
        axes.annotate(
            law,
            (column + (0.35 if slanted else 0.5), 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            fontsize=layout.font,
            fontweight="bold" if law == comparison.reference else "normal",
            color=light("ink"),
            rotation=SLANT_DEG if slanted else 0,
            rotation_mode="anchor",
            ha="left" if slanted else "center",
            va="bottom",
            annotation_clip=False,
        )


def _cell(
    axes: Axes,
    law: LawResult,
    column: int,
    top: float,
    layout: Layout,
    *,
    small: bool,
    tight: bool,
) -> None:
    kind = standing(law)
    role, strength = {
        "best": ("good", 0.30),
        "level": ("good", 0.13),
        "behind": ("without", _strength(law.regret.estimate)),
    }.get(kind, ("grid", 0.0))
    axes.add_patch(
        Rectangle(
            (column + 0.03, top + 1),
            0.94,
            ROW - 2,
            facecolor=light(role) if strength else "none",
            alpha=strength or None,
            edgecolor="none",
        )
    )
    shown = regret(law.regret.estimate)
    text = {"best": "★" if tight else "best", "misses": "✗" if small else "misses"}.get(
        kind, _bare(shown) if tight else shown
    )
    _put(axes, text, column, top, layout, small=small, kind=kind)
    if law.dominated_by:
        axes.plot(
            [column + (0.92 if small else 0.9)],
            [top + (3.6 if small else 5.5)],
            marker="v",
            markersize=2.2 if small else 3.4,
            color=light("ink"),
            linestyle="none",
            label=f"dominated {law.law}",
        )


def _bare(text: str) -> str:
    """A figure without its unit, or a count without what it is of: "12/28", "0.3 %"."""
    return text.partition("/")[0].removesuffix("%").rstrip()


def _put(
    axes: Axes,
    text: str,
    column: int,
    top: float,
    layout: Layout,
    *,
    small: bool,
    kind: str = "",
) -> None:
    axes.text(
        column + 0.5,
        top + ROW / 2,
        text,
        fontsize=layout.font - (1.6 if small else 0),
        fontweight="bold" if kind in {"best", "level"} else "normal",
        color=light("muted" if kind == "misses" else "ink"),
        ha="center",
        va="center",
    )


def _strength(share: float) -> float:
    """How dark a regret is drawn."""
    return next((strength for most, strength in BEHIND if share <= most), FURTHEST)
