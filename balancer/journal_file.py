"""Journals as files: opening one, with errors that name it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .core.errors import JournalError
from .core.journal import LONGEST_LINE, Journal, read

__all__ = ["open_journal"]


def open_journal(path: Path) -> Journal:
    """Read a journal from a file; the ticks are read as they are asked for.

    Raises:
        JournalError: the file is missing or unreadable, or its first line is wrong.
    """
    return read(_lines(path), where=str(path))


def _lines(path: Path) -> Iterator[str]:
    """Lines of bounded length, with their newlines; the file is closed after the last."""
    try:
        with path.open("rb") as stream:
            number = 0
            # A line longer than the bound is handed on cut, and refused for its length.
            while line := stream.readline(LONGEST_LINE + 2):
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
