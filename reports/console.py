"""Tables as text: coloured on a terminal, plain and safe in a CI log.

A log has no width of its own, may know few signs, and is read with `grep`: lines there are
at most `LOG_WIDTH` wide, or what COLUMNS says, and end where their text ends. Where a table has
no room, its last columns go and are named; what a line is about stays, and so does a column
without a name: what was found.
"""

from __future__ import annotations

import io
import os
from copy import copy
from typing import Final, TextIO

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

__all__ = ["LOG_WIDTH", "Fitting", "coloured", "show", "table", "width_of"]

LOG_WIDTH: Final = 110
LEAST_WIDTH: Final = 40
LABEL_WIDTH: Final = 16
"""Characters of a table's first column that need not wrap."""
ROOM: Final = 1000
"""Width of a terminal that has room for everything."""

STYLES: Final = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"}

PLAIN: Final = str.maketrans(
    {
        "\N{NARROW NO-BREAK SPACE}": " ",
        "\N{MINUS SIGN}": "-",
        "\N{EN DASH}": "-",
        "─": "-",
        "…": ".",
        "±": "~",
        "“": '"',
        "”": '"',
        "★": "*",
        "→": ">",
    }
)
"""What stands for our signs where the output's encoding has none of them; no wider than they."""


def show(what: RenderableType, stream: TextIO) -> None:
    """Write text or tables to a terminal or a log."""
    if stream.isatty():
        Console(file=stream, highlight=False).print(what)
        return
    buffer = io.StringIO()
    Console(file=buffer, highlight=False, width=_width(), color_system=None).print(what)
    encoding = stream.encoding or "utf-8"
    lines = [_encodable(line.rstrip(), encoding) for line in buffer.getvalue().splitlines()]
    stream.write("\n".join([*lines, ""]))


def _width() -> int:
    """Of a log's lines: what the environment says, as for a terminal."""
    said = os.environ.get("COLUMNS", "")
    given = int(said) if said.isdecimal() and len(said) <= 9 else 0
    return max(LEAST_WIDTH, given) if given else LOG_WIDTH


def _encodable(line: str, encoding: str) -> str:
    """A line that can be written: our signs as ASCII where need be, others as "?"."""
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        return line.translate(PLAIN).encode(encoding, "replace").decode(encoding)
    return line


class Fitting(Table):
    """A table that leaves out its last columns where they have no room, and says which."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, and below it what was left out."""
        shown = copy(self)
        shown.columns = list(self.columns)
        named = [column for column in self.columns[1:] if str(column.header)]
        gone: list[str] = []
        while len(named) > 1 and width_of(shown, console, options) > options.max_width:
            last = named.pop()
            shown.columns = [column for column in shown.columns if column is not last]
            gone.insert(0, " ".join(str(last.header).split()))
        yield from Table.__rich_console__(shown, console, options)
        if gone:
            names = ", ".join(gone)
            yield Text(f"no room for: {names}; widen the terminal, or see the report", style="dim")


def width_of(found: Table, console: Console, options: ConsoleOptions) -> int:
    """Characters that a table takes if what its lines are about is wrapped, and no number is."""
    labels, room = found.columns[0], options.update(width=ROOM)
    given, labels.max_width = labels.max_width, LABEL_WIDTH
    needed = console.measure(found, options=room).maximum
    labels.max_width = given
    return needed


def table() -> Table:
    """An empty table in our one style."""
    return Fitting(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")


def coloured(verdict: str, text: str = "") -> Text:
    """A verdict, or a text about it, in its colour."""
    return Text(text or verdict, style=STYLES.get(verdict, ""))
