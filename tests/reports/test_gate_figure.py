"""A gate drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from balancer.records.gate import GATE
from reports.amounts import THIN
from reports.gate.figure import gate_figure
from reports.gate.page import NARROW, WIDE

from .gate_samples import difference, sample_gate, scenario


def drawn(*differences: dict[str, Any]) -> Figure:
    """A gate of one scenario, drawn wide."""
    return gate_figure(GATE.of(sample_gate(scenarios=[scenario("s", "fail", *differences)])), WIDE)


def marks(figure: Figure, panel: int = 0) -> list[tuple[str, str, float]]:
    """Label, marker and place of every marker of a panel."""
    return [
        (str(line.get_label()), str(line.get_marker()), float(np.asarray(line.get_xdata())[0]))
        for line in figure.axes[panel].lines
        if line.get_marker() not in {"None", ""}
    ]


def texts(axes: Axes) -> list[str]:
    """All texts of a panel."""
    return [text.get_text().replace(THIN, " ") for text in axes.texts]


def test_each_verdict_has_a_shape_of_its_own() -> None:
    """Colour says it too, but never alone."""
    figure = drawn(
        difference("latency_p95_s", (0.0, 0.0, 0.0), "pass"),
        difference("latency_p95_s", (0.1, 0.09, 0.11), "fail"),
        difference("latency_p95_s", (0.05, 0.03, 0.07), "inconclusive"),
    )
    assert marks(figure) == [
        ("latency_p95_s pass", "o", 0.0),
        ("latency_p95_s fail", "s", 0.1),
        ("latency_p95_s inconclusive", "D", 0.05),
    ]


def test_each_metric_has_a_scale_of_its_own() -> None:
    """Points and percent do not share an axis."""
    figure = drawn(
        difference("availability", (0.0, -0.0002, 0.0002), "pass"),
        difference("cost_usd", (-0.6, -0.7, -0.5), "pass"),
    )
    points, percent = figure.axes
    assert points.get_xlim()[1] < 0.01
    assert percent.get_xlim()[0] < -0.5
    assert texts(points)[0] == "Availability, allowed −0.1 points"


def test_a_change_is_drawn_to_the_side_of_its_sign() -> None:
    """A quality that fell lies to the left, where the shade is."""
    figure = drawn(difference("quality", (0.15, 0.14, 0.16), "fail", relative=False, margin=0.01))
    assert marks(figure) == [("quality fail", "s", -0.15)]
    (shade,) = figure.axes[0].patches
    assert isinstance(shade, Rectangle)
    assert shade.get_x() == figure.axes[0].get_xlim()[0]


@pytest.mark.parametrize(("sign", "arrow"), [(1, ">"), (-1, "<")])
def test_what_lies_beyond_the_chart_is_an_arrow_with_its_number(sign: int, arrow: str) -> None:
    """A difference of fifty margins must not squeeze all others to a point."""
    near = difference("cost_usd", (sign * 0.05, sign * 0.05, sign * 0.05), "inconclusive")
    ends = sorted((sign * 2.49, sign * 2.51))
    far = difference("cost_usd", (sign * 2.5, ends[0], ends[1]), "fail")
    figure = drawn(near, near, far)
    axes = figure.axes[0]
    found = [(mark, place) for _, mark, place in marks(figure) if mark in "<>"]
    assert found == [(arrow, axes.get_xlim()[sign > 0])]
    assert abs(found[0][1]) < 0.3
    assert ("+251.0 %" if sign > 0 else "−251.0 %") in texts(axes)


def test_what_is_undefined_is_said_and_not_drawn() -> None:
    """A P95 of no answers."""
    figure = drawn(difference("latency_p95_s", (None, None, None), "inconclusive"))
    assert marks(figure) == []
    assert "undefined" in texts(figure.axes[0])


def test_the_figure_grows_with_its_rows() -> None:
    """Rows keep their height, however many scenarios there are."""
    row = difference("availability", (0.0, 0.0, 0.0), "pass")
    heights = [drawn(*[row] * count).get_figheight() for count in (1, 2, 3)]
    assert heights[2] - heights[1] == pytest.approx(heights[1] - heights[0])


def test_a_narrow_page_has_the_same_rows() -> None:
    """Every label is there in both widths."""
    gate = GATE.of(sample_gate())
    wide, narrow = (
        [texts(axes) for axes in gate_figure(gate, layout).axes] for layout in (WIDE, NARROW)
    )
    assert wide == narrow
