"""The front of a tuning, drawn: what is gained in one objective and given up in another.

With two objectives there is one panel; with more, a panel for each pair. Intervals are crosses.
What a policy is, is told by its marker as well as by its colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from balancer.records.interval import Interval
from balancer.records.tuning import Objective, Tuning

from ..amounts import amount
from ..label_places import label_places
from ..layout import Layout, axes_at, light, new_figure, set_style
from ..run.scales import around
from ..svg import DRAWING
from .words import heading

__all__ = ["front_figure"]

HEAD: Final = 20.0
FOOT: Final = 32.0
BETWEEN: Final = 18.0
ONE_TALL: Final = 260.0
TALL: Final = 150.0
ROOMY: Final = 500.0
"""Points across, from which on panels stand side by side."""
LETTER: Final = 0.58
"""Mean width of a letter, in sizes of its font."""
STATIC: Final = "static"
FAR: Final = 3.0
"""Static is off the chart where it would make the chart of the others so many times smaller."""
MOST_PANELS: Final = 6
"""Pairs that are drawn: those of four objectives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A policy of the figure: what it is called, its objectives, and how it is drawn."""

    text: str
    values: tuple[Interval, ...]
    marker: str
    role: str
    size: float
    hollow: bool = False


def front_figure(tuning: Tuning, layout: Layout) -> Figure | None:
    """Draw a front; None where there is nothing to draw, or only one objective."""
    pairs = list(combinations(range(len(tuning.objectives)), 2))[:MOST_PANELS]
    if not (pairs and tuning.front):
        return None
    with mpl.rc_context(DRAWING):  # type: ignore[arg-type]
        return _draw(tuning, pairs, layout)


def _draw(tuning: Tuning, pairs: Sequence[tuple[int, int]], layout: Layout) -> Figure:
    across = 1 if layout.width < ROOMY else min(len(pairs), 3 if len(pairs) != 4 else 2)
    tall = ONE_TALL if len(pairs) == 1 else TALL
    if layout.width < ROOMY:
        tall = min(tall, 190.0)
    rows = math.ceil(len(pairs) / across)
    each = HEAD + tall + FOOT
    height = rows * each
    wide = (layout.width - across * layout.left - (across - 1) * BETWEEN - layout.right) / across
    figure = new_figure(layout, height)
    marks = _marks(tuning)
    for place, (one, other) in enumerate(pairs):
        row, column = divmod(place, across)
        left = layout.left + column * (layout.left + wide + BETWEEN)
        bottom = height - row * each - HEAD - tall
        axes = axes_at(figure, layout, height, left, bottom, wide, tall)
        _panel(axes, tuning, marks, (one, other), layout, (wide, tall))
    return figure


def _marks(tuning: Tuning) -> list[Mark]:
    """Today's and static first, so that their labels get their place; the proposed one too."""
    marks = [
        Mark(
            text=f"{place} proposed" if each is tuning.proposed else str(place),
            values=each.objectives,
            marker="*" if each is tuning.proposed else "o",
            role="good" if each is tuning.proposed else "with",
            size=10.0 if each is tuning.proposed else 5.0,
        )
        for place, each in tuning.found
    ]
    marks.sort(key=lambda mark: mark.marker != "*")
    others = [
        Mark(
            text="today",
            values=tuning.today.objectives,
            marker="s",
            role="ink",
            size=5.6,
            hollow=not tuning.today.feasible,
        )
    ]
    if tuning.static is not None:
        others.append(
            Mark(
                text=STATIC,
                values=tuning.static.objectives,
                marker="D",
                role="without",
                size=5.0,
                hollow=not tuning.static.feasible,
            )
        )
    return [*marks[:1], *others, *marks[1:]]


def _panel(
    axes: Axes,
    tuning: Tuning,
    marks: Sequence[Mark],
    pair: tuple[int, int],
    layout: Layout,
    room: tuple[float, float],
) -> None:
    one, other = (tuning.objectives[place] for place in pair)
    set_style(axes, layout)
    axes.grid(color=light("grid"), linewidth=0.6)
    axes.set_axisbelow(True)
    drawn = [
        mark for mark in marks if all(math.isfinite(mark.values[place].estimate) for place in pair)
    ]
    few = max(2, round(room[0] / 110)), max(2, round(room[1] / 60))
    _scale(axes, _near(drawn, pair[0]), one, few[0], across=True)
    _scale(axes, _near(drawn, pair[1]), other, few[1], across=False)
    drawn = [_within(axes, mark, pair) for mark in drawn]
    if len(tuning.objectives) == 2:
        line = sorted(
            (policy.objectives[0].estimate, policy.objectives[1].estimate)
            for policy in tuning.front
        )
        axes.plot(*zip(*line, strict=True), color=light("with"), linewidth=0.8, alpha=0.5, zorder=2)
    for mark in drawn:
        _cross(axes, mark, pair)
    _labels(axes, drawn, pair, layout, room)
    for text, at, offset, align, below in (
        (f"{heading(other)} {_arrow(other, up=True)}", (0, 1), (-layout.left + 4, 7), "left", 0),
        (f"{heading(one)} {_arrow(one, up=False)}", (1, 0), (0, -FOOT + 10), "right", 1),
    ):
        axes.annotate(
            text,
            at,
            xycoords="axes fraction",
            xytext=offset,
            textcoords="offset points",
            fontsize=layout.font,
            fontweight="bold",
            color=light("ink"),
            ha=align,
            va="center" if below else "bottom",
            annotation_clip=False,
        )


def _near(marks: Sequence[Mark], place: int) -> list[Interval]:
    """What an axis holds: today's policy and the front, and static if it is not far away."""
    kept = [mark.values[place] for mark in marks if mark.text != STATIC]
    every = [mark.values[place] for mark in marks]
    wide, narrow = (
        max(each.estimate for each in intervals) - min(each.estimate for each in intervals)
        for intervals in (every, kept)
    )
    return every if wide <= FAR * narrow or not narrow else kept


def _within(axes: Axes, mark: Mark, pair: tuple[int, int]) -> Mark:
    """The mark, or an arrow at the edge that it lies beyond."""
    edges = axes.get_xlim(), axes.get_ylim()
    values, beyond = list(mark.values), []
    for place, (low, high), arrows in zip(pair, edges, (("<", ">"), ("v", "^")), strict=True):
        at = mark.values[place].estimate
        if low <= at <= high:
            continue
        end = min(max(at, low), high)
        beyond.append(arrows[1] if at > high else arrows[0])
        values[place] = Interval(estimate=end, low=math.nan, high=math.nan)
    if not beyond:
        return mark
    return replace(mark, values=tuple(values), marker=beyond[0])


def _arrow(objective: Objective, *, up: bool) -> str:
    """Which way is better."""
    if objective.better == "higher":
        return "(↑ better)" if up else "(→ better)"
    return "(↓ better)" if up else "(← better)"


def _cross(axes: Axes, mark: Mark, pair: tuple[int, int]) -> None:
    across, up = (mark.values[place] for place in pair)
    colour = light(mark.role)
    for interval, draw, at, (least, most) in (
        (across, axes.hlines, up, axes.get_xlim()),
        (up, axes.vlines, across, axes.get_ylim()),
    ):
        # Many lines from edge to edge would say no more than one does, and hide the points.
        fits = interval.low > least or interval.high < most
        if (
            math.isfinite(interval.low)
            and math.isfinite(interval.high)
            and (fits or mark.marker == "*")
        ):
            draw(at.estimate, interval.low, interval.high, color=colour, linewidth=1.1, alpha=0.55)
    axes.plot(
        [across.estimate],
        [up.estimate],
        marker=mark.marker,
        markersize=mark.size,
        markerfacecolor=light("page") if mark.hollow else colour,
        markeredgecolor=colour,
        markeredgewidth=1.1,
        linestyle="none",
        clip_on=False,
        zorder=4,
        label=mark.text,
    )


def _labels(
    axes: Axes,
    marks: Sequence[Mark],
    pair: tuple[int, int],
    layout: Layout,
    room: tuple[float, float],
) -> None:
    (low_x, high_x), (low_y, high_y) = axes.get_xlim(), axes.get_ylim()
    points = [
        (
            (mark.values[pair[0]].estimate - low_x) / (high_x - low_x) * room[0],
            (mark.values[pair[1]].estimate - low_y) / (high_y - low_y) * room[1],
        )
        for mark in marks
    ]
    sizes = [(len(mark.text) * LETTER * layout.font, layout.font * 1.05) for mark in marks]
    for mark, place in zip(marks, label_places(points, sizes, room, clear=3.4), strict=True):
        if place is not None:
            axes.text(
                place[0] / room[0],
                place[1] / room[1],
                mark.text,
                transform=axes.transAxes,
                fontsize=layout.font,
                fontweight="normal" if mark.marker == "o" else "bold",
                color=light(mark.role),
                ha="center",
                va="center",
                zorder=5,
            )


def _scale(
    axes: Axes, values: Sequence[Interval], objective: Objective, few: int, *, across: bool
) -> None:
    """Limits that hold every estimate, and a few round ticks that read apart."""
    low, high = around((each.estimate, each.low, each.high) for each in values)
    ticks = [float(tick) for tick in MaxNLocator(few).tick_values(low, high)]
    # No more than all are available, and no answer is better than perfect.
    most = 1.0 if objective.form == "mean" and objective.unit in {"share", "score"} else math.inf
    ticks = [tick for tick in ticks if low <= tick <= min(high, most)]
    texts = _texts(ticks, objective.unit)
    axis = axes.xaxis if across else axes.yaxis
    (axes.set_xlim if across else axes.set_ylim)(low, high)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(
        FuncFormatter(lambda _, place: texts[place] if place is not None else "")
    )


def _texts(ticks: Sequence[float], unit: str) -> list[str]:
    """Ticks with their unit; with more digits where they would read alike."""
    texts = [amount(tick, unit, exact=True) for tick in ticks]
    return texts if len(set(texts)) == len(texts) else [f"{tick:.6g}" for tick in ticks]
