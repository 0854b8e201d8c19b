"""A tuning drawn: its front, its numbers moved alone, and how much each decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from balancer.records.tuning import TUNING, Tuning
from reports.tuning.front_figure import front_figure
from reports.tuning.importance_figure import importance_figure
from reports.tuning.page import NARROW, WIDE
from reports.tuning.sensitivity_figure import sensitivity_figure

from .tuning_samples import candidate, estimate, sample_tuning, standing

LATENCY = {
    "name": "latency_p95",
    "metric": "latency_p95_s",
    "form": "ratio",
    "unit": "share",
    "better": "lower",
}


def tuning(**changes: Any) -> Tuning:
    """The sample as a value."""
    return TUNING.of(sample_tuning(**changes))


def with_three() -> Tuning:
    """The sample with a third objective."""
    full = sample_tuning()
    for each in (full["today"], full["static"], *full["front"]):
        for key in {"objectives", "objectives_held_out"} & set(each):
            each[key].append(estimate(1.1, 0.1))
    full |= {"sensitivity": [], "robustness": None}
    return TUNING.of({**full, "objectives": [*full["objectives"], LATENCY]})


def marks(axes: Axes) -> dict[str, tuple[str, float, float]]:
    """Marker and place of what has a label."""
    return {
        str(line.get_label()): (
            str(line.get_marker()),
            float(np.asarray(line.get_xdata())[0]),
            float(np.asarray(line.get_ydata())[0]),
        )
        for line in axes.lines
        if line.get_marker() not in {"None", ""}
    }


def test_every_policy_has_its_place_and_its_shape() -> None:
    """Colour says it too, but never alone."""
    figure = front_figure(tuning(static=standing(1.2, 0.96)), WIDE)
    assert figure is not None
    assert marks(figure.axes[0]) == {
        "today": ("s", 1.0, 0.99),
        "static": ("D", 1.2, 0.96),
        "1": ("o", 0.7, 0.97),
        "2 proposed": ("*", 0.8, 0.985),
        "3": ("o", 1.1, 0.995),
    }
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {"today", "static", "1", "2 proposed", "3"} <= set(texts)
    assert "Cost, of today's (← better)" in texts
    assert "Availability (↑ better)" in texts


def test_static_far_away_is_an_arrow_at_the_edge() -> None:
    """So that the front is not squeezed to a point."""
    figure = front_figure(tuning(static=standing(9.0, 0.985)), WIDE)
    assert figure is not None
    marker, at, _ = marks(figure.axes[0])["static"]
    assert marker == ">"
    assert at == figure.axes[0].get_xlim()[1]


def test_todays_policy_on_the_front_is_drawn_once() -> None:
    """As today's."""
    full = sample_tuning()
    figure = front_figure(tuning(front=[full["front"][0], full["today"]], knee=0, chosen=0), WIDE)
    assert figure is not None
    assert sorted(marks(figure.axes[0])) == ["1 proposed", "static", "today"]


@pytest.mark.parametrize("layout", [WIDE, NARROW], ids=["wide", "narrow"])
def test_three_objectives_are_three_pairs(layout: Any) -> None:
    """Beside one another where there is room, below one another where there is not."""
    figure = front_figure(with_three(), layout)
    assert figure is not None
    assert len(figure.axes) == 3
    lefts = {round(axes.get_position().x0, 3) for axes in figure.axes}
    assert len(lefts) == (3 if layout is WIDE else 1)


def test_one_objective_or_no_front_is_not_drawn() -> None:
    """There is no trade to see."""
    assert front_figure(tuning(front=[], knee=-1, chosen=-1), WIDE) is None


def test_values_that_are_all_alike_have_an_axis() -> None:
    """Every policy is as available as the other."""
    front = [candidate(k, cost, 0.99) for k, cost in ((0, 0.7), (1, 0.9))]
    found = tuning(front=front, knee=0, chosen=0, static=None)
    figure = front_figure(found, WIDE)
    assert figure is not None
    low, high = figure.axes[0].get_ylim()
    assert low < 0.99 < high


def test_what_breaks_a_constraint_on_the_way_has_another_shape() -> None:
    """And what is no policy is left out, its value still named."""
    figure = sensitivity_figure(tuning(), WIDE)
    assert figure is not None
    assert len(figure.axes) == 2
    cost = marks(figure.axes[0])
    assert cost["8s kept"] == ("o", 0.0, 0.75)
    assert cost["12s kept"] == ("*", 1.0, 0.8)
    assert cost["20s broken"] == ("X", 2.0, 1.2)
    assert len(cost) == 3
    assert list(figure.axes[0].get_xticks()) == [0, 1, 2, 3]


def test_a_narrow_page_moves_fewer_objectives() -> None:
    """Two have room."""
    figure = sensitivity_figure(tuning(), NARROW)
    assert figure is not None
    assert len(figure.axes) == 2


def test_importance_is_a_bar_for_each_number_in_one_order() -> None:
    """In a panel for each objective."""
    figure = importance_figure(tuning(), WIDE)
    assert figure is not None
    lengths = [
        [bar.get_width() for bar in axes.patches if bar.get_width() > 0]  # type: ignore[attr-defined]
        for axes in figure.axes
    ]
    assert lengths == [[0.7, 0.3], [0.7, 0.3]]
    names = [text.get_text() for text in figure.axes[0].texts]
    assert names == ["Cost", "soft latency p95", "soft error rate"]


def test_nobody_looked_and_nothing_is_drawn() -> None:
    """Neither sensitivity nor importance."""
    found = tuning(sensitivity=[], importance=None)
    assert sensitivity_figure(found, WIDE) is None
    assert importance_figure(found, WIDE) is None
