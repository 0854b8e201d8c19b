"""What was tried on a service, what of it held, and what fell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.proofs.document import table, yes

__all__ = ["Tried", "tried_table"]

_MOST_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One kind of abuse.

    Attributes:
        what: was done, in words.
        wanted: what is to come of it.
        cases: how many were tried.
        fell: what came of those that did not hold, a sentence each.
        measured: figures that were taken meanwhile.
    """

    what: str
    wanted: str
    cases: int
    fell: tuple[str, ...] = ()
    measured: str = ""

    @property
    def held(self) -> int:
        """Cases of which nothing fell."""
        return max(0, self.cases - len(self.fell))


def tried_table(found: Sequence[Tried]) -> str:
    """Markdown: a row each, and below it what fell."""
    heads = ("tried", "wanted", "cases", "held", "fell", "measured", "holds")
    rows = [
        (
            *(each.what, each.wanted, f"{each.cases:,}", f"{each.held:,}", f"{len(each.fell):,}"),
            *(each.measured, yes(holds=not each.fell)),
        )
        for each in found
    ]
    lines = [table(heads, rows)]
    for each in found:
        lines += [f"- {each.what}: {_plain(text)}" for text in each.fell[:_MOST_NAMED]]
        if len(each.fell) > _MOST_NAMED:
            lines.append(f"- {each.what}: and {len(each.fell) - _MOST_NAMED:,} more")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)[:300]
