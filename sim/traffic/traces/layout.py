"""What a scenario says of a trace beside the name of its format."""

from __future__ import annotations

from typing import NamedTuple

from scenarios.traffic import Arrivals, TraceColumns

from .rows import Names

__all__ = ["Layout", "layout_of"]


class Layout(NamedTuple):
    """How a trace is to be read.

    Attributes:
        names: of the columns of a CSV file of one's own.
        status: of the column that says how a request ended; None: there is none.
        unit: "s" or "ms", of times that are numbers; None: the format's.
    """

    names: Names = ("time", "prompt_tokens", "output_tokens")
    status: str | None = None
    unit: str | None = None


def layout_of(arrivals: Arrivals) -> Layout:
    """The layout that a scenario's arrivals declare."""
    columns = arrivals.columns or TraceColumns()
    return Layout(
        names=(columns.time, columns.prompt_tokens, columns.output_tokens),
        status=columns.status,
        unit=arrivals.time_unit,
    )
