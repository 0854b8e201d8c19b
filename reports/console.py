"""Tables as text: coloured on a terminal, plain and safe in a CI log.

A log has no width of its own, may know few signs, and is read with `grep`: lines there are
at most `LOG_WIDTH` wide and end where their text ends.
"""

from __future__ import annotations

import io
from typing import Final, TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

__all__ = ["LOG_WIDTH", "coloured", "show", "table"]

LOG_WIDTH: Final = 110

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
    Console(file=buffer, highlight=False, width=LOG_WIDTH, color_system=None).print(what)
    encoding = stream.encoding or "utf-8"
    lines = [_encodable(line.rstrip(), encoding) for line in buffer.getvalue().splitlines()]
    stream.write("\n".join([*lines, ""]))


def _encodable(line: str, encoding: str) -> str:
    """A line that can be written: our signs as ASCII where need be, others as "?"."""
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        return line.translate(PLAIN).encode(encoding, "replace").decode(encoding)
    return line


def table() -> Table:
    """An empty table in our one style."""
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")


def coloured(verdict: str, text: str = "") -> Text:
    """A verdict, or a text about it, in its colour."""
    return Text(text or verdict, style=STYLES.get(verdict, ""))
