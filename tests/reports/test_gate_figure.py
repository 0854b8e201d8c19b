"""A gate drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from balancer.records.gate import GATE
from reports.gate.figure import FARTHEST, gate_figure
from reports.gate.page import NARROW, WIDE

from .gate_samples import difference, sample_gate, scenario


def drawn(*differences: dict[str, Any]) -> Figure:
    """A gate of one scenario, drawn wide."""
    return gate_figure(GATE.of(sample_gate(scenarios=[scenario("s", "fail", *differences)])), WIDE)


def marks(figure: Figure) -> list[tuple[str, str, float]]:
    """Label, marker and place of every marker."""
    return [
        (str(line.get_label()), str(line.get_marker()), float(np.asarray(line.get_xdata())[0]))
        for line in figure.axes[0].lines
        if line.get_marker() not in {"None", ""}
    ]


def test_each_verdict_has_a_shape_of_its_own() -> None:
    """Colour says it too, but never alone."""
    figure = drawn(
        difference("availability", (0.0, 0.0, 0.0), "pass"),
        difference("latency_p95_s", (0.1, 0.09, 0.11), "fail"),
        difference("cost_usd", (0.05, 0.03, 0.07), "inconclusive"),
    )
    assert marks(figure) == [
        ("availability pass", "o", 0.0),
        ("latency_p95_s fail", "s", 2.0),
        ("cost_usd inconclusive", "D", 1.0),
    ]


@pytest.mark.parametrize(("sign", "arrow"), [(1, ">"), (-1, "<")])
def test_what_lies_beyond_the_chart_is_an_arrow_at_its_edge(sign: int, arrow: str) -> None:
    """A difference of fifty margins must not squeeze all others to a point."""
    value = sign * 2.5
    figure = drawn(difference("cost_usd", (value, value - 0.01, value + 0.01), "fail"))
    assert [(mark, place) for _, mark, place in marks(figure)] == [(arrow, sign * FARTHEST)]


def test_what_is_undefined_is_said_and_not_drawn() -> None:
    """A P95 of no answers."""
    figure = drawn(difference("latency_p95_s", (None, None, None), "inconclusive"))
    assert marks(figure) == []
    assert "undefined" in [text.get_text() for text in figure.axes[0].texts]


def test_the_figure_grows_with_its_rows() -> None:
    """Rows keep their height, however many scenarios there are."""
    row = difference("availability", (0.0, 0.0, 0.0), "pass")
    heights = [drawn(*[row] * count).get_figheight() for count in (1, 2, 3)]
    assert heights[2] - heights[1] == pytest.approx(heights[1] - heights[0])


def test_a_narrow_page_has_the_same_rows() -> None:
    """Every label is there in both widths."""
    gate = GATE.of(sample_gate())
    wide, narrow = (
        {text.get_text() for text in gate_figure(gate, layout).axes[0].texts}
        for layout in (WIDE, NARROW)
    )
    assert wide - narrow == {"← better", "equal", "worse →"}
    assert narrow - wide == {"better", "worse"}
