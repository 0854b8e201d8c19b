"""Who is best over what an answer is worth, drawn."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from balancer.records.comparison import COMPARISON
from reports.comparison.page import NARROW, WIDE
from reports.comparison.worth_figure import worth_figure
from reports.layout import Layout
from reports.palette import FILL_ROLES, PALETTE, contrast

from .comparison_samples import sample_comparison


def drawn(layout: Layout = WIDE, **changes: Any) -> Figure:
    """The sample."""
    figure = worth_figure(COMPARISON.of(sample_comparison(**changes)), layout)
    assert figure is not None
    return figure


def bands(figure: Figure) -> dict[str, tuple[float, float]]:
    """From where to where each law of each scenario reigns."""
    cells = [each for each in figure.axes[0].patches if isinstance(each, Rectangle)]
    return {
        str(each.get_label()): (each.get_x(), each.get_x() + each.get_width()) for each in cells
    }


def words(figure: Figure) -> list[str]:
    """All that is written in the panel."""
    return [text.get_text() for text in figure.axes[0].texts]


def test_a_band_changes_where_another_law_takes_over() -> None:
    """At four cents, in the second scenario."""
    found = bands(drawn())
    assert found["latency_spike ladder"] == pytest.approx((0.003, 0.1))
    assert found["cost_spike dimmer"] == pytest.approx((0.003, 0.04))
    assert found["cost_spike ladder"] == pytest.approx((0.04, 0.1))


def test_a_strip_tells_of_all_laws_whatever_they_miss() -> None:
    """Below the band, so that nobody is out of sight because of an expectation."""
    found = bands(drawn())
    assert found["all cost_spike none"] == pytest.approx((0.003, 0.02))
    assert found["all cost_spike ladder"] == pytest.approx((0.02, 0.1))


def test_a_band_says_its_law_and_how_many_are_level() -> None:
    """A grey print loses nothing: in the sample, "none" is level all along."""
    assert {"ladder +1", "dimmer +1"} <= set(words(drawn()))


def test_a_word_that_does_not_fit_is_left_to_the_key() -> None:
    """No law's name runs over the end of its band."""
    comparison = sample_comparison()
    first, second = comparison["scenarios"][1]["reigns"]
    first["to_usd"] = second["from_usd"] = 0.0031
    figure = worth_figure(COMPARISON.of(comparison), NARROW)
    assert figure is not None
    assert "dimmer +1" not in words(figure) and "dimmer" not in words(figure)
    assert [text.get_text() for text in figure.texts] == ["ladder", "dimmer", "none"]


def test_the_worth_that_a_scenario_declares_is_marked() -> None:
    """In its own row, as scenarios may differ."""
    comparison = sample_comparison()
    comparison["scenarios"][1]["worth"]["answer_usd"] = 0.05
    figure = worth_figure(COMPARISON.of(comparison), WIDE)
    assert figure is not None
    marks = {str(line.get_label()): line.get_xdata() for line in figure.axes[0].lines}
    assert list(marks["own latency_spike"]) == [0.03, 0.03]  # type: ignore[arg-type]
    assert list(marks["own cost_spike"]) == [0.05, 0.05]  # type: ignore[arg-type]


def test_the_axis_has_equal_ratios_and_readable_ticks() -> None:
    """A third of a cent to ten cents."""
    axes = drawn().axes[0]
    assert axes.get_xscale() == "log"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [
        "$0.003",
        "$0.01",
        "$0.03",
        "$0.1",
    ]


def test_a_scenario_nobody_masters_says_so() -> None:
    """Its strip stays; where there is nothing at all, there is nothing to draw."""
    comparison = sample_comparison()
    comparison["scenarios"][0]["reigns"] = []
    figure = worth_figure(COMPARISON.of(comparison), WIDE)
    assert figure is not None
    assert "no law meets what is expected" in words(figure)
    for scenario in comparison["scenarios"]:
        scenario["reigns"] = scenario["reigns_of_all"] = []
    assert worth_figure(COMPARISON.of(comparison), WIDE) is None


def test_eleven_laws_have_eleven_fills() -> None:
    """As many as there are to compare."""
    assert len(set(FILL_ROLES)) == 11


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("role", FILL_ROLES)
def test_words_can_be_read_on_every_fill(role: str, theme: str) -> None:
    """A contrast of 4.5 at least (WCAG 2.2, 1.4.3)."""
    fill, ink = (getattr(PALETTE[name], theme) for name in (role, "ink"))
    assert contrast(fill, ink) >= 4.5


# Linear sRGB to what an eye without red, or without green, cones sees (Viénot et al., 1999).
BLIND = {
    "protan": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
    "deutan": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
}


@pytest.mark.parametrize("eye", BLIND)
def test_the_first_fills_differ_for_eyes_that_tell_no_red_from_green(eye: str) -> None:
    """Neighbours in the order of laws, at least by a step that can be seen."""

    def seen(role: str) -> tuple[float, ...]:
        colour = PALETTE[role].light
        linear = [(int(colour[k : k + 2], 16) / 255) ** 2.2 for k in (1, 3, 5)]
        mixed = (sum(w * c for w, c in zip(row, linear, strict=True)) for row in BLIND[eye])
        return tuple(max(value, 0.0) ** (1 / 2.2) * 255 for value in mixed)

    for one, other in pairwise(FILL_ROLES):
        apart = sum((a - b) ** 2 for a, b in zip(seen(one), seen(other), strict=True)) ** 0.5
        assert apart > 25, (one, other, apart)
