"""A Matplotlib figure as an SVG element that lives inside a page.

A stand-alone SVG names its fonts and colours, carries metadata, and uses ids that clash
when two stand in one page. Here text stays text, every colour of the palette becomes the
CSS variable of its role, ids get the figure's own prefix, and the element describes itself
to screen readers.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from .layout import Layout
from .palette import PALETTE

__all__ = ["DRAWING", "Drawn", "drawn", "inline_svg"]

DRAWING: Final[dict[str, object]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "open-balancer",
    "text.parse_math": False,
    "path.simplify": True,
    "axes.unicode_minus": True,
    "font.family": ["DejaVu Sans"],
}
"""Matplotlib settings a figure is built and written under; `$` in a title is a dollar."""

ROLES: Final[dict[str, str]] = {colour.light: f"var(--{role})" for role, colour in PALETTE.items()}
COLOUR: Final = re.compile(r"#[0-9a-f]{6}\b")
FONT: Final = re.compile(r"font: (?:(?P<weight>\w+) )?(?P<size>[\d.]+px) [^;]+")
FAMILY: Final = re.compile(r"font-family: [^;]+;? ?")
REFERENCE: Final = re.compile(r"(url\(#|^#)")
XLINK_HREF: Final = "{http://www.w3.org/1999/xlink}href"


NOTHING: Final = Markup()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A figure for two widths of page; empty where there is nothing to draw."""

    wide: Markup = NOTHING
    narrow: Markup = NOTHING


def drawn(
    draw: Callable[[Layout], Figure | None],
    layouts: tuple[Layout, Layout],
    *,
    prefix: str,
    title: str,
    description: str,
) -> Drawn:
    """Draw a figure for both widths; the other arguments are as of `inline_svg`."""
    found = {}
    for name, layout in zip(("wide", "narrow"), layouts, strict=True):
        if (figure := draw(layout)) is not None:
            found[name] = inline_svg(
                figure, prefix=f"{prefix}{name}", title=title, description=description
            )
    return Drawn(**found)


def inline_svg(figure: Figure, *, prefix: str, title: str, description: str) -> Markup:
    """The figure as one `<svg>` element.

    Args:
        figure: drawn in the light colours of `reports.palette`.
        prefix: of all ids in it; unique in the page, letters, digits and dashes.
        title, description: its alternative text.
    """
    buffer = io.StringIO()
    with mpl.rc_context(DRAWING), warnings.catch_warnings():  # type: ignore[arg-type]
        # The browser has the glyphs that Matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        FigureCanvasSVG(figure).print_svg(  # type: ignore[no-untyped-call]
            buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    root = ET.fromstring(buffer.getvalue())  # noqa: S314 - our own output
    _strip(root)
    for element in root.iter():
        _rework(element, prefix)
    _describe(root, prefix, title, description)
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - serialised XML


def _strip(root: ET.Element) -> None:
    """Drop metadata, and the style sheet that would reach out of the element."""
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in {"metadata", "style"}:
                parent.remove(child)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _rework(element: ET.Element, prefix: str) -> None:
    element.tag = _local(element.tag)
    href = element.attrib.pop(XLINK_HREF, None)
    if href is not None:
        element.set("href", href)
    for name, value in list(element.attrib.items()):
        if name == "id":
            element.set(name, f"{prefix}-{value}")
        elif name in {"style", "fill", "stroke"}:
            painted = COLOUR.sub(lambda found: ROLES.get(found[0], found[0]), value)
            # The page says which font; the figure says how large and how heavy. Older releases
            # of Matplotlib write the shorthand, newer ones a property each.
            painted = FONT.sub(
                lambda found: f"font-size: {found['size']}; font-weight: {found['weight'] or 400}",
                painted,
            )
            element.set(name, FAMILY.sub("", painted))
        if "#" in value and name in {"href", "clip-path"}:
            element.set(name, REFERENCE.sub(rf"\g<1>{prefix}-", value))


def _describe(root: ET.Element, prefix: str, title: str, description: str) -> None:
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}-title {prefix}-description")
    for place, (name, text) in enumerate({"title": title, "desc": description}.items()):
        child = ET.Element(name, id=f"{prefix}-{'description' if place else name}")
        child.text = text
        root.insert(place, child)
