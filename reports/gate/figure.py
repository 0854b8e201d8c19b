"""A gate drawn: for each metric a panel, on a scale of its own, with a row for each scenario.

A change has the sign it has: a quality that fell lies to the left. The side that is worse than the
margin is shaded. A verdict is told by the marker's shape as well as by its colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from balancer.records.gate import Gate, Worsening

from ..amounts import NOTHING, difference
from ..layout import TITLE_HEIGHT, Layout, light, new_figure, panel_axes, set_title, shorten
from ..metrics import metric
from ..svg import DRAWING
from .words import change, changed, margin, unit_of

__all__ = ["gate_figure", "in_margins"]

ROW: Final = 14.0
AXIS: Final = 20.0
"""Points that the numbers of a scale take, and what is left free below."""
FARTHEST: Final = 3.0
"""A scale ends so many times as far out as the median row reaches; what lies beyond is an arrow,
with its number. One row must not squeeze all others to a point."""
ROOM: Final = 1.15

MARKS: Final = {"pass": ("o", "good"), "fail": ("s", "bad"), "inconclusive": ("D", "unsure")}
"""Marker and colour of a verdict; an open one is hollow."""

Row = tuple[str, Worsening]
"""A scenario's name, and what the candidate changes there."""


def in_margins(each: Worsening, value: float) -> float:
    """How much worse in multiples of what is acceptable: 0 is equal, 1 the margin."""
    return value / each.margin


def gate_figure(gate: Gate, layout: Layout) -> Figure:
    """Draw all differences of a gate, metric by metric."""
    with mpl.rc_context(DRAWING):  # type: ignore[arg-type]
        return _draw(gate, layout)


def _draw(gate: Gate, layout: Layout) -> Figure:
    panels: dict[str, list[Row]] = {}
    for scenario in gate.scenarios:
        for each in scenario.differences:
            panels.setdefault(each.metric, []).append((scenario.scenario, each))
    height = sum(TITLE_HEIGHT + len(rows) * ROW + AXIS for rows in panels.values())
    figure = new_figure(layout, height)
    used = 0.0
    for rows in panels.values():
        tall = len(rows) * ROW
        axes = panel_axes(figure, layout, height, used + TITLE_HEIGHT, tall)
        _panel(axes, rows, layout, tall)
        used += TITLE_HEIGHT + tall + AXIS
    return figure


def _panel(axes: Axes, rows: Sequence[Row], layout: Layout, tall: float) -> None:
    first = rows[0][1]
    low, high = _scale(each for _, each in rows)
    axes.set_ylim(tall, 0)
    axes.set_xlim(low, high)
    axes.spines["left"].set_visible(False)
    allowed = first.margin if first.better != "higher" else -first.margin
    worse = (low, allowed) if first.better == "higher" else (allowed, high)
    axes.axvspan(*worse, facecolor=light("bad"), alpha=0.09, linewidth=0, zorder=0)
    axes.axvline(0, color=light("muted"), linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    axes.axvline(allowed, color=light("ink"), linewidth=1.0, zorder=1, label="margin")
    _ticks(axes, first, allowed, low, high, layout)
    title = f"{metric(first.metric).label.removesuffix(' (assumed)')}, allowed {margin(first)}"
    set_title(axes, title, layout, beside=-layout.left)
    for place, (scenario, each) in enumerate(rows):
        _row(axes, scenario, each, (place + 0.5) * ROW, layout)


def _scale(rows: Iterable[Worsening]) -> tuple[float, float]:
    """Ends of a metric's scale: zero, the margin, and all rows but for those far out."""
    comparisons = list(rows)
    amount = max(each.margin for each in comparisons)
    higher = all(each.better == "higher" for each in comparisons)
    ends = [
        _finite(change(each).estimate, change(each).low, change(each).high) for each in comparisons
    ]

    def reach(sign: float, least: float) -> float:
        farthest = sorted(max([0.0, *(sign * end for end in row)]) for row in ends)
        out = [value for value in farthest if value > 0.0]
        most = min(out[-1], FARTHEST * max(median(out), amount)) if out else 0.0
        # Nothing at all to draw still has a scale.
        return ROOM * max(most, least, 1e-9)

    down, up = (1.0, 0.4) if higher else (0.4, 1.0)
    return -reach(-1.0, down * amount), reach(1.0, up * amount)


def _finite(*values: float) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _row(axes: Axes, scenario: str, each: Worsening, at: float, layout: Layout) -> None:
    marker, role = MARKS.get(each.verdict, ("D", "unsure"))
    _text(axes, 0, at, shorten(scenario, layout, layout.left - 6), layout, left=True)
    _text(axes, 6, at, changed(each), layout, role=role)
    interval = change(each)
    if not math.isfinite(interval.estimate):
        return
    low, high = axes.get_xlim()
    colour = light(role)
    if math.isfinite(interval.low) and math.isfinite(interval.high):
        ends = [min(max(end, low), high) for end in (interval.low, interval.high)]
        axes.plot(ends, [at, at], color=colour, linewidth=2, solid_capstyle="butt", zorder=3)
    _beyond(axes, each, min(_finite(interval.estimate, interval.low)), at, layout, role, left=True)
    _beyond(
        axes, each, max(_finite(interval.estimate, interval.high)), at, layout, role, left=False
    )
    if low <= interval.estimate <= high:
        axes.plot(
            [interval.estimate],
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


def _beyond(
    axes: Axes, each: Worsening, end: float, at: float, layout: Layout, role: str, *, left: bool
) -> None:
    """An arrow off the chart, and the number that it leads to."""
    low, high = axes.get_xlim()
    if (end >= low) if left else (end <= high):
        return
    place = low if left else high
    axes.plot(
        [place],
        [at],
        marker="<" if left else ">",
        color=light(role),
        markersize=4.5,
        clip_on=False,
        zorder=4,
    )
    axes.annotate(
        difference(end, unit_of(each)),
        (place, at),
        xytext=(7 if left else -7, 0),
        textcoords="offset points",
        fontsize=layout.font - 0.8,
        color=light(role),
        ha="left" if left else "right",
        va="center",
        zorder=5,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": light("page"), "linewidth": 0},
    )


def _text(
    axes: Axes,
    offset: float,
    at: float,
    text: str,
    layout: Layout,
    *,
    role: str = "ink",
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
        color=light(role),
        va="center",
        annotation_clip=False,
    )


def _ticks(
    axes: Axes, each: Worsening, allowed: float, low: float, high: float, layout: Layout
) -> None:
    """Numbers at zero, at the margin and at the scale's ends, where they have room."""
    apart = (high - low) * 5.2 * layout.font / (layout.width - layout.left - layout.right)
    places: list[float] = []
    for place in (0.0, allowed, low / ROOM, high / ROOM):
        if all(abs(place - other) >= apart for other in places):
            places.append(place)
    axes.xaxis.set_major_locator(FixedLocator(sorted(places)))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: difference(value, unit_of(each)) if value else "0")
    )
    axes.yaxis.set_major_locator(NullLocator())
