"""The write-ahead log of a ledger: what was held and settled since a snapshot, a line each.

    1f0c2a9e G 7                    first line: the log's generation
    5be01c55 R 17 8230000 0,2       call 17 holds so many nano-dollars in rows 0 and 2
    …        R 18 8230000 0 0       … in row 0, and in row 0 of the priority tier
    …        S 17 116452 116452     call 17 ended: what it cost, and what of that as priority
    …        B 300000 0             spent without a claim
    …        T 61                   the windows are rolled to a tick
    …        L {…}                  other limits

Every line begins with a CRC-32 that goes on from the line before, so that a line that is torn,
lost or changed is noticed, whichever it is. A line is handed to the system before its call starts:
a process that is killed loses none. So half a line at the end of the last log is one that a killed
process was writing, and where it shows that it would have held money, the call never started; half
a `T` rolls nothing. Of others nobody knows what they would have booked.
See `balancer.runtime.budget_files` for the files.

Why not SQLite, which is as safe: a commit of its own before every call costs some ten times as
much on the caller's time, and a group commit would make calls wait for it or start without it.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

from ..core import budget
from ..core.policy import BudgetLimit
from .books import Books

__all__ = ["Replay", "TornError", "begun", "limits_line", "line"]


_HARMLESS = re.compile(rb"[0-9a-f]{8} (R[ 0-9,]*|T[ 0-9]*)")
"""Half a line without which nothing is forgotten. What a broken log ends in is none."""


class TornError(ValueError):
    """A log that cannot be trusted; says which line."""


def line(text: str, checksum: int) -> tuple[bytes, int]:
    """A line of the log, and the checksum to go on from."""
    payload = text.encode()
    checksum = zlib.crc32(payload, checksum)
    return b"%08x %s\n" % (checksum, payload), checksum


def begun(generation: int) -> tuple[bytes, int]:
    """The first line of a log."""
    return line(f"G {generation}", 0)


def limits_line(
    limits: tuple[BudgetLimit, ...], priority: tuple[BudgetLimit, ...], tick_s: float
) -> str:
    """That the ledger takes up other limits."""
    values = [[[each.key, each.window_s, each.usd] for each in kind] for kind in (limits, priority)]
    return "L " + json.dumps([*values, tick_s])


class Replay:
    """Goes from a snapshot through the logs that follow it.

    Args:
        state: of the snapshot.

    Attributes:
        books: as they stand.
        calls: highest number of a call so far.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self.books = Books.from_state(state)
        self.calls = int(state.get("calls", 0))
        self._claims: dict[int, tuple[int, list[list[int]], list[list[int]]]] = {}
        for number, held, rows, priority in state.get("claims", ()):
            self._claims[number] = held, self._named(rows), self._named(priority, priority=True)

    def state(self) -> dict[str, Any]:
        """Plain values, in the form of a snapshot."""
        return {**self.books.state(), "calls": self.calls, "claims": []}

    def _named(self, names: str, *, priority: bool = False) -> list[list[int]]:
        rows = list((self.books.priority if priority else self.books.rows).values())
        return [rows[int(name)] for name in names.split(",") if name]

    def log(self, data: bytes, generation: int, *, last: bool = False) -> None:
        """Go through a log.

        Args:
            data: all of it.
            generation: its own.
            last: whether none follows it, so that it ends where its process did.

        Raises:
            TornError: from some line on it cannot be trusted; what comes before it is taken in.
        """
        checksum = 0
        lines = data.split(b"\n")
        for number, raw in enumerate(lines[:-1], 1):
            payload = raw[9:]
            checksum = zlib.crc32(payload, checksum)
            if raw[:9] != b"%08x " % checksum:
                raise TornError(f"line {number} is torn or was changed")
            try:
                self._take(payload.decode().split(" ", 1), generation)
            except (LookupError, TypeError, ValueError, RecursionError) as error:
                raise TornError(f"line {number}: {error}") from None
        rest = lines[-1]
        if len(lines) > 1 and last and rest[:9] == b"%08x " % zlib.crc32(rest[9:], checksum):
            self._take(rest[9:].decode().split(" ", 1), generation)  # but for its end it is whole
        elif len(lines) == 1 or (rest and not (last and _HARMLESS.fullmatch(rest))):
            raise TornError(f"line {len(lines)} is torn")

    def _take(self, words: list[str], generation: int) -> None:
        kind, rest = words
        if kind == "L":
            limits, priority, tick_s = json.loads(rest)
            self.books.use(_limits(limits), _limits(priority), tick_s)
            return
        values = rest.split(" ")
        if kind == "R":
            number, held = int(values[0]), int(values[1])
            rows = self._named(values[2])
            priority = self._named(values[3], priority=True) if len(values) > 3 else []
            self._claims[number] = held, rows, priority
            self.calls = max(self.calls, number)
            for row in (*rows, *priority):
                budget.reserve(row, held)
        elif kind == "S":
            held, rows, priority = self._claims.pop(int(values[0]))
            for row in rows:
                budget.settle(row, held, int(values[1]))
            for row in priority:
                budget.settle(row, held, int(values[2]))
        elif kind == "B":
            for row in self._named(values[1]):
                budget.settle(row, 0, int(values[0]))
        elif kind == "T":
            self.books.advance(int(values[0]))
        elif (kind, values) != ("G", [str(generation)]):
            raise ValueError(f"found {kind} {rest}")


def _limits(plain: list[list[Any]]) -> list[BudgetLimit]:
    return [BudgetLimit(key=key, window_s=window_s, usd=usd) for key, window_s, usd in plain]
