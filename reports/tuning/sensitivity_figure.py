"""The proposed policy's numbers moved one at a time, drawn: a row for each, objectives beside.

All panels of an objective have one scale, so that a flat row is a number that does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from balancer.records.interval import Interval
from balancer.records.tuning import Objective, Sensitivity, Step, Tuning

from ..amounts import amount
from ..layout import Layout, axes_at, light, new_figure, set_style, set_title, shorten
from ..run.scales import around
from ..svg import DRAWING
from .words import dimension, heading

__all__ = ["sensitivity_figure"]

TOP: Final = 18.0
HEAD: Final = 16.0
TALL: Final = 52.0
FOOT: Final = 17.0
BETWEEN: Final = 10.0
ROOMY: Final = 500.0
MOST_ACROSS: Final = 4
MOST_ACROSS_NARROW: Final = 2
LETTER: Final = 0.6


def sensitivity_figure(tuning: Tuning, layout: Layout) -> Figure | None:
    """Draw what becomes of the objectives along every number; None where nobody looked."""
    if not tuning.sensitivity:
        return None
    with mpl.rc_context(DRAWING):  # type: ignore[arg-type]
        return _draw(tuning, layout)


def _draw(tuning: Tuning, layout: Layout) -> Figure:
    most = MOST_ACROSS if layout.width >= ROOMY else MOST_ACROSS_NARROW
    shown = tuning.objectives[:most]
    each = HEAD + TALL + FOOT
    height = TOP + len(tuning.sensitivity) * each
    wide = (
        layout.width - layout.right - len(shown) * layout.left - (len(shown) - 1) * BETWEEN
    ) / len(shown)
    figure = new_figure(layout, height)
    for column, objective in enumerate(shown):
        limits = _limits(tuning.sensitivity, column)
        left = layout.left + column * (layout.left + wide + BETWEEN)
        for row, found in enumerate(tuning.sensitivity):
            bottom = height - TOP - row * each - HEAD - TALL
            axes = axes_at(figure, layout, height, left, bottom, wide, TALL)
            _panel(axes, found, column, objective, layout, limits)
            _steps(axes, found, layout, wide)
            if column == 0:
                name = shorten(dimension(found.path), layout)
                set_title(axes, name, layout, above=-2, beside=4 - layout.left, role="muted")
            if row == 0:
                name = shorten(heading(objective), layout, wide + layout.left)
                set_title(axes, name, layout, above=HEAD - 2, beside=4 - layout.left)
    return figure


def _limits(every: Sequence[Sensitivity], column: int) -> tuple[float, float]:
    """Of all panels of an objective."""
    intervals = [step.objectives[column] for each in every for step in each.steps if step.valid]
    return around((each.estimate, each.low, each.high) for each in intervals)


def _panel(
    axes: Axes,
    found: Sensitivity,
    column: int,
    objective: Objective,
    layout: Layout,
    limits: tuple[float, float],
) -> None:
    set_style(axes, layout)
    axes.set_ylim(*limits)
    axes.set_xlim(-0.4, len(found.steps) - 0.6)
    ticks = [tick for tick in MaxNLocator(2).tick_values(*limits) if _inside(tick, limits)]
    axes.yaxis.set_major_locator(FixedLocator([float(tick) for tick in ticks]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: amount(value, objective.unit, exact=True))
    )
    axes.grid(axis="y", color=light("grid"), linewidth=0.6)
    axes.set_axisbelow(True)
    chosen = next(step for step in found.steps if step.value == found.chosen)
    if chosen.valid:
        band = chosen.objectives[column]
        if math.isfinite(band.low) and math.isfinite(band.high):
            axes.axhspan(band.low, band.high, facecolor=light("grid"), alpha=0.6, linewidth=0)
    places = [
        (place, step, step.objectives[column])
        for place, step in enumerate(found.steps)
        if step.valid
    ]
    axes.plot(
        [place for place, _, _ in places],
        [each.estimate for _, _, each in places],
        color=light("with"),
        linewidth=1.1,
        zorder=2,
    )
    for place, step, each in places:
        _point(axes, place, step, each, chosen=step is chosen)


def _inside(tick: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= tick <= limits[1]


def _point(axes: Axes, place: int, step: Step, found: Interval, *, chosen: bool) -> None:
    feasible = step.feasible is True
    role = "good" if chosen else "with" if feasible else "bad"
    colour = light(role)
    if math.isfinite(found.low) and math.isfinite(found.high):
        axes.vlines(place, found.low, found.high, color=colour, linewidth=1.1, alpha=0.55, zorder=2)
    axes.plot(
        [place],
        [found.estimate],
        marker="*" if chosen else "o" if feasible else "X",
        markersize=8.5 if chosen else 4.4 if feasible else 5.2,
        markerfacecolor=colour,
        markeredgecolor=colour,
        markeredgewidth=0.8,
        linestyle="none",
        clip_on=False,
        zorder=3,
        label=f"{dimension(step.text)} {'kept' if feasible else 'broken'}",
    )


def _steps(axes: Axes, found: Sensitivity, layout: Layout, wide: float) -> None:
    """Values below, as a policy file says them; the ends and the chosen one first."""
    room = wide / (len(found.steps) - 0.2)
    last = len(found.steps) - 1
    chosen = next(k for k, step in enumerate(found.steps) if step.value == found.chosen)
    shown: list[int] = []
    for place in dict.fromkeys((chosen, 0, last, *range(last + 1))):
        widths = [
            (len(found.steps[place].text) + len(found.steps[other].text)) / 2 for other in shown
        ]
        apart = [abs(place - other) * room for other in shown]
        if all(
            gap > width * LETTER * layout.font + 4 for gap, width in zip(apart, widths, strict=True)
        ):
            shown.append(place)
    shown.sort()
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    texts = {place: found.steps[place].text for place in shown}
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: texts.get(round(value), "")))
