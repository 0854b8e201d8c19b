"""Journals as files: opening one, with errors that name it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from .core.errors import JournalError
from .core.journal import LONGEST_HEADER, LONGEST_LINE, Journal, read

__all__ = ["open_journal"]


_TICK = re.compile(r'\{"tick":(\d{1,18}),')


def open_journal(path: Path, *, after_tick: int | None = None) -> Journal:
    """Read a journal from a file; the ticks are read as they are asked for.

    Args:
        path: of the file.
        after_tick: leave out this tick and those before it, without looking at what they hold;
            errors then count lines without them.

    Raises:
        JournalError: the file is missing or unreadable, or its first line is wrong.
    """
    lines: Iterable[str] = _lines(path)
    if after_tick is not None:
        lines = (line for line in lines if _tick(line, otherwise=after_tick + 1) > after_tick)
    return read(lines, where=str(path))


def _tick(line: str, *, otherwise: int) -> int:
    match = _TICK.match(line)
    return int(match[1]) if match else otherwise


def _lines(path: Path) -> Iterator[str]:
    """Lines of bounded length, with their newlines; the file is closed after the last."""
    try:
        with path.open("rb") as stream:
            number = 0
            # A line longer than the bound is handed on cut, and refused for its length.
            while line := stream.readline((LONGEST_LINE if number else LONGEST_HEADER) + 2):
                number += 1
                try:
                    yield line.decode()
                except UnicodeDecodeError:
                    if not line.endswith(b"\n"):
                        yield line.decode(errors="replace")
                        return
                    raise JournalError("not UTF-8 text", where=f"{path}:{number}") from None
    except FileNotFoundError:
        raise JournalError("no such file", where=str(path)) from None
    except IsADirectoryError:
        raise JournalError("found a directory, expected a journal", where=str(path)) from None
    except OSError as error:
        raise JournalError(f"cannot be read: {error.strerror}", where=str(path)) from None
