"""`docs/reference/clients.md`: what was measured, below what is written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from balancer.core.modes import Mode
from tests.proofs.document import table

from .clients import CALLS, Client
from .seen import Seen, as_well
from .trying import COLUMNS, DIRECT, ILL

__all__ = ["HEADING", "Tried", "measured", "worse", "write"]

HEADING = "## What was measured\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of a client's calls.

    Attributes:
        client: that made them.
        version: that was installed; "" where it could not be tried.
        well: by call and column, while the upstream is well.
        ill: the same, while it answers 503 to all.
    """

    client: Client
    version: str = ""
    well: Mapping[tuple[str, str], Seen]
    ill: Mapping[tuple[str, str], Seen]


def worse(tried: Tried) -> list[str]:
    """Calls that come to less through us than directly, with what the client raised; in normal
    also those that another model serves.
    """
    found = []
    for (call, column), here in tried.well.items():
        direct = tried.well[call, DIRECT]
        if column == DIRECT:
            continue
        where = f"{tried.client.title}, {call}, {column}"
        if not as_well(call, here, direct):
            found.append(f"{where}: {here.error or here.word}")
        elif column == Mode.NORMAL.label and here.models != direct.models:
            found.append(f"{where}: served by {', '.join(sorted(here.models))}")
    return found


def measured(results: Sequence[Tried], model: str, day: date) -> str:
    """The tables, in Markdown."""
    lines = [
        (
            f"{tried.client.title} {tried.version}",
            call,
            *(_cell(tried, call, column) for column in COLUMNS),
        )
        for tried in results
        for call in CALLS
        if (call, DIRECT) in tried.well
    ]
    ill = [
        (f"{tried.client.title} {tried.version}", call, *_while_ill(tried, call))
        for tried in results
        for call in ILL
        if (call, DIRECT) in tried.ill
    ]
    missing = [tried.client.title for tried in results if not tried.version]
    failures = [line for tried in results for line in worse(tried)]
    parts = [
        f"{day}, `{model}`, by `make compat`.\n",
        table(["client", "asked for", *COLUMNS], lines),
        "Worse than without us: none.\n" if not failures else "Worse than without us:\n",
        "".join(f"- {_plain(line)}\n" for line in failures),
        f"Not tried, as they could not be installed: {', '.join(missing)}.\n" if missing else "",
        "While the upstream answers 503 to every call, in `normal`; requests that reached it for "
        "one call of the client, and how long that took:\n",
        table(["client", "asked for", "direct", "through us", "direct, s", "through us, s"], ill),
    ]
    return "\n".join(part for part in parts if part)


def write(path: Path, text: str) -> None:
    """Replace what was measured, and keep what stands above it."""
    above = path.read_text(encoding="utf-8").partition(HEADING)[0]
    path.write_text(f"{above}{HEADING}\n{text}", encoding="utf-8", newline="\n")


def _cell(tried: Tried, call: str, column: str) -> str:
    here = tried.well[call, column]
    direct = tried.well[call, DIRECT]
    words = here.word
    if here.requests != (0 if here.word in ("shed", "static") else 1):
        words += f" ({here.requests} requests)"
    return words if as_well(call, here, direct) else f"**{words}**"


def _while_ill(tried: Tried, call: str) -> list[str]:
    both = [tried.ill[call, DIRECT], tried.ill[call, Mode.NORMAL.label]]
    return [*(str(one.requests) for one in both), *(f"{one.seconds:.1f}" for one in both)]


def _plain(text: str) -> str:
    """One line, without what Markdown would read."""
    return " ".join(text.split()).replace("<", "&lt;")[:300]
