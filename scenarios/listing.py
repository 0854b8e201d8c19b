"""The library as a list: what `open-balancer scenarios` and the reference page show of it.

python -m scenarios.listing > docs/reference/library.md
"""

from __future__ import annotations

import json
import sys
import textwrap
from dataclasses import asdict, dataclass

from balancer.units import show_seconds

from .loader import library, load

__all__ = ["Entry", "entries", "json_text", "plain_text", "reference_page"]

_PAGE = """\
# The library

Scenarios that ship, each one page of YAML and one failure that people really had. Their
files are in `scenarios/library`.

    open-balancer scenarios                    lists them
    open-balancer run retry_storm two_faults  runs some of them

The figures of an incident are those of its source. Where the source gives none, the file
chooses, and what a file assumes about the upstream it says in a comment. A `policy:` in a file
changes only what the failure needs, such as a budget; the rest is the default policy.
[Write a scenario](../how-to/write-a-scenario.md) shows how to add your own.

This page is made from the files: `python -m scenarios.listing > docs/reference/library.md`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One scenario of the library.

    Attributes:
        name: what `open-balancer run` takes.
        title: the question it asks.
        teaches, source: what to take from it; whose failure it is.
        duration_s: of one replication.
        own_policy: whether it changes something in the default policy.
    """

    name: str
    title: str
    teaches: str
    source: str
    duration_s: float
    own_policy: bool


def entries() -> tuple[Entry, ...]:
    """The scenarios that ship, by name.

    Raises:
        ScenarioError: a file of the library is damaged.
    """
    return tuple(_entry(name) for name in library())


def _entry(name: str) -> Entry:
    scenario = load(name).scenario
    return Entry(
        name=name,
        title=scenario.title,
        teaches=scenario.teaches.strip(),
        source=scenario.source.strip(),
        duration_s=scenario.duration,
        own_policy=scenario.policy is not None,
    )


def plain_text(*, details: bool = False) -> str:
    """A line for each scenario, name first; with details also what it teaches and its source."""
    found = entries()
    width = max(len(each.name) for each in found)
    blocks = []
    for each in found:
        block = f"{each.name:<{width}}  {each.title}"
        if details:
            for text in (each.teaches, f"Source: {each.source}"):
                block += "\n" + textwrap.fill(
                    text, 100, initial_indent="    ", subsequent_indent="    "
                )
            block += "\n"
        blocks.append(block)
    return "\n".join(blocks).rstrip()


def json_text() -> str:
    """The entries as a JSON list of objects, with the fields of `Entry`."""
    return json.dumps([asdict(each) for each in entries()], indent=2, ensure_ascii=False)


def reference_page() -> str:
    """The text of `docs/reference/library.md`."""
    found = entries()
    rows = ["| scenario | asks | simulates |", "|---|---|---|"]
    rows += [
        f"| [`{each.name}`](#{each.name}) | {each.title} | {show_seconds(each.duration_s)} |"
        for each in found
    ]
    return "\n\n".join((_PAGE.strip(), "\n".join(rows), *map(_section, found))) + "\n"


def _section(entry: Entry) -> str:
    parts = [f"## {entry.name}", entry.teaches, f"Source: {entry.source}"]
    if entry.own_policy:
        parts.append("Changes the default policy where its file says `policy:`.")
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(reference_page())
