"""The panels of a timeline: latency, errors, cost and requests, a line for each arm."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ..amounts import duration
from ..layout import Layout, light, set_title, text_width
from .scales import limits, linear_ticks, log_ticks, spread
from .series import Series
from .timelines import Threshold, Timeline

__all__ = ["Line", "Panel", "draw_panel", "panels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a panel: `label` names it at its right end, "" leaves it unnamed."""

    values: tuple[float, ...]
    role: str
    label: str
    dashed: bool = False
    dotted: bool = False
    thin: bool = False
    filled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What a panel shows; `unit` writes a value of its axis, `height` is in points.

    `short` is its title where there is little room.
    """

    title: str
    short: str = ""
    height: float
    lines: tuple[Line, ...]
    thresholds: tuple[Threshold, ...]
    unit: Callable[[float], str]
    log: bool = False


def panels(timeline: Timeline) -> list[Panel]:
    """The panels of a timeline, from top to bottom."""
    with_, static, without = timeline.controlled, timeline.static, timeline.uncontrolled

    def arms(values: Callable[[Series], tuple[float, ...]], what: str = "") -> list[Line]:
        lines = [Line(values=values(with_), role="with", label=f"{what}with")]
        if static is not None:
            lines.append(
                Line(values=values(static), role="ink", label=f"{what}static", dashed=True)
            )
        if without is not None:
            lines.append(
                Line(
                    values=values(without),
                    role="without",
                    label=f"{what}without",
                    dotted=True,
                    thin=True,
                )
            )
        return lines

    def watched(*signals: str) -> tuple[Threshold, ...]:
        return tuple(t for t in timeline.thresholds if t.signal in signals)

    latency = arms(lambda series: series.latency_p95_s, "P95 ")
    latency.append(Line(values=with_.latency_p50_s, role="with", label="P50 with", thin=True))
    requests = [
        Line(values=with_.offered_per_s, role="muted", label="offered", thin=True, filled=True),
        *arms(lambda series: series.answered_per_s, "served "),
    ]
    if any(value > 0 for value in with_.shed_per_s):
        requests.append(Line(values=with_.shed_per_s, role="shed", label="shed with"))
    if static is not None and any(value > 0 for value in static.shed_per_s):
        requests.append(
            Line(values=static.shed_per_s, role="shed", label="shed static", dashed=True)
        )
    return [
        Panel(
            title="Latency (log scale)",
            height=128,
            lines=tuple(latency),
            thresholds=watched("latency_p95"),
            unit=duration,
            log=True,
        ),
        Panel(
            title="Error rate of attempts",
            short="Error rate",
            height=72,
            lines=tuple(arms(lambda series: series.error_rate)),
            thresholds=watched("error_rate"),
            unit=lambda value: f"{value * 100:.3g}\N{NARROW NO-BREAK SPACE}%",
        ),
        Panel(
            title="Cost per hour",
            height=86,
            lines=tuple(arms(lambda series: series.cost_usd_per_hour)),
            thresholds=watched("token_cost_per_hour"),
            unit=lambda value: f"${value:,.4g}" if value < 1000 else f"${value:,.0f}",
        ),
        Panel(
            title="Requests per second",
            height=96,
            lines=tuple(requests),
            thresholds=(),
            unit=lambda value: f"{value:.4g}",
        ),
    ]


def draw_panel(axes: Axes, panel: Panel, timeline: Timeline, layout: Layout) -> None:
    """Draw a panel on empty axes: lines, thresholds, value axis and labels."""
    times = timeline.controlled.time_s
    if panel.log:
        axes.set_yscale("log")
    for line in panel.lines:
        # The arms of one run have the same windows; an arm cut short ends early.
        count = min(len(times), len(line.values))
        if line.filled:
            axes.fill_between(
                times[:count], line.values[:count], color=light("grid"), linewidth=0, zorder=1
            )
        axes.plot(
            times[:count],
            line.values[:count],
            color=light(line.role),
            linewidth=0.9 if line.thin else 1.6,
            linestyle=(0, (3.2, 1.6)) if line.dashed else (0, (1, 1.2)) if line.dotted else "solid",
            solid_joinstyle="round",
            zorder=2.6 if line.dashed else 2.5 if line.dotted else 3,
            label=line.label,
        )
    low, high = limits([value for line in panel.lines for value in line.values], log=panel.log)
    shown = [t for t in panel.thresholds if low <= t.value <= high]
    axes.set_ylim(low, high)
    ticks = log_ticks(low, high) if panel.log else linear_ticks(high)
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: panel.unit(value)))
    axes.grid(axis="y", color=light("grid"), linewidth=0.6)
    axes.set_axisbelow(True)
    rising = sorted(shown, key=lambda threshold: threshold.value)
    named = _draw_thresholds(axes, rising, panel, layout)
    beyond = sorted(
        (t for t in panel.thresholds if t.value > high), key=lambda threshold: threshold.value
    )
    told = ""
    if not named:
        told = ", ".join(_name(each, panel) for each in rising)
    elif beyond and not shown:
        told = f"{beyond[0].label} above {panel.unit(beyond[0].value)}, off the chart"
    _entitle(axes, panel, told, layout)
    _end_labels(axes, panel, layout)


def _entitle(axes: Axes, panel: Panel, told: str, layout: Layout) -> None:
    """The title, and beside it what is told of thresholds that have no name at their line."""
    title, room = panel.title, layout.width - layout.left
    if told and text_width(title, layout) + text_width(told, layout) > room:
        title = panel.short or title
    set_title(axes, title, layout)
    if told:
        beside = text_width(title, layout)
        set_title(axes, told, layout, beside=beside, weight="normal")


def _name(threshold: Threshold, panel: Panel) -> str:
    return f"{threshold.label} {panel.unit(threshold.value)}"


def _draw_thresholds(axes: Axes, rising: Sequence[Threshold], panel: Panel, layout: Layout) -> bool:
    """A dotted line for each threshold, named above its left end; False: there is no room."""
    font = layout.font - 0.8
    for threshold in rising:
        axes.axhline(
            threshold.value,
            color=light("ink"),
            linewidth=0.9,
            linestyle=(0, (1, 1.8)),
            zorder=2,
            label=f"threshold {threshold.label}",
        )
    places = [_height(axes, panel, threshold.value) + font * 0.8 for threshold in rising]
    # Pushed apart, a name would stand at another one's line.
    if any(above - below < font * 1.2 for below, above in pairwise(places)):
        return False
    for threshold, place in zip(rising, places, strict=True):
        axes.annotate(
            _name(threshold, panel),
            (0, 0),
            xycoords="axes fraction",
            xytext=(3, place),
            textcoords="offset points",
            fontsize=font,
            color=light("ink"),
            va="center",
            zorder=4,
            bbox={
                "boxstyle": "square,pad=0.1",
                "facecolor": light("page"),
                "alpha": 0.8,
                "linewidth": 0,
            },
        )
    return True


def _height(axes: Axes, panel: Panel, value: float) -> float:
    """Points from the bottom of a panel to a value."""
    low, high = axes.get_ylim()
    if panel.log:
        share = (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    else:
        share = (value - low) / (high - low)
    return min(max(share, 0.0), 1.0) * panel.height


def _end_labels(axes: Axes, panel: Panel, layout: Layout) -> None:
    """Name each line at its right end, pushed apart where ends meet."""
    wanted: list[tuple[float, Line]] = []
    for line in panel.lines:
        last = next((value for value in reversed(line.values) if math.isfinite(value)), None)
        if last is not None and line.label:
            wanted.append((_height(axes, panel, last), line))
    wanted.sort(key=lambda entry: entry[0])
    places = spread([at for at, _ in wanted], gap=layout.font * 1.22, top=panel.height)
    for place, (_, line) in zip(places, wanted, strict=True):
        axes.annotate(
            line.label,
            (1, 0),
            xycoords="axes fraction",
            xytext=(5, place),
            textcoords="offset points",
            fontsize=layout.font,
            fontweight="normal" if line.thin else "bold",
            color=light(line.role),
            va="center",
            annotation_clip=False,
        )
