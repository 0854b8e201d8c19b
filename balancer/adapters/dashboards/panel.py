"""A panel as data: what it asks, how it draws, and in which colours."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from ...core.modes import Mode

__all__ = ["MODE_COLOURS", "OVER", "Panel", "Query", "Row", "Shape"]

MODE_COLOURS: Final = {
    Mode.NORMAL: "#3f7d6b",
    Mode.SOFT: "#e3b93f",
    Mode.HARD: "#e58440",
    Mode.EMERGENCY: "#d2577f",
}
"""Colours of the modes: those of the reports' mode band on a dark screen, Grafana's default."""

OVER: Final = "$__rate_interval"
"""Grafana's variable: long enough for a rate, and no longer than a pixel needs."""


class Shape(Enum):
    """How a panel draws."""

    BAND = "state-timeline"
    FIGURE = "stat"
    LINES = "timeseries"
    STACK = "stacked"
    SHARES = "shares"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query of a panel.

    Attributes:
        expression: in PromQL.
        legend: of its series; the arm of a simulated run is appended.
        mode: attribute whose value says which mode's colour the series has; "" without.
    """

    expression: str
    legend: str
    mode: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    Attributes:
        title, description: for a person.
        shape: how it draws.
        unit: as Grafana names it.
        queries: at least one.
        width, height: of 24 columns, and in rows of 30 pixels.
        limits: value and mode of threshold lines, ascending.
        least, most: ends of the axis; None: by the data.
        none: shown without data.
    """

    title: str
    description: str
    shape: Shape = Shape.LINES
    unit: str
    queries: tuple[Query, ...]
    width: int = 8
    height: int = 8
    limits: tuple[tuple[float, Mode], ...] = ()
    least: float | None = 0.0
    most: float | None = None
    none: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A headed row of panels."""

    title: str
    panels: tuple[Panel, ...]
