"""Where things stand in a figure: its measures, and the empty axes of a panel."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .palette import PALETTE

__all__ = [
    "NARROW",
    "TITLE_HEIGHT",
    "WIDE",
    "Layout",
    "axes_at",
    "light",
    "name_row",
    "new_figure",
    "panel_axes",
    "set_style",
    "set_title",
    "shorten",
    "text_width",
]

POINTS_PER_INCH: Final = 72.0
TITLE_HEIGHT: Final = 24.0
"""Points above a panel that its title takes."""


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


def light(role: str) -> str:
    """The colour of a role that a figure is drawn in."""
    return PALETTE[role].light


def new_figure(layout: Layout, height: float) -> Figure:
    """An empty figure on the page's ground, so many points high."""
    figure = Figure(figsize=(layout.width / POINTS_PER_INCH, height / POINTS_PER_INCH))
    figure.patch.set_visible(False)
    return figure


def axes_at(
    figure: Figure, layout: Layout, height: float, left: float, bottom: float, wide: float,
    tall: float,
) -> Axes:  # fmt: skip
    """Axes at a place of a figure that is `height` high; all in points."""
    width = layout.width
    return figure.add_axes((left / width, bottom / height, wide / width, tall / height))


def name_row(axes: Axes, text: str, at: float, layout: Layout, *, beside: float = 6,
             role: str = "ink") -> None:  # fmt: skip
    """Put the name of a row into the left margin, at the row's place on the axis."""
    axes.annotate(
        text,
        (0, at),
        xycoords=("axes fraction", "data"),
        xytext=(-beside, 0),
        textcoords="offset points",
        fontsize=layout.font,
        color=light(role),
        ha="right",
        va="center",
        annotation_clip=False,
    )


def panel_axes(figure: Figure, layout: Layout, height: float, above: float, tall: float) -> Axes:
    """Empty axes across the figure.

    Args:
        figure: to add them to.
        layout: its margins.
        height: of the figure, in points.
        above: points from the figure's top to the axes' top.
        tall: height of the axes, in points.
    """
    wide = layout.width - layout.left - layout.right
    axes = axes_at(figure, layout, height, layout.left, height - above - tall, wide, tall)
    set_style(axes, layout)
    return axes


def set_style(axes: Axes, layout: Layout, sides: Collection[str] = ("left", "bottom")) -> None:
    """Draw axes as all figures do: on the page's ground, with thin lines on these sides."""
    axes.patch.set_visible(False)
    for side, spine in axes.spines.items():
        spine.set_visible(side in sides)
        spine.set_color(light("muted"))
        spine.set_linewidth(0.7)
    axes.tick_params(labelsize=layout.font, colors=light("muted"), width=0.7, length=3, pad=2.5)


def set_title(
    axes: Axes,
    text: str,
    layout: Layout,
    above: float = 0.0,
    *,
    beside: float = 0.0,
    role: str = "ink",
    weight: str = "bold",
) -> None:
    """Put a title over the left end of axes: `above` points higher, `beside` further right."""
    axes.annotate(
        text,
        (0, 1),
        xycoords="axes fraction",
        xytext=(beside, 6 + above),
        textcoords="offset points",
        fontsize=layout.font,
        fontweight=weight,
        color=light(role),
        va="bottom",
        annotation_clip=False,
    )


def text_width(text: str, layout: Layout) -> float:
    """About how many points a title takes, with a gap behind it."""
    # 0.64 em is about the mean width of a bold sans serif.
    return (len(text) + 1.5) * 0.64 * layout.font


def shorten(text: str, layout: Layout, room: float | None = None) -> str:
    """Text cut to so many points; to the figure's width without."""
    # 0.56 em is about the mean width of DejaVu Sans.
    most = int((layout.width if room is None else room) / (0.56 * layout.font))
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
