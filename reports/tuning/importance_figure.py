"""How much each number of a policy decides, drawn: a bar for each, a panel for each objective."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from balancer.records.interval import UNDEFINED
from balancer.records.tuning import Importance, Tuning

from ..amounts import amount
from ..layout import Layout, axes_at, light, name_row, new_figure, set_style, set_title, shorten
from ..svg import DRAWING
from .words import dimension, label

__all__ = ["importance_figure"]

ROW: Final = 14.0
HEAD: Final = 19.0
FOOT: Final = 18.0
BETWEEN: Final = 22.0
ROOMY: Final = 500.0
MOST_ACROSS: Final = 3
LETTER: Final = 0.58
BESIDE: Final = 8.0


def importance_figure(tuning: Tuning, layout: Layout) -> Figure | None:
    """Draw the importance of every number; None where nothing can be said."""
    if not tuning.importance.objectives:
        return None
    with mpl.rc_context(DRAWING):  # type: ignore[arg-type]
        return _draw(tuning, layout)


def _draw(tuning: Tuning, layout: Layout) -> Figure:
    every = tuning.importance.objectives
    names_of = {each.objective: each.objective for each in every}
    names_of |= {each.name: label(each.metric) for each in tuning.objectives}
    # One order for all panels, so that a number is one line to follow.
    paths = sorted(
        dict.fromkeys(path for each in every for path in each.by_path),
        key=lambda path: -max(each.by_path.get(path, UNDEFINED).estimate for each in every),
    )
    names = [shorten(dimension(path), layout, 0.4 * layout.width) for path in paths]
    longest = max(len(name) for name in names) * LETTER * layout.font
    layout = replace(layout, left=max(layout.left, longest + BESIDE))
    across = min(len(every), MOST_ACROSS) if layout.width >= ROOMY else 1
    rows = math.ceil(len(every) / across)
    tall = len(paths) * ROW
    each = HEAD + tall + FOOT
    height = rows * each
    wide = (layout.width - layout.left - layout.right - (across - 1) * BETWEEN) / across
    figure = new_figure(layout, height)
    for place, importance in enumerate(every):
        row, column = divmod(place, across)
        left = layout.left + column * (wide + BETWEEN)
        bottom = height - row * each - HEAD - tall
        axes = axes_at(figure, layout, height, left, bottom, wide, tall)
        _panel(axes, importance, names_of[importance.objective], paths, layout)
        if column == 0:
            for line, name in enumerate(names):
                name_row(axes, name, (line + 0.5) * ROW, layout, beside=BESIDE)
    return figure


def _panel(axes: Axes, found: Importance, title: str, paths: list[str], layout: Layout) -> None:
    set_style(axes, layout, sides=("bottom",))
    axes.set_ylim(len(paths) * ROW, 0)
    axes.set_xlim(0, 1)
    axes.yaxis.set_major_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75]))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: amount(value, "share", exact=True))
    )
    set_title(axes, title, layout, above=-1)
    for line, path in enumerate(paths):
        at = (line + 0.5) * ROW
        share = found.by_path.get(path, UNDEFINED)
        if not math.isfinite(share.estimate):
            continue
        axes.barh(at, share.estimate, height=ROW * 0.55, color=light("fill-1"), label=path)
        axes.hlines(at, share.low, share.high, color=light("ink"), linewidth=1.2, zorder=3)
