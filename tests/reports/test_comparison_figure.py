"""The map of scenarios by laws."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from balancer.records.comparison import COMPARISON
from reports.amounts import THIN
from reports.comparison.figure import FURTHEST, comparison_figure
from reports.comparison.page import NARROW, WIDE
from reports.palette import PALETTE, contrast

from .comparison_samples import law, sample_comparison


def drawn(**changes: Any) -> Figure:
    """The sample, drawn wide."""
    return comparison_figure(COMPARISON.of(sample_comparison(**changes)), WIDE)


def texts(figure: Figure) -> list[str]:
    """All words in it."""
    return [text.get_text() for text in figure.axes[0].texts]


def test_each_cell_says_in_words_what_its_colour_says() -> None:
    """A grey print or an eye that does not tell green from orange loses nothing."""
    words = texts(drawn())
    assert [words.count(each) for each in ("best", "misses")] == [2, 2]
    assert f"0.3{THIN}%" in words
    # In its cell, and as the largest of its law.
    assert words.count(f"12{THIN}%") == 2


def test_a_law_further_behind_is_drawn_darker() -> None:
    """The eye finds the regrets that matter."""

    def strengths(regret: float) -> list[float]:
        comparison = sample_comparison()
        comparison["scenarios"][1]["laws"][0]["regret"]["estimate"] = regret
        figure = comparison_figure(COMPARISON.of(comparison), WIDE)
        cells = [each for each in figure.axes[0].patches if isinstance(each, Rectangle)]
        return [float(cell.get_alpha() or 0) for cell in cells]

    dark = [strengths(regret)[3] for regret in (0.01, 0.04, 0.1, 0.3, 2.0)]
    assert dark == sorted(dark)
    assert len(set(dark)) == 5


def test_domination_has_a_mark() -> None:
    """One law of the sample is dominated, in one scenario."""
    marks = [line.get_label() for line in drawn().axes[0].lines if line.get_marker() == "v"]
    assert marks == ["dominated none"]


def test_the_totals_stand_below() -> None:
    """Best or level, also where an answer is worth least and most, and what else counts."""
    words = texts(drawn())
    totals = words[words.index("best or level") :]
    assert totals[:4] == ["best or level", "1/2", "2/2", "0/2"]
    assert totals[totals.index("… at $0.003") :][:4] == ["… at $0.003", "1/2", "1/2", "1/2"]
    assert totals[totals.index("… at $0.1") :][:2] == ["… at $0.1", "2/2"]


def test_a_narrow_page_has_the_same_cells() -> None:
    """Only words become shorter."""
    wide, narrow = (
        comparison_figure(COMPARISON.of(sample_comparison()), layout) for layout in (WIDE, NARROW)
    )
    assert len(texts(wide)) == len(texts(narrow))
    assert narrow.get_figwidth() < wide.get_figwidth() / 2


def test_many_laws_on_a_narrow_page_have_figures_without_units() -> None:
    """Eleven columns of a phone's width: signs and totals would run into each other."""
    comparison = sample_comparison()
    more = [f"law-{place}" for place in range(8)]
    comparison["laws"] += more
    for scenario in comparison["scenarios"]:
        scenario["laws"] += [law(name, "behind", 0.034) for name in more]
    words = texts(comparison_figure(COMPARISON.of(comparison), NARROW))
    assert words.count("3.4") == 16
    assert words.count("★") == 2 and "best" not in words
    assert not any("%" in word or "/" in word for word in words)


def test_a_law_that_did_not_run_leaves_its_cell_empty() -> None:
    """Its neighbours stay in their columns."""
    comparison = sample_comparison()
    del comparison["scenarios"][0]["laws"][1]
    figure = comparison_figure(COMPARISON.of(comparison), WIDE)
    cells = [each for each in figure.axes[0].patches if isinstance(each, Rectangle)]
    assert [int(cell.get_x()) for cell in cells] == [0, 2, 0, 1, 2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_can_be_read_on_the_darkest_fill(theme: str) -> None:
    """A contrast of 4.5 at least, on paper and on a dark screen (WCAG 2.2, 1.4.3)."""

    def channels(role: str) -> list[int]:
        colour = getattr(PALETTE[role], theme)
        return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]

    mixed = [
        round(FURTHEST * over + (1 - FURTHEST) * under)
        for over, under in zip(channels("without"), channels("page"), strict=True)
    ]
    fill = "#" + "".join(f"{value:02x}" for value in mixed)
    assert contrast(fill, getattr(PALETTE["ink"], theme)) >= 4.5
