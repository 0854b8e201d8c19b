"""The timeline of a run: what went wrong, what the controller did, what it changed.

Panels share one time axis: the mode, latency, error rate, cost per hour and requests, each
with the controller (solid) and without it (dashed), faults shaded through all of them.
Labels stand at the lines they name. Nothing is told by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import blended_transform_factory

from balancer.core.modes import MODES, Mode

from .amounts import clock, duration
from .palette import MODE_ROLES, PALETTE
from .series import ModeSpan, Series
from .svg import DRAWING

__all__ = ["NARROW", "WIDE", "FaultSpan", "Layout", "Threshold", "Timeline", "timeline_figure"]

POINTS_PER_INCH: Final = 72.0
MOST_SPANS: Final = 400
"""Most bars in a row; a law that flaps all day must not make a page of 10 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpan:
    """A fault's window, in seconds from the start of the run, and what to call it."""

    label: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A signal's entry threshold of the policy: "hard" at 5.0."""

    signal: str
    label: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All that a timeline shows.

    Attributes:
        controlled: the arm with the controller.
        uncontrolled: the same traffic without it; None leaves its lines out.
        faults, thresholds: drawn where they fall.
        duration_s: length of the time axis.
        warm_up_s: left out of every metric, and marked as such.
    """

    controlled: Series
    uncontrolled: Series | None
    faults: tuple[FaultSpan, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    duration_s: float
    warm_up_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Measures of a figure in points, for one width of page.

    Attributes:
        width, left, right: of the figure and its margins; the right one holds the labels.
        font: size of all text.
        time_ticks: most ticks on the time axis.
    """

    width: float
    left: float
    right: float
    font: float
    time_ticks: int


WIDE: Final = Layout(width=720, left=58, right=92, font=8.2, time_ticks=8)
NARROW: Final = Layout(width=300, left=51, right=75, font=8.6, time_ticks=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line of a panel: `label` names it at its right end, "" leaves it unnamed."""

    values: tuple[float, ...]
    role: str
    label: str
    dashed: bool = False
    thin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    title: str
    height: float
    lines: tuple[_Line, ...]
    thresholds: tuple[Threshold, ...]
    unit: Callable[[float], str]
    log: bool = False


TITLE_HEIGHT: Final = 24.0
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
    panels = _panels(timeline)
    rows = _label_rows(timeline, layout)
    line = layout.font * LABEL_LINE
    labels = line * len(rows)
    height = (
        TITLE_HEIGHT
        + labels
        + MODE_HEIGHT
        + sum(TITLE_HEIGHT + panel.height for panel in panels)
        + AXIS_HEIGHT
    )
    figure = Figure(figsize=(layout.width / POINTS_PER_INCH, height / POINTS_PER_INCH))
    figure.patch.set_visible(False)

    used = TITLE_HEIGHT + labels
    modes = _axes(figure, layout, height, used, MODE_HEIGHT)
    _mode_band(modes, timeline)
    note = "Mode (outlined: probing a milder one)" if timeline.controlled.probes else "Mode"
    _title(modes, note, layout, above=labels)
    used += MODE_HEIGHT
    for panel in panels:
        used += TITLE_HEIGHT
        axes = _axes(figure, layout, height, used, panel.height)
        _draw_panel(axes, panel, timeline, layout)
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
                color=_light("muted"),
                va="bottom",
                clip_on=False,
            )
    return figure


def _light(role: str) -> str:
    return PALETTE[role].light


def _axes(figure: Figure, layout: Layout, height: float, above: float, tall: float) -> Axes:
    width = layout.width
    axes = figure.add_axes(
        (
            layout.left / width,
            1 - (above + tall) / height,
            (width - layout.left - layout.right) / width,
            tall / height,
        )
    )
    axes.patch.set_visible(False)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(_light("muted"))
        spine.set_linewidth(0.7)
    axes.tick_params(labelsize=layout.font, colors=_light("muted"), width=0.7, length=3, pad=2.5)
    return axes


def _title(axes: Axes, text: str, layout: Layout, above: float = 0.0) -> None:
    axes.annotate(
        text,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 6 + above),
        textcoords="offset points",
        fontsize=layout.font,
        fontweight="bold",
        color=_light("ink"),
        va="bottom",
    )


# --- faults -------------------------------------------------------------------------------


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
        # 0.56 em is about the mean width of DejaVu Sans; the right margin may be used too.
        room = plot + layout.right
        text = _shorten(label, int(room / (0.56 * layout.font)))
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


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


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
            facecolors=_light("fault"),
            alpha=0.38,
            linewidth=0,
            zorder=0,
            label=f"fault {label}",
        )
    if timeline.warm_up_s > 0:
        axes.axvline(
            timeline.warm_up_s, color=_light("muted"), linewidth=0.7, dashes=(1, 2), zorder=0.5
        )


# --- the mode band ------------------------------------------------------------------------


def _mode_band(axes: Axes, timeline: Timeline) -> None:
    """A row for each mode, the deepest at the bottom: the band sinks as service degrades."""
    series = timeline.controlled
    for mode in MODES:
        role = _light(MODE_ROLES[mode])
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
                edgecolors=_light("ink"),
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


# --- panels -------------------------------------------------------------------------------


def _panels(timeline: Timeline) -> list[_Panel]:
    with_, without = timeline.controlled, timeline.uncontrolled

    def pair(values: Callable[[Series], tuple[float, ...]]) -> tuple[_Line, ...]:
        lines = [_Line(values=values(with_), role="with", label="with")]
        if without is not None:
            lines.append(
                _Line(values=values(without), role="without", label="without", dashed=True)
            )
        return tuple(lines)

    def watched(*signals: str) -> tuple[Threshold, ...]:
        return tuple(t for t in timeline.thresholds if t.signal in signals)

    latency = [_Line(values=with_.latency_p95_s, role="with", label="P95 with")]
    if without is not None:
        latency.append(
            _Line(values=without.latency_p95_s, role="without", label="P95 without", dashed=True)
        )
        latency.append(
            _Line(
                values=without.latency_p50_s,
                role="without",
                label="P50 without",
                dashed=True,
                thin=True,
            )
        )
    latency.append(_Line(values=with_.latency_p50_s, role="with", label="P50 with", thin=True))

    requests = [
        _Line(values=with_.offered_per_s, role="muted", label="offered", thin=True),
        *(
            _Line(values=line.values, role=line.role, label=f"served {line.label}",
                  dashed=line.dashed)
            for line in pair(lambda series: series.answered_per_s)
        ),
    ]  # fmt: skip
    if any(with_.shed_per_s):
        requests.append(_Line(values=with_.shed_per_s, role="shed", label="shed with"))
    if without is not None and any(without.shed_per_s):
        requests.append(
            _Line(values=without.shed_per_s, role="shed", label="shed without", dashed=True)
        )
    return [
        _Panel(
            title="Latency (log scale)",
            height=128,
            lines=tuple(latency),
            thresholds=watched("latency_p95"),
            unit=duration,
            log=True,
        ),
        _Panel(
            title="Error rate of attempts",
            height=72,
            lines=pair(lambda series: series.error_rate),
            thresholds=watched("error_rate"),
            unit=lambda value: f"{value * 100:.3g}\N{NARROW NO-BREAK SPACE}%",
        ),
        _Panel(
            title="Cost per hour",
            height=86,
            lines=pair(lambda series: series.cost_usd_per_hour),
            thresholds=watched("token_cost_per_hour"),
            unit=lambda value: f"${value:,.4g}" if value < 1000 else f"${value:,.0f}",
        ),
        _Panel(
            title="Requests per second",
            height=96,
            lines=tuple(requests),
            thresholds=(),
            unit=lambda value: f"{value:.4g}",
        ),
    ]


def _draw_panel(axes: Axes, panel: _Panel, timeline: Timeline, layout: Layout) -> None:
    times = timeline.controlled.time_s
    if panel.log:
        axes.set_yscale("log")
    for line in panel.lines:
        # The two arms of one run have the same windows; an arm cut short ends early.
        count = min(len(times), len(line.values))
        axes.plot(
            times[:count],
            line.values[:count],
            color=_light(line.role),
            linewidth=0.9 if line.thin else 1.6,
            linestyle=(0, (3.2, 1.6)) if line.dashed else "solid",
            solid_joinstyle="round",
            zorder=2.5 if line.dashed else 3,
            label=line.label,
        )
    low, high = _range([value for line in panel.lines for value in line.values], log=panel.log)
    shown = [t for t in panel.thresholds if low <= t.value <= high]
    axes.set_ylim(low, high)
    ticks = _log_ticks(low, high) if panel.log else _linear_ticks(high)
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: panel.unit(value)))
    axes.grid(axis="y", color=_light("grid"), linewidth=0.6)
    axes.set_axisbelow(True)
    for threshold in shown:
        _draw_threshold(axes, threshold, panel, layout)
    beyond = sorted(
        (t for t in panel.thresholds if t.value > high), key=lambda threshold: threshold.value
    )
    title = panel.title
    if beyond and not shown:
        title += f" · {beyond[0].label} above {panel.unit(beyond[0].value)}, off the chart"
    _title(axes, title, layout)
    _end_labels(axes, panel, layout)


def _draw_threshold(axes: Axes, threshold: Threshold, panel: _Panel, layout: Layout) -> None:
    axes.axhline(
        threshold.value, color=_light("ink"), linewidth=0.9, linestyle=(0, (1, 1.8)), zorder=2,
        label=f"threshold {threshold.label}",
    )  # fmt: skip
    axes.annotate(
        f"{threshold.label} {panel.unit(threshold.value)}",
        (0, threshold.value),
        xycoords=blended_transform_factory(axes.transAxes, axes.transData),
        xytext=(3, 3),
        textcoords="offset points",
        fontsize=layout.font - 0.8,
        color=_light("ink"),
        va="bottom",
        zorder=4,
        bbox={
            "boxstyle": "square,pad=0.12",
            "facecolor": _light("page"),
            "alpha": 0.8,
            "linewidth": 0,
        },
    )


def _range(values: Iterable[float], *, log: bool) -> tuple[float, float]:
    """Limits of a value axis that hold all values."""
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    if not finite:
        return (0.1, 10.0) if log else (0.0, 1.0)
    if log:
        return min(finite) / 1.25, max(max(finite) * 1.3, min(finite) * 4)
    most = max(finite)
    top = most * 1.12 if most > 0 else 0.05
    # A little below zero, so that a line at zero is seen whole.
    return -0.015 * top, top


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 times powers of ten; only the powers where that would be crowded."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [m * 10.0**power for power in decades for m in (1, 2, 5)]
    ticks = [tick for tick in fine if low <= tick <= high]
    if len(ticks) > 7:
        ticks = [10.0**power for power in decades if low <= 10.0**power <= high]
    return ticks


def _linear_ticks(high: float) -> list[float]:
    """About four round steps from zero."""
    rough = high / 3.2
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough)
    return [step * place for place in range(math.floor(high / step + 1e-9) + 1)]


def _end_labels(axes: Axes, panel: _Panel, layout: Layout) -> None:
    """Name each line at its right end, pushed apart where ends meet."""
    low, high = axes.get_ylim()
    wanted: list[tuple[float, _Line]] = []
    for line in panel.lines:
        last = next((v for v in reversed(line.values) if math.isfinite(v)), None)
        if last is None or not line.label:
            continue
        if panel.log:
            share = (math.log(last) - math.log(low)) / (math.log(high) - math.log(low))
        else:
            share = (last - low) / (high - low)
        wanted.append((min(max(share, 0.0), 1.0) * panel.height, line))
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
            color=_light(line.role),
            va="center",
            annotation_clip=False,
        )


def spread(wanted: Sequence[float], *, gap: float, top: float) -> list[float]:
    """Places at least `gap` apart, each as near to where it is wanted as that allows.

    Args:
        wanted: ascending.
        gap: least distance.
        top: highest place, unless there are too many to fit.
    """
    # Neighbours that are too close form a block; a block sits where its members' mean is.
    blocks: list[tuple[float, int]] = []
    for at in wanted:
        centre, size = at, 1
        while blocks:
            before, count = blocks[-1]
            if centre - before >= gap * (count + size) / 2:
                break
            blocks.pop()
            centre = (before * count + centre * size) / (count + size)
            size += count
        blocks.append((centre, size))
    places = [
        centre + gap * (place - (size - 1) / 2) for centre, size in blocks for place in range(size)
    ]
    over = max(0.0, places[-1] - top) if places else 0.0
    for index in range(len(places) - 1, -1, -1):
        limit = top if index == len(places) - 1 else places[index + 1] - gap
        if over and places[index] > limit:
            places[index] = limit
    return places


def _time_axis(axes: Axes, timeline: Timeline, layout: Layout, *, labelled: bool) -> None:
    axes.set_xlim(0, timeline.duration_s)
    least_s = timeline.duration_s / layout.time_ticks
    step_s = next((step_s for step_s in TIME_STEPS_S if step_s >= least_s), least_s)
    count = math.floor(timeline.duration_s / step_s + 1e-9) + 1
    axes.xaxis.set_major_locator(FixedLocator([place * step_s for place in range(count)]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: clock(value)))
    axes.tick_params(axis="x", labelbottom=labelled)
