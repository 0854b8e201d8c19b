"""A ledger's rows by key: which a call is held in, and which are shown where there are many."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter

from .books import Books, Limit

__all__ = ["MOST_SHOWN", "KeyRows", "Rows"]

MOST_SHOWN = 1000
"""Limits that are shown, and keys whose rows are looked up at once."""

Rows = tuple[list[int], ...]


class KeyRows:
    """See the module.

    Args:
        books: that have the rows.
    """

    __slots__ = ("_books", "_by_key", "_known")

    def __init__(self, books: Books) -> None:
        self._books = books
        self.find()

    def find(self) -> None:
        """The books have other rows now."""
        self._known: dict[str | None, tuple[Rows, str]] = {}
        self._by_key: dict[str | None, list[tuple[int, float, list[int]]]] = {None: []}
        for place, ((key, window_s), row) in enumerate(self._books.rows.items()):
            self._by_key.setdefault(key, []).append((place, window_s, row))

    def of(self, key: str | None) -> tuple[Rows, str]:
        """Rows that a key's calls are held in, and their places among all."""
        key = key if key in self._by_key else None
        # Last, so that the first is the one that called longest ago.
        known = self._known.pop(key, None)
        if known is None:
            # One at a time, for the keys that call: there may be a hundred thousand.
            own = [] if key is None else self._by_key[key]
            found = sorted([*self._by_key[None], *own], key=itemgetter(0))
            known = tuple(row for *_, row in found), ",".join(str(place) for place, *_ in found)
        self._known[key] = known
        if len(self._known) > MOST_SHOWN:
            del self._known[next(iter(self._known))]
        return known

    def shown(self) -> Iterator[tuple[Limit, list[int]]]:
        """Limits without those of the priority tier: all in the policy's order, or everybody's and
        those of the keys that called last.
        """
        rows = self._books.rows
        if len(rows) <= MOST_SHOWN:
            yield from rows.items()
            return
        for key in (None, *reversed([key for key in self._known if key is not None])):
            for _, window_s, row in self._by_key[key]:
                yield (key, window_s), row
