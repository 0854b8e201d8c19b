"""Who is best over what an answer is worth, drawn: a band for each scenario.

The ranking of laws turns on what an answer is worth, which nobody measures. So it is drawn for
all worths from the least to the most: a change of colour is where another law takes over. The
strip below a band is of all laws, also of those that miss what the scenario expects.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from balancer.records.comparison import ComparedScenario, Comparison, Place, Reign

from ..layout import Layout, light, name_row, new_figure, panel_axes, set_title, shorten
from ..palette import FILL_ROLES
from ..svg import DRAWING

__all__ = ["worth_figure"]

ROW: Final = 19.0
BAND: Final = 13.0
STRIP: Final = 3.0
HEAD: Final = 22.0
FOOT: Final = 20.0
KEY_ROW: Final = 15.0
TICKS_USD: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
EM: Final = 0.62
"""Mean width of a letter, in sizes of its font, on the safe side."""


def worth_figure(comparison: Comparison, layout: Layout) -> Figure | None:
    """Draw who is best in each scenario, over what an answer is worth; None if nobody ever is."""
    ends = [end for each in comparison.scenarios for end in _ends(each)]
    if not ends:
        return None
    with mpl.rc_context(DRAWING):  # type: ignore[arg-type]
        return _draw(comparison, layout, min(ends), max(ends))


def _ends(scenario: ComparedScenario) -> tuple[float, ...]:
    every = (*scenario.reigns, *scenario.reigns_of_all)
    return tuple(end for each in every for end in (each.from_usd, each.to_usd))


def _draw(comparison: Comparison, layout: Layout, least: float, most: float) -> Figure:
    seen = {
        each.law
        for scenario in comparison.scenarios
        for each in (*scenario.reigns, *scenario.reigns_of_all)
    }
    roles = {
        law: FILL_ROLES[place % len(FILL_ROLES)]
        for place, law in enumerate(law for law in comparison.laws if law in seen)
    }
    key = _key_rows(roles, layout)
    tall = len(comparison.scenarios) * ROW
    height = HEAD + tall + FOOT + len(key) * KEY_ROW
    figure = new_figure(layout, height)
    axes = panel_axes(figure, layout, height, HEAD, tall)
    axes.set_xscale("log")
    axes.set_xlim(least, most)
    axes.set_ylim(tall, 0)
    axes.spines["left"].set_visible(False)
    axes.yaxis.set_major_locator(NullLocator())
    axes.xaxis.set_minor_locator(NullLocator())
    ticks = [tick for tick in TICKS_USD if least <= tick <= most]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([f"${tick:g}" for tick in ticks]))
    per_decade = (layout.width - layout.left - layout.right) / math.log10(most / least)
    for place, scenario in enumerate(comparison.scenarios):
        _band(axes, scenario, place * ROW, layout, roles, per_decade)
    set_title(axes, "What a perfect answer in time is worth", layout)
    _key(figure, key, roles, layout, height)
    return figure


def _band(
    axes: Axes,
    scenario: ComparedScenario,
    top: float,
    layout: Layout,
    roles: Mapping[str, str],
    per_decade: float,
) -> None:
    name = shorten(scenario.scenario, layout, layout.left - 4)
    name_row(axes, name, top + 1 + BAND / 2, layout)
    for each in scenario.reigns_of_all:
        colour = light(roles[each.law])
        _box(axes, each, top + 1.5 + BAND, STRIP, colour, f"all {scenario.scenario} {each.law}")
    for each in scenario.reigns:
        colour = light(roles[each.law])
        _box(axes, each, top + 1, BAND, colour, f"{scenario.scenario} {each.law}")
        room = per_decade * math.log10(each.to_usd / each.from_usd)
        level = _level(scenario.sweep, each.from_usd, each.to_usd)
        for text in (f"{each.law} +{level}" if level else each.law, each.law):
            if len(text) * EM * layout.font <= room - 4:
                axes.text(
                    math.sqrt(each.from_usd * each.to_usd),
                    top + 1 + BAND / 2,
                    text,
                    fontsize=layout.font - 0.4,
                    color=light("ink"),
                    ha="center",
                    va="center",
                    # The line of the scenario's own worth does not run through a word.
                    bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.0},
                    zorder=3,
                )
                break
    if scenario.reigns:
        axes.plot(
            [scenario.worth.answer_usd] * 2,
            [top, top + 2 + BAND + STRIP],
            color=light("ink"),
            linewidth=1.1,
            zorder=2,
            label=f"own {scenario.scenario}",
        )
    else:
        axes.text(
            0.5,
            top + 1 + BAND / 2,
            "no law meets what is expected",
            transform=axes.get_yaxis_transform(),
            fontsize=layout.font - 0.4,
            color=light("muted"),
            ha="center",
            va="center",
        )


def _box(axes: Axes, reign: Reign, top: float, tall: float, colour: str, label: str) -> None:
    axes.add_patch(
        Rectangle(
            (reign.from_usd, top),
            reign.to_usd - reign.from_usd,
            tall,
            facecolor=colour,
            edgecolor=light("page"),
            linewidth=0.8,
            label=label,
        )
    )


def _level(sweep: Sequence[Place], from_usd: float, to_usd: float) -> int:
    """How many laws are level with the best in a whole reign, wherever it was looked at."""
    levels = [set(place.level) for place in sweep if from_usd <= place.answer_usd <= to_usd]
    return len(set.intersection(*levels)) if levels else 0


def _key_rows(roles: Mapping[str, str], layout: Layout) -> list[list[tuple[str, float]]]:
    """Laws and where each stands in its row, in points from the left."""
    rows: list[list[tuple[str, float]]] = [[]]
    at = 4.0
    for law in roles:
        wide = 18.0 + len(law) * EM * layout.font + 10.0
        if rows[-1] and at + wide > layout.width - layout.right:
            rows.append([])
            at = 4.0
        rows[-1].append((law, at))
        at += wide
    return rows


def _key(
    figure: Figure,
    rows: Sequence[Sequence[tuple[str, float]]],
    roles: Mapping[str, str],
    layout: Layout,
    height: float,
) -> None:
    for number, row in enumerate(rows):
        middle = (len(rows) - number - 0.5) * KEY_ROW
        for law, left in row:
            figure.add_artist(
                Rectangle(
                    (left / layout.width, (middle - 4.5) / height),
                    12.0 / layout.width,
                    9.0 / height,
                    transform=figure.transFigure,
                    facecolor=light(roles[law]),
                    edgecolor="none",
                )
            )
            figure.text(
                (left + 16.0) / layout.width,
                middle / height,
                law,
                fontsize=layout.font,
                color=light("ink"),
                va="center",
            )
