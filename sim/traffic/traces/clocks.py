"""How times of a trace become seconds: wall times, and numbers of one unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from .rows import AmbiguousError, Clock

__all__ = ["SECONDS_OF", "TimeForm", "WallClock", "number", "seconds", "time_form"]

SECONDS_OF = {"s": 1.0, "ms": 1e-3}
"""Seconds in a unit that a scenario may name."""
_EPOCH_S = (1e8, 1e11)
"""Numbers in here are Unix times in seconds, of 1973 to 5138; a thousand times as large, in ms."""


class WallClock:
    """Seconds since the first time, in real time where the times say their offset from UTC."""

    def __init__(self) -> None:
        self._first: datetime | None = None

    def __call__(self, column: Sequence[str]) -> list[float]:
        """Seconds of a column of times."""
        moments = [datetime.fromisoformat(text.strip()) for text in column]
        first = self._first = self._first or moments[0]
        try:
            return [(moment - first).total_seconds() for moment in moments]
        except TypeError:
            with_or_not = "without" if first.tzinfo else "with"
            others = "with" if first.tzinfo else "without"
            raise AmbiguousError(
                f"{with_or_not} an offset from UTC, where the times before it are {others} one; "
                "expected all of one kind"
            ) from None


def number(text: str) -> float:
    """A number, with a point or a comma before its fraction."""
    return float(text.replace(",", "."))


def seconds(unit: str) -> Clock:
    """The clock of numbers in a unit."""
    factor = SECONDS_OF[unit]

    def clock(column: Sequence[str]) -> list[float]:
        try:
            found = list(map(float, column))
        except ValueError:
            found = list(map(number, column))
        return found if factor == 1.0 else [each * factor for each in found]

    return clock


class TimeForm(NamedTuple):
    """How a file writes its times.

    Attributes:
        said: in words, for a person.
        relative: whether they are numbers since some beginning, whose unit nothing tells.
        clock: makes a new clock for them.
    """

    said: str
    relative: bool
    clock: Callable[[], Clock]


def time_form(text: str, unit: str | None) -> TimeForm | None:
    """The form of a first time; None: it is none.

    Args:
        text: a cell.
        unit: "s" or "ms" of numbers, where that is declared.
    """
    try:
        value = number(text)
    except ValueError:
        try:
            datetime.fromisoformat(text.strip())
        except ValueError:
            return None
        return TimeForm("ISO 8601", relative=False, clock=WallClock)
    low, high = _EPOCH_S
    for name, factor in (("s", 1.0), ("ms", 1e3)):
        if unit in (None, name) and low * factor <= value < high * factor:
            return TimeForm(f"Unix time in {name}", relative=False, clock=partial(seconds, name))
    told = unit or "s"
    return TimeForm(f"numbers in {told}", relative=unit is None, clock=partial(seconds, told))
