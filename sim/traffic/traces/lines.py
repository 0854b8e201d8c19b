"""Lines of a file of recorded traffic, packed by gzip or not, of bounded size."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from balancer.core.errors import TraceError

__all__ = ["MalformedError", "lines_of"]

_LONGEST_LINE = 1_000_000
_GZIP = b"\x1f\x8b"
"""How every gzip file begins (RFC 1952, 2.3.1), whatever its name."""
_MOST_EXPANSION = 300
"""Traces grow four to forty times when unpacked, a decompression bomb about a thousand times."""
_SMALL = 64_000_000
"""Characters that are read whatever they were packed into."""
_BUFFER = 1 << 18


class MalformedError(Exception):
    """A line that cannot be read; the reader adds the file's name."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(line, problem)
        self.line = line
        self.problem = problem


@contextmanager
def lines_of(path: Path) -> Iterator[Iterator[str]]:
    """Open a trace: its lines in order, with their ends.

    Raises:
        TraceError: missing, unreadable, not UTF-8, damaged, or more than its packing allows; also
            while the lines are read.
        MalformedError: a line longer than any trace has; while the lines are read.
    """
    try:
        with path.open("rb", buffering=_BUFFER) as raw:
            packed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            if not packed:
                with io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as stream:
                    yield _lines(stream, path, math.inf)
                return
            most = max(_SMALL, _MOST_EXPANSION * path.stat().st_size)
            unpacked = io.BufferedReader(gzip.GzipFile(fileobj=raw), _BUFFER)
            with io.TextIOWrapper(unpacked, encoding="utf-8-sig", newline="") as stream:
                try:
                    yield _lines(stream, path, most)
                except (MalformedError, UnicodeDecodeError):
                    _check_rest(unpacked, most)
                    raise
    except UnicodeDecodeError:
        raise TraceError("is not UTF-8 text", where=str(path)) from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        problem = "is a damaged or truncated gzip file; fetch it again"
        raise TraceError(problem, where=str(path)) from None
    except OSError as error:
        raise TraceError(f"cannot be read: {error.strerror or error}", where=str(path)) from None


def _check_rest(unpacked: BinaryIO, most: float) -> None:
    """Read to the checksum: a damaged file unpacks to nonsense, and that is not the trace's fault.

    Raises:
        EOFError, BadGzipFile, zlib.error: the file is damaged.
    """
    while most > 0 and (rest := unpacked.read(_BUFFER)):
        most -= len(rest)


def _lines(stream: TextIO, path: Path, most: float) -> Iterator[str]:
    number = 0
    characters = 0
    readline = stream.readline
    while text := readline(_LONGEST_LINE + 1):
        number += 1
        characters += len(text)
        if len(text) > _LONGEST_LINE:
            raise MalformedError(number, f"is longer than {_LONGEST_LINE:,} characters")
        if characters > most:
            problem = (
                f"unpacks to more than {_MOST_EXPANSION} times its size, which no trace does; "
                "unpack it first if you trust it"
            )
            raise TraceError(problem, where=str(path))
        yield text
