"""A place in a text, and the steps a reader takes from it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NoReturn

from ...core.errors import InputError, nearest

__all__ = ["Cursor", "QueryError"]

LONGEST_QUERY: Final = 10_000

_BLANK = re.compile(r"\s*")


class QueryError(InputError):
    """A query that Datadog would refuse, or take and never evaluate as meant."""

    def __init__(self, problem: str, where: str = "", column: int = 1) -> None:
        super().__init__(problem, where)
        self.column = column


class Cursor:
    """Reads a text from left to right; blanks before what is read do not matter."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST_QUERY:
            raise QueryError(f"the query is longer than {LONGEST_QUERY:,} characters")
        self.text = text
        self.at = 0
        self.depth = 0

    def fail(self, expected: str, at: int | None = None, known: Iterable[str] = ()) -> NoReturn:
        """Refuse what stands here, or at another place."""
        place = self.at if at is None else at
        rest = self.text[place:]
        word = re.match(r"[\w.]+|\S", rest)
        next_word = repr(word[0][:40]) if word else "the end"
        hint = nearest(word[0], known) if word else ""
        raise QueryError(
            f"column {place + 1}: found {next_word}, expected {expected}{hint}", column=place + 1
        )

    def blank(self) -> None:
        """Go past blanks."""
        match = _BLANK.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def sees(self, sign: str) -> bool:
        """Whether a sign comes next."""
        self.blank()
        return self.text.startswith(sign, self.at)

    def takes(self, sign: str) -> bool:
        """Go past a sign if it comes next."""
        if not self.sees(sign):
            return False
        self.at += len(sign)
        return True

    def needs(self, sign: str, why: str = "") -> None:
        """Go past a sign, which must come next."""
        if not self.takes(sign):
            self.fail(f"{sign!r}{why}")

    def reads(self, pattern: re.Pattern[str]) -> str | None:
        """What a pattern matches next; None where it does not."""
        self.blank()
        match = pattern.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match[0]

    def end(self, expected: str) -> None:
        """Refuse anything but the end."""
        self.blank()
        if self.at < len(self.text):
            self.fail(expected)
