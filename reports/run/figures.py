"""The timeline of a run: what went wrong, what the controller did, what it changed.

Panels share one time axis: the mode, latency, error rate, cost per hour and requests, each
with the controller (solid), static (dashed) and with the application's own clients (dotted),
faults shaded through all of them.
Labels stand at the lines they name. Nothing is told by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter
from matplotlib.transforms import blended_transform_factory

from balancer.core.modes import MODES, Mode

from ..amounts import clock
from ..layout import TITLE_HEIGHT, Layout, light, new_figure, panel_axes, set_title, shorten
from ..palette import MODE_ROLES
from ..svg import DRAWING
from .panels import draw_panel, panels
from .series import ModeSpan
from .timelines import Timeline

__all__ = ["timeline_figure"]

MOST_SPANS: Final = 400
"""Most bars in a row; a law that flaps all day must not make a page of 10 MB."""

MODE_HEIGHT: Final = 58.0
AXIS_HEIGHT: Final = 26.0
TIME_STEPS_S: Final = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200,
    86_400,
)  # fmt: skip
LABEL_LINE: Final = 1.35
"""Height of a line of text, in font sizes."""


def timeline_figure(timeline: Timeline, layout: Layout) -> Figure:
    """Draw a timeline.

    Uses no global state of Matplotlib's: neither pyplot nor settings that outlive the call.
    """
    with mpl.rc_context(DRAWING):  # type: ignore[arg-type]
        return _draw(timeline, layout)


def _draw(timeline: Timeline, layout: Layout) -> Figure:
    shown = panels(timeline)
    rows = _label_rows(timeline, layout)
    line = layout.font * LABEL_LINE
    labels = line * len(rows)
    height = (
        TITLE_HEIGHT
        + labels
        + MODE_HEIGHT
        + sum(TITLE_HEIGHT + panel.height for panel in shown)
        + AXIS_HEIGHT
    )
    figure = new_figure(layout, height)

    used = TITLE_HEIGHT + labels
    modes = panel_axes(figure, layout, height, used, MODE_HEIGHT)
    _mode_band(modes, timeline)
    note = "Mode (outlined: a share in another one)" if timeline.controlled.probes else "Mode"
    set_title(modes, note, layout, above=labels)
    used += MODE_HEIGHT
    for panel in shown:
        used += TITLE_HEIGHT
        axes = panel_axes(figure, layout, height, used, panel.height)
        draw_panel(axes, panel, timeline, layout)
        used += panel.height
    for axes in figure.axes:
        _shade(axes, timeline)
        _time_axis(axes, timeline, layout, labelled=axes is figure.axes[-1])
    for place, row in enumerate(rows):
        for label, at_s in row:
            y = 1 + (2 + line * (len(rows) - 1 - place)) / MODE_HEIGHT
            modes.text(
                at_s,
                y,
                label,
                transform=blended_transform_factory(modes.transData, modes.transAxes),
                fontsize=layout.font,
                color=light("muted"),
                va="bottom",
                clip_on=False,
            )
    return figure


def _label_rows(timeline: Timeline, layout: Layout) -> list[list[tuple[str, float]]]:
    """Fault labels in as few rows as keep them from overlapping: label, start in seconds."""
    plot = layout.width - layout.left - layout.right
    s_per_point = timeline.duration_s / plot
    spans = [(fault.label, fault.from_s) for fault in timeline.faults]
    if timeline.warm_up_s > 0:
        spans.append(("warm-up", 0.0))
    seen: set[str] = set()
    rows: list[list[tuple[str, float]]] = []
    ends_s: list[float] = []
    for label, from_s in sorted(spans, key=lambda span: span[1]):
        if label in seen:
            continue
        seen.add(label)
        # The right margin may be used too.
        room = plot + layout.right
        text = shorten(label, layout, room)
        wide_s = len(text) * 0.56 * layout.font * s_per_point
        at_s = max(0.0, min(from_s, room * s_per_point - wide_s))
        for place, end_s in enumerate(ends_s):
            if at_s >= end_s:
                rows[place].append((text, at_s))
                ends_s[place] = at_s + wide_s + 10 * s_per_point
                break
        else:
            rows.append([(text, at_s)])
            ends_s.append(at_s + wide_s + 10 * s_per_point)
    return rows


def _shade(axes: Axes, timeline: Timeline) -> None:
    for label in dict.fromkeys(fault.label for fault in timeline.faults):
        windows = [
            (fault.from_s, min(fault.to_s, timeline.duration_s))
            for fault in timeline.faults
            if fault.label == label and fault.from_s < timeline.duration_s
        ]
        axes.broken_barh(
            _bars(windows, timeline.duration_s),
            (0, 1),
            transform=axes.get_xaxis_transform(),
            facecolors=light("fault"),
            alpha=0.38,
            linewidth=0,
            zorder=0,
            label=f"fault {label}",
        )
    if timeline.warm_up_s > 0:
        axes.axvline(
            timeline.warm_up_s, color=light("muted"), linewidth=0.7, dashes=(1, 2), zorder=0.5
        )


def _mode_band(axes: Axes, timeline: Timeline) -> None:
    """A row for each mode, the deepest at the bottom: the band sinks as service degrades."""
    series = timeline.controlled
    for mode in MODES:
        role = light(MODE_ROLES[mode])
        bars = _mode_bars(series.modes, mode, timeline.duration_s)
        if bars:
            axes.broken_barh(
                bars, (mode - 0.4, 0.8), facecolors=role, linewidth=0, zorder=2, label=mode.label
            )
        tries = _mode_bars(series.probes, mode, timeline.duration_s)
        if tries:
            axes.broken_barh(
                tries,
                (mode - 0.22, 0.44),
                facecolors="none",
                edgecolors=light("ink"),
                linewidth=0.7,
                zorder=3,
            )
    axes.set_ylim(len(MODES) - 0.4, -0.6)
    axes.yaxis.set_major_locator(FixedLocator(list(MODES)))
    axes.set_yticklabels([mode.label for mode in MODES])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _mode_bars(
    spans: Sequence[ModeSpan], mode: Mode, duration_s: float
) -> list[tuple[float, float]]:
    return _bars([(s.from_s, s.to_s) for s in spans if s.mode == mode], duration_s)


def _bars(windows: Sequence[tuple[float, float]], duration_s: float) -> list[tuple[float, float]]:
    """Bars as (start, width) from windows in order of start; too many, and close ones join."""
    mine = list(windows)
    gap_s = 0.0
    while len(mine) > MOST_SPANS:
        gap_s = gap_s * 2 or duration_s / 4000
        joined = [mine[0]]
        for start_s, end_s in mine[1:]:
            if start_s - joined[-1][1] <= gap_s:
                joined[-1] = (joined[-1][0], max(end_s, joined[-1][1]))
            else:
                joined.append((start_s, end_s))
        mine = joined
    return [(start_s, end_s - start_s) for start_s, end_s in mine]


def _time_axis(axes: Axes, timeline: Timeline, layout: Layout, *, labelled: bool) -> None:
    axes.set_xlim(0, timeline.duration_s)
    least_s = timeline.duration_s / layout.time_ticks
    step_s = next((step_s for step_s in TIME_STEPS_S if step_s >= least_s), least_s)
    count = math.floor(timeline.duration_s / step_s + 1e-9) + 1
    axes.xaxis.set_major_locator(FixedLocator([place * step_s for place in range(count)]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: clock(value)))
    axes.tick_params(axis="x", labelbottom=labelled)
