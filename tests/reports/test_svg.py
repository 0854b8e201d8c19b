"""Figures as elements of a page."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest
from markupsafe import Markup
from matplotlib.figure import Figure

from reports.palette import PALETTE
from reports.svg import DRAWING, inline_svg


def figure(text: str = "hello") -> Figure:
    """A line, a clipped area and a text in colours of the palette."""
    with mpl.rc_context(DRAWING):  # type: ignore[arg-type]
        drawn = Figure(figsize=(3, 2))
        axes = drawn.add_axes((0.1, 0.1, 0.8, 0.8))
        axes.plot([0, 1], [0, 1], color=PALETTE["with"].light, marker="o")
        axes.fill_between([0, 1], [0, 1], color=PALETTE["fault"].light)
        axes.text(0.5, 0.5, text, color=PALETTE["ink"].light, fontweight="bold")
    return drawn


def inlined(text: str = "hello", prefix: str = "a") -> Markup:
    """The figure as an element."""
    return inline_svg(figure(text), prefix=prefix, title="A & B", description="rises")


def test_nothing_outside_the_page_is_named() -> None:
    """No namespace, metadata, document type or style sheet of its own."""
    found = inlined()
    assert "http" not in found
    assert "<?xml" not in found
    assert "<!DOCTYPE" not in found
    assert "<metadata" not in found
    assert "<style" not in found


def test_colours_are_the_variables_of_their_roles() -> None:
    """The page decides what a role looks like, so one drawing serves light and dark."""
    found = inlined()
    assert "var(--with)" in found
    assert "var(--fault)" in found
    assert PALETTE["with"].light not in found


def test_text_stays_text_in_the_page_s_font() -> None:
    """It can be searched and read aloud; the size stays, the family is the page's."""
    found = inlined()
    assert ">hello</text>" in found
    assert "DejaVu" not in found
    (style,) = re.findall(r'style="([^"]*)"[^>]*>hello', found)
    assert "font-size: 10px" in style
    assert "font-weight: 700" in style


def test_every_reference_leads_to_an_id_of_the_same_figure() -> None:
    """Clips and markers still point at themselves after ids got their prefix."""
    found = inlined(prefix="s1-wide")
    ids = re.findall(r'\bid="([^"]+)"', found)
    references = re.findall(r'(?:url\(|href=")#([^")]+)', found)
    assert references
    assert set(references) <= set(ids)
    assert all(name.startswith("s1-wide-") for name in ids)
    assert len(ids) == len(set(ids))


def test_two_figures_share_no_id() -> None:
    """Two of the same kind can stand in one page."""
    first, second = (
        set(re.findall(r'\bid="([^"]+)"', inlined(prefix=prefix))) for prefix in ("a", "b")
    )
    assert not first & second


def test_the_element_describes_itself() -> None:
    """A screen reader gets a title and a description."""
    root = ET.fromstring(inlined())  # noqa: S314 - our own output
    assert root.get("role") == "img"
    named = {child.get("id"): child.text for child in root}
    labels = (root.get("aria-labelledby") or "").split()
    assert [named[label] for label in labels] == ["A & B", "rises"]


def test_the_same_figure_gives_the_same_text() -> None:
    """No date and no random id: reports can be compared."""
    assert inlined() == inlined()


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a & b", "#0069a8 url(#x)", "模式"])
def test_text_is_kept_as_it_is(text: str) -> None:
    """Markup in a label is letters, a colour in it is no colour, foreign scripts are welcome."""
    root = ET.fromstring(inlined(text))  # noqa: S314 - our own output
    assert text in [element.text for element in root.iter("text")]
    assert "<script" not in inlined(text)
