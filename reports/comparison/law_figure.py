"""The laws in one scenario, drawn: six figures of each, with its interval.

Small multiples over the same laws in the same order, so that a law is one line to follow from
utility to transitions. A law's standing is told by its marker as well as by its colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from balancer.records.comparison import ComparedScenario, LawResult
from balancer.records.interval import UNDEFINED, Interval

from ..amounts import amount
from ..layout import Layout, axes_at, light, name_row, new_figure, set_style, set_title
from ..metrics import Metric, metric
from ..svg import DRAWING
from .words import standing

__all__ = ["DRAWN", "law_figure"]

DRAWN: Final = (
    "utility_usd",
    "availability",
    "latency_p95_s",
    "cost_usd",
    "quality",
    "transitions",
)
"""What a law is drawn by; a metric that no law has is left out."""

ROW: Final = 13.0
HEAD: Final = 19.0
FOOT: Final = 19.0
BETWEEN: Final = 22.0
LETTER: Final = 0.56
"""Mean width of a letter of a name, in sizes of its font."""
BESIDE: Final = 8.0
"""Between a name and its panel."""
ROOMY: Final = 500.0
"""Points across, from which on three panels stand in a row."""
TOO_WIDE: Final = 12.0
"""Where the largest is so many times the smallest, a logarithmic axis shows both."""

MOST_TICKS: Final = 4

MARKS: Final = {
    "best": ("*", "good", 7.5),
    "level": ("o", "good", 4.6),
    "behind": ("o", "without", 4.6),
    "misses": ("o", "muted", 4.6),
}
"""Marker, colour and size by standing; one that misses an expectation is hollow."""


def law_figure(scenario: ComparedScenario, layout: Layout) -> Figure | None:
    """Draw a scenario's laws; None where there is nothing to draw."""
    names = [name for name in DRAWN if any(_known(law, name) for law in scenario.laws)]
    if not names:
        return None
    with mpl.rc_context(DRAWING):  # type: ignore[arg-type]
        return _draw(scenario, names, layout)


def _known(law: LawResult, name: str) -> bool:
    return math.isfinite(law.metrics.get(name, UNDEFINED).estimate)


def _draw(scenario: ComparedScenario, names: Sequence[str], layout: Layout) -> Figure:
    longest = max(len(law.law) for law in scenario.laws) * LETTER * layout.font
    layout = replace(layout, left=max(layout.left, longest + BESIDE))
    across = 3 if layout.width >= ROOMY else 1
    rows = math.ceil(len(names) / across)
    tall = len(scenario.laws) * ROW
    height = rows * (HEAD + tall + FOOT)
    wide = (layout.width - layout.left - layout.right - (across - 1) * BETWEEN) / across
    figure = new_figure(layout, height)
    for place, name in enumerate(names):
        row, column = divmod(place, across)
        left = layout.left + column * (wide + BETWEEN)
        bottom = height - row * (HEAD + tall + FOOT) - HEAD - tall
        axes = axes_at(figure, layout, height, left, bottom, wide, tall)
        _panel(axes, scenario.laws, metric(name), name, layout)
        if column == 0:
            for row, law in enumerate(scenario.laws):
                name_row(axes, law.law, (row + 0.5) * ROW, layout, beside=BESIDE)
    return figure


def _panel(axes: Axes, laws: Sequence[LawResult], shown: Metric, name: str, layout: Layout) -> None:
    set_style(axes, layout, sides=("bottom",))
    axes.set_ylim(len(laws) * ROW, 0)
    axes.yaxis.set_major_locator(NullLocator())
    values = [law.metrics.get(name, UNDEFINED) for law in laws]
    _scale(axes, values, shown)
    set_title(axes, shown.label.removesuffix(" (assumed)"), layout, above=-1)
    for place, (law, value) in enumerate(zip(laws, values, strict=True)):
        at = (place + 0.5) * ROW
        axes.axhline(at, color=light("grid"), linewidth=0.6, zorder=0)
        if math.isfinite(value.estimate):
            _point(axes, value, at, standing(law), f"{name} {law.law}")


def _point(axes: Axes, value: Interval, at: float, kind: str, label: str) -> None:
    marker, role, size = MARKS[kind]
    colour = light(role)
    if math.isfinite(value.low) and math.isfinite(value.high):
        axes.plot(
            [value.low, value.high],
            [at, at],
            color=colour,
            linewidth=1.8,
            solid_capstyle="butt",
            zorder=2,
        )
    axes.plot(
        [value.estimate],
        [at],
        marker=marker,
        markersize=size,
        markerfacecolor=light("page") if kind == "misses" else colour,
        markeredgecolor=colour,
        markeredgewidth=1.1,
        linestyle="none",
        clip_on=False,
        zorder=3,
        label=label,
    )


def _scale(axes: Axes, values: Sequence[Interval], shown: Metric) -> None:
    """An axis that holds all intervals, with at most four round ticks that read apart."""
    ends = [end for value in values for end in (value.estimate, value.low, value.high)]
    finite = [end for end in ends if math.isfinite(end)]
    least, most = min(finite), max(finite)
    if least > 0 and most / least > TOO_WIDE:
        axes.set_xscale("log")
        axes.set_xlim(least / 1.3, most * 1.3)
        ticks = _powers(least / 1.3, most * 1.3)
    else:
        # A difference too small to be read is not blown up to the width of the panel.
        alike = most - least < 0.002 * abs(most) or most == least
        room = max(0.05 * abs(most), 1e-6) if alike else 0.06 * (most - least)
        axes.set_xlim(least - room, most + room)
        round_ones = [least] if alike else MaxNLocator(3).tick_values(least, most)
        ticks = [float(tick) for tick in round_ones if least - room <= tick <= most + room]
    texts = [amount(tick, shown.unit) for tick in ticks]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda _, place: texts[place] if place is not None else "")
    )


def _powers(low: float, high: float) -> list[float]:
    """Powers of ten; their triples too where there are few, every other where there are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [m * 10.0**power for power in powers for m in (1, 3) if low <= m * 10.0**power <= high]
    if len(fine) <= MOST_TICKS:
        return fine
    tens = [10.0**power for power in powers if low <= 10.0**power <= high]
    return tens[:: math.ceil(len(tens) / MOST_TICKS)]
