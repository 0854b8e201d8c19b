"""A gate drawn: every difference with its interval, on one scale of margins.

Margins are in points, percent, seconds; drawn as multiples of themselves they share an axis
on which 0 is "equal" and 1 is "as much worse as is acceptable". A verdict is told by the
marker's shape as well as by its colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from balancer.records.gate import Gate, Worsening

from ..amounts import NOTHING
from ..layout import Layout, light, panel_axes, shorten
from ..metrics import metric
from ..svg import DRAWING
from .words import worse_by

__all__ = ["gate_figure", "in_margins"]

POINTS_PER_INCH: Final = 72.0
ROW: Final = 14.0
HEADING: Final = 19.0
HEAD: Final = 17.0
FOOT: Final = 20.0
ROOMY: Final = 250.0
"""Points across, in which all names of the scale have room."""
FARTHEST: Final = 3.2
"""The axis ends so many margins from zero; what lies beyond is an arrow."""

MARKS: Final = {"pass": ("o", "good"), "fail": ("s", "bad"), "inconclusive": ("D", "unsure")}
"""Marker and colour of a verdict; an open one is hollow."""


def in_margins(each: Worsening, value: float) -> float:
    """Where a worsening stands: 0 is equal, 1 the margin.

    Without a margin (0) there is no such unit: the interval then takes its own, and only the
    side of the margin on which it lies means anything.
    """
    if each.margin > 0:
        return value / each.margin
    ends = (each.worsening.estimate, each.worsening.low, each.worsening.high)
    size = max((abs(end) for end in ends if math.isfinite(end)), default=0.0)
    return 1 + (value / size if size else 0.0)


def gate_figure(gate: Gate, layout: Layout) -> Figure:
    """Draw all differences of a gate, scenario by scenario."""
    with mpl.rc_context(DRAWING):  # type: ignore[arg-type]
        return _draw(gate, layout)


def _draw(gate: Gate, layout: Layout) -> Figure:
    rows = sum(len(scenario.differences) for scenario in gate.scenarios)
    tall = rows * ROW + len(gate.scenarios) * HEADING
    height = HEAD + tall + FOOT
    figure = Figure(figsize=(layout.width / POINTS_PER_INCH, height / POINTS_PER_INCH))
    figure.patch.set_visible(False)
    axes = panel_axes(figure, layout, height, HEAD, tall)
    axes.set_ylim(tall, 0)
    axes.set_xlim(-FARTHEST, FARTHEST)
    axes.spines["left"].set_visible(False)
    axes.axvspan(1, FARTHEST, facecolor=light("bad"), alpha=0.09, linewidth=0, zorder=0)
    axes.axvline(0, color=light("muted"), linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    axes.axvline(1, color=light("ink"), linewidth=1.0, zorder=1)
    _scale(axes, layout)
    for scenario, each, at in _places(gate):
        if each is None:
            _text(axes, 0, at, shorten(scenario, layout), layout, bold=True, left=True)
        else:
            _row(axes, each, at, layout)
    return figure


def _places(gate: Gate) -> Iterator[tuple[str, Worsening | None, float]]:
    """Headings (without a difference) and rows with their middles, in points from the top."""
    top = 0.0
    for scenario in gate.scenarios:
        yield scenario.scenario, None, top + HEADING * 0.6
        top += HEADING
        for each in scenario.differences:
            yield scenario.scenario, each, top + ROW / 2
            top += ROW


def _row(axes: Axes, each: Worsening, at: float, layout: Layout) -> None:
    marker, role = MARKS.get(each.verdict, ("D", "unsure"))
    _text(axes, 8, at, metric(each.metric).label.removesuffix(" (assumed)"), layout, left=True)
    _text(axes, 6, at, worse_by(each), layout, role=role)
    middle = in_margins(each, each.worsening.estimate)
    if not math.isfinite(middle):
        return
    ends = [in_margins(each, end) for end in (each.worsening.low, each.worsening.high)]
    colour = light(role)
    if all(map(math.isfinite, ends)):
        low, high = (min(max(end, -FARTHEST), FARTHEST) for end in ends)
        axes.plot([low, high], [at, at], color=colour, linewidth=2, solid_capstyle="butt", zorder=3)
    for beyond, arrow, place in (
        (min(middle, *ends) < -FARTHEST, "<", -FARTHEST),
        (max(middle, *ends) > FARTHEST, ">", FARTHEST),
    ):
        if beyond:
            axes.plot(
                [place], [at], marker=arrow, color=colour, markersize=4.5, clip_on=False, zorder=4
            )
    if abs(middle) <= FARTHEST:
        axes.plot(
            [middle],
            [at],
            marker=marker,
            markersize=5,
            markerfacecolor=light("page") if marker == "D" else colour,
            markeredgecolor=colour,
            markeredgewidth=1.2,
            linestyle="none",
            zorder=4,
            label=f"{each.metric} {each.verdict}",
        )


def _text(
    axes: Axes,
    offset: float,
    at: float,
    text: str,
    layout: Layout,
    *,
    role: str = "ink",
    bold: bool = False,
    left: bool = False,
) -> None:
    """Text beside the axes: in the left margin, or behind the right end."""
    if text == NOTHING:
        text = "undefined"
    axes.annotate(
        text,
        (0 if left else 1, at),
        xycoords=("axes fraction", "data"),
        xytext=(offset - layout.left if left else offset, 0),
        textcoords="offset points",
        fontsize=layout.font,
        fontweight="bold" if bold else "normal",
        color=light(role),
        va="center",
        annotation_clip=False,
    )


def _scale(axes: Axes, layout: Layout) -> None:
    """Name the two lines and the two sides; count margins below."""
    names = [
        (-FARTHEST, "← better", "left"),
        (0, "equal", "center"),
        (1, "margin", "center"),
        (FARTHEST, "worse →", "right"),
    ]
    if layout.width - layout.left - layout.right < ROOMY:
        # A 0 below says "equal" as well.
        names = [
            (-FARTHEST, "better", "left"),
            (1, "margin", "center"),
            (FARTHEST, "worse", "right"),
        ]
    for at, text, align in names:
        axes.annotate(
            text,
            (at, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            fontsize=layout.font,
            color=light("muted" if at != 1 else "ink"),
            ha=align,
            va="bottom",
            annotation_clip=False,
        )
    axes.xaxis.set_major_locator(FixedLocator([-3, -2, -1, 0, 1, 2, 3]))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:.0f}".replace("-", "\N{MINUS SIGN}"))
    )
    axes.yaxis.set_major_locator(NullLocator())
