"""The timeline's panels, lines and labels."""

from __future__ import annotations

import math
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from balancer.core.modes import Mode
from reports.layout import NARROW, WIDE, Layout
from reports.palette import MODE_ROLES, PALETTE
from reports.run.figures import timeline_figure
from reports.run.series import ModeSpan, Series
from reports.run.timelines import FaultSpan, Threshold, Timeline

COUNT = 60


def flat(
    *, latency_s: float = 1.0, errors: float = 0.0, modes: tuple[ModeSpan, ...] = ()
) -> Series:
    """A series in which nothing changes."""
    return Series(
        window_s=10.0,
        time_s=tuple(10.0 * place + 5.0 for place in range(COUNT)),
        latency_p50_s=(latency_s / 2,) * COUNT,
        latency_p95_s=(latency_s,) * COUNT,
        error_rate=(errors,) * COUNT,
        cost_usd_per_hour=(20.0,) * COUNT,
        offered_per_s=(5.0,) * COUNT,
        answered_per_s=(4.9,) * COUNT,
        shed_per_s=(0.0,) * COUNT,
        modes=modes or (ModeSpan(from_s=0.0, to_s=600.0, mode=Mode.NORMAL),),
        probes=(),
    )


def timeline(**changes: object) -> Timeline:
    """Three flat arms; `changes` replace fields."""
    whole = Timeline(
        controlled=flat(),
        static=flat(latency_s=2.0, errors=0.1),
        uncontrolled=flat(latency_s=3.0, errors=0.2),
        duration_s=600.0,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def texts(figure: Figure) -> list[str]:
    """All text set in the panels, tick labels left out."""
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def line_labels(axes: Axes) -> list[str]:
    """Labels of a panel's lines but for thresholds and the warm-up's upright."""
    return [
        str(line.get_label())
        for line in axes.lines
        if not str(line.get_label()).startswith(("_", "threshold"))
    ]


def test_panels_share_one_time_axis() -> None:
    """Five panels, all over the whole run."""
    figure = timeline_figure(timeline(), WIDE)
    assert len(figure.axes) == 5
    assert {axes.get_xlim() for axes in figure.axes} == {(0.0, 600.0)}


def test_each_panel_shows_three_arms() -> None:
    """Latency, errors, cost and requests are drawn with the controller, static and without."""
    figure = timeline_figure(timeline(), WIDE)
    _, latency, errors, cost, requests = (line_labels(axes) for axes in figure.axes)
    assert latency == ["P95 with", "P95 static", "P95 without", "P50 with"]
    assert errors == cost == ["with", "static", "without"]
    assert requests == ["offered", "served with", "served static", "served without"]


def test_lines_are_named_where_they_end() -> None:
    """Direct labels instead of a legend."""
    figure = timeline_figure(timeline(), WIDE)
    named = {"P95 with", "P95 static", "P95 without", "P50 with", "served without"}
    assert named <= set(texts(figure))
    assert all(axes.get_legend() is None for axes in figure.axes)


def test_the_arms_differ_by_dashes_and_not_by_colour_alone() -> None:
    """Who cannot tell the colours apart sees which line is which."""
    figure = timeline_figure(timeline(), WIDE)
    for axes in figure.axes[1:]:
        lines = {str(line.get_label()): line for line in axes.lines}
        with_, static, without = (
            next(line for label, line in lines.items() if label.split()[-1] == arm)
            for arm in ("with", "static", "without")
        )
        assert [line.is_dashed() for line in (with_, static, without)] == [False, True, True]
        assert without.get_linewidth() < static.get_linewidth()


@pytest.mark.parametrize(("field", "name"), [("static", "static"), ("uncontrolled", "without")])
def test_an_arm_without_a_journal_is_not_drawn(field: str, name: str) -> None:
    """A missing journal leaves its lines out."""
    figure = timeline_figure(timeline(**{field: None}), WIDE)
    assert not any(name in text for text in texts(figure))


def test_shed_requests_are_drawn_when_there_are_any() -> None:
    """A line at zero all along would say nothing."""
    shedding = replace(flat(), shed_per_s=(1.0,) * COUNT)
    figure = timeline_figure(timeline(controlled=shedding), WIDE)
    assert "shed with" in line_labels(figure.axes[4])
    assert "shed static" not in line_labels(figure.axes[4])


def test_what_was_lost_is_a_gap_and_nobody_was_shed_there() -> None:
    """No line at zero; a line of shed requests would say that somebody was."""
    gap = (*(4.9,) * 20, *(math.nan,) * 20, *(4.9,) * 20)
    none = tuple(0.0 * value for value in gap)
    lossy = replace(flat(), offered_per_s=gap, answered_per_s=gap, shed_per_s=none)
    *_, requests = timeline_figure(timeline(controlled=lossy, static=lossy), WIDE).axes
    assert not [label for label in line_labels(requests) if "shed" in label]
    (served,) = (line for line in requests.lines if line.get_label() == "served with")
    assert np.isnan(np.asarray(served.get_ydata())).sum() == 20


def test_faults_are_shaded_in_every_panel_and_labelled_once() -> None:
    """A fault that comes again has one label and many windows."""
    faults = tuple(
        FaultSpan(label="storm", from_s=start, to_s=start + 50.0) for start in (100.0, 300.0)
    )
    figure = timeline_figure(timeline(faults=faults), WIDE)
    for axes in figure.axes:
        (shade,) = [found for found in axes.collections if found.get_label() == "fault storm"]
        assert isinstance(shade, PolyCollection)
        assert len(shade.get_paths()) == 2
    assert texts(figure).count("storm") == 1


def test_overlapping_fault_labels_take_another_row() -> None:
    """Labels of faults that start together do not cover each other."""
    faults = tuple(FaultSpan(label=f"fault number {k}", from_s=100.0, to_s=200.0) for k in range(3))
    figure = timeline_figure(timeline(faults=faults), WIDE)
    rows = {
        text.get_position()[1]
        for text in figure.axes[0].texts
        if text.get_text().startswith("fault number")
    }
    assert len(rows) == 3


def test_a_very_long_fault_label_is_cut() -> None:
    """A name of a thousand letters does not leave the page."""
    faults = (FaultSpan(label="x" * 1000, from_s=500.0, to_s=600.0),)
    figure = timeline_figure(timeline(faults=faults), NARROW)
    (label,) = [text for text in texts(figure) if text.startswith("xxx")]
    assert len(label) < 80
    assert label.endswith("…")


def test_dollars_in_a_label_are_dollars() -> None:
    """Matplotlib would read $...$ as a formula, and fail on a broken one."""
    faults = (FaultSpan(label=r"$\frac{$ costs $", from_s=0.0, to_s=60.0),)
    figure = timeline_figure(timeline(faults=faults), WIDE)
    (label,) = [text for text in figure.axes[0].texts if "costs" in text.get_text()]
    assert label.get_parse_math() is False


def test_thresholds_in_sight_are_drawn_and_named() -> None:
    """The policy's entry threshold is a line with its mode and value."""
    thresholds = (Threshold(signal="latency_p95", label="soft", value=2.0),)
    figure = timeline_figure(timeline(thresholds=thresholds), WIDE)
    (line,) = [x for x in figure.axes[1].lines if x.get_label() == "threshold soft"]
    assert np.asarray(line.get_ydata()).tolist() == [2.0, 2.0]
    assert any(text.startswith("soft 2") for text in texts(figure))


@pytest.mark.parametrize(
    ("layout", "title"), [(WIDE, "Error rate of attempts"), (NARROW, "Error rate")]
)
def test_names_of_close_thresholds_stand_beside_the_title(layout: Layout, title: str) -> None:
    """5, 10 and 20 % on an axis of 100 %: beside their lines, each would stand at another one."""
    thresholds = tuple(
        Threshold(signal="error_rate", label=label, value=value)
        for label, value in (("hard", 0.10), ("soft", 0.05), ("emergency", 0.20))
    )
    storm = timeline(uncontrolled=flat(errors=1.0), thresholds=thresholds)
    axes = timeline_figure(storm, layout).axes[2]
    shown = [text.get_text().replace("\N{NARROW NO-BREAK SPACE}", " ") for text in axes.texts]
    assert [title, "soft 5 %, hard 10 %, emergency 20 %"] == shown[:2]
    assert not [text for text in shown[2:] if text.split()[0] in {"soft", "hard", "emergency"}]


def test_names_of_lines_that_end_at_nought_stay_in_their_panel() -> None:
    """They are pushed up and not below the axis."""
    axes = timeline_figure(timeline(uncontrolled=flat(), static=flat()), WIDE).axes[2]
    assert min(text.get_position()[1] for text in axes.texts) >= 0.0


def test_a_threshold_out_of_sight_does_not_flatten_the_lines() -> None:
    """$200 an hour over a run of $20: said in words, and the axis stays where the data is."""
    thresholds = (Threshold(signal="token_cost_per_hour", label="emergency", value=200.0),)
    figure = timeline_figure(timeline(thresholds=thresholds), WIDE)
    assert figure.axes[3].get_ylim()[1] < 30.0
    assert any("emergency above $200, off the chart" in text for text in texts(figure))


def test_the_mode_band_has_a_row_for_each_mode() -> None:
    """Mode is told by place and name, not by colour alone."""
    spans = (
        ModeSpan(from_s=0.0, to_s=200.0, mode=Mode.NORMAL),
        ModeSpan(from_s=200.0, to_s=600.0, mode=Mode.HARD),
    )
    axes = timeline_figure(timeline(controlled=flat(modes=spans)), WIDE).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [m.label for m in Mode]
    (hard,) = [found for found in axes.collections if found.get_label() == "hard"]
    box = hard.get_paths()[0].get_extents()
    assert (box.x0, box.x1) == (200.0, 600.0)
    assert box.y0 < Mode.HARD < box.y1
    (colour,) = np.asarray(hard.get_facecolor()).tolist()
    assert to_hex(colour) == PALETTE[MODE_ROLES[Mode.HARD]].light


def test_a_flapping_day_is_drawn_with_a_bounded_number_of_bars() -> None:
    """Ten thousand changes of mode do not make ten thousand shapes."""
    spans = tuple(
        ModeSpan(from_s=k * 0.06, to_s=(k + 1) * 0.06, mode=Mode(k % 2)) for k in range(10_000)
    )
    axes = timeline_figure(timeline(controlled=flat(modes=spans)), WIDE).axes[0]
    assert sum(len(found.get_paths()) for found in axes.collections) <= 1000


@pytest.mark.parametrize("layout", [WIDE, NARROW], ids=["wide", "narrow"])
def test_times_are_hours_minutes_seconds_and_few(layout: Layout) -> None:
    """The time axis has readable ticks on any width."""
    axes = timeline_figure(timeline(duration_s=5400.0), layout).axes[-1]
    ticks = list(axes.get_xticks())
    assert 2 <= len(ticks) <= layout.time_ticks + 1
    assert axes.xaxis.get_major_formatter()(ticks[1]).count(":") == 2


@pytest.mark.parametrize("value", [math.nan, 0.0])
def test_a_run_without_answers_is_drawn_empty(value: float) -> None:
    """No finite latency, nothing spent: axes without lines, not an error."""
    nothing = Series(
        window_s=10.0,
        time_s=(5.0,),
        latency_p50_s=(math.nan,),
        latency_p95_s=(math.nan,),
        error_rate=(value,),
        cost_usd_per_hour=(0.0,),
        offered_per_s=(0.0,),
        answered_per_s=(0.0,),
        shed_per_s=(0.0,),
        modes=(),
        probes=(),
    )
    alone = timeline(controlled=nothing, static=None, uncontrolled=None)
    figure = timeline_figure(alone, WIDE)
    assert "P95 with" not in texts(figure)


def test_settings_of_the_caller_are_left_as_they_were() -> None:
    """No global state: drawing changes no setting of Matplotlib's."""
    before = dict(mpl.rcParams)
    timeline_figure(timeline(), WIDE)
    assert dict(mpl.rcParams) == before
