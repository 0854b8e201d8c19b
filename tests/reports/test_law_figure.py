"""The laws in one scenario, as small multiples."""

from __future__ import annotations

import math
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from balancer.records.comparison import COMPARISON
from reports.comparison.law_figure import law_figure
from reports.comparison.page import LAWS_NARROW, LAWS_WIDE
from reports.layout import Layout

from .comparison_samples import estimate, sample_comparison


def drawn(layout: Layout = LAWS_WIDE, **metrics: list[dict[str, float]]) -> Figure:
    """The sample's second scenario, its laws given other values."""
    comparison = sample_comparison()
    for name, values in metrics.items():
        for law, value in zip(comparison["scenarios"][1]["laws"], values, strict=True):
            law["metrics"][name] = value
    figure = law_figure(COMPARISON.of(comparison).scenarios[1], layout)
    assert figure is not None
    return figure


def laws_of(comparison: dict[str, Any]) -> list[str]:
    """Names, in order."""
    return [law["law"] for law in comparison["scenarios"][1]["laws"]]


def panel(figure: Figure, metric: str) -> Axes:
    """Where a metric is drawn."""
    (found,) = [
        axes
        for axes in figure.axes
        if any(str(line.get_label()).startswith(f"{metric} ") for line in axes.lines)
    ]
    return found


def test_every_metric_has_a_panel_with_every_law_and_its_interval() -> None:
    """Points are estimates, bars are intervals."""
    values = [estimate(0.9, 0.01), estimate(0.8, 0.02), estimate(0.7, 0.03)]
    axes = panel(drawn(quality=values), "quality")
    points = [line for line in axes.lines if str(line.get_label()).startswith("quality ")]
    assert [list(line.get_xdata()) for line in points] == [[0.9], [0.8], [0.7]]  # type: ignore[arg-type]
    bars = [
        list(line.get_xdata())  # type: ignore[arg-type]
        for line in axes.lines
        if len(list(line.get_xdata())) == 2 and line.get_linewidth() == 1.8  # type: ignore[arg-type]
    ]
    assert bars == [[value["low"], value["high"]] for value in values]


def test_a_standing_has_a_mark_and_not_only_a_colour() -> None:
    """A star for the best, hollow for a law that misses something."""
    comparison = COMPARISON.of(sample_comparison()).scenarios
    for scenario in comparison:
        figure = law_figure(scenario, LAWS_WIDE)
        assert figure is not None
        axes = panel(figure, "availability")
        for law in scenario.laws:
            (point,) = [
                line for line in axes.lines if line.get_label() == f"availability {law.law}"
            ]
            assert (point.get_marker() == "*") == law.best
            assert (point.get_markerfacecolor() == "#ffffff") == (not law.eligible)


def test_what_no_law_has_is_left_out() -> None:
    """The sample has no transitions; given some, it has a panel more."""
    without = drawn()
    more = drawn(transitions=[estimate(2.0), estimate(0.0), estimate(7.0)])
    assert len(more.axes) == len(without.axes) + 1


def test_a_scenario_without_figures_is_not_drawn() -> None:
    """Nothing was answered, say."""
    comparison = sample_comparison()
    for law in comparison["scenarios"][1]["laws"]:
        law["metrics"] = {}
    assert law_figure(COMPARISON.of(comparison).scenarios[1], LAWS_WIDE) is None


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 1.0, 1.0],
        [0.0, 0.0, 0.0],
        [0.999, 1.0, 0.2],
        [0.01, 5.0, 900.0],
        [1e-9, 2e-9, 3e-9],
        [3.0, math.nan, 4.0],
    ],
)
def test_ticks_read_apart(values: list[float]) -> None:
    """No two say the same, and all lie on the axis."""
    axes = panel(drawn(latency_p95_s=[estimate(value) for value in values]), "latency_p95_s")
    low, high = axes.get_xlim()
    places = [float(tick) for tick in axes.get_xticks()]
    words = [axes.xaxis.get_major_formatter()(tick, at) for at, tick in enumerate(places)]
    assert 1 <= len(words) <= 5
    assert len(set(words)) == len(words)
    assert all(low <= place <= high for place in places)
    assert all(low < value < high for value in values if math.isfinite(value))


def test_a_narrow_page_has_the_same_panels_below_each_other() -> None:
    """Each with the names of the laws."""
    wide, narrow = drawn(LAWS_WIDE), drawn(LAWS_NARROW)
    assert len(wide.axes) == len(narrow.axes)
    assert len({round(axes.get_position().x0, 6) for axes in narrow.axes}) == 1
    names = laws_of(sample_comparison())
    for axes in narrow.axes:
        assert [text.get_text() for text in axes.texts][-len(names) :] == names
