"""`docs/proofs.md`: a section for each proof, each with its own date, commit and verdict.

A section is written as soon as it is proved, and the others stay as they are: what was
proved is not lost when a later proof is interrupted, and one can be proved by itself.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from balancer.version import VERSION

__all__ = ["Proof", "put", "section", "table", "with_section", "yes"]

INTRODUCTION = """\
# Proofs

What takes too long for the tests: the same code with more replications. Written by the
commands below; not edited by hand.
"""

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a proof came to.

    Attributes:
        text: Markdown below the heading, tables included.
        holds: whether all of it does.
    """

    text: str
    holds: bool


def put(path: Path, order: Sequence[str], title: str, proof: Proof, *, minutes: float) -> None:
    """Write one section into the document, and leave the others as they are.

    Args:
        path: of the document; made if there is none.
        order: titles of all sections.
        title: of this one.
        proof: what it came to.
        minutes: it took.
    """
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    after = with_section(before, order, title, section(title, proof, minutes=minutes))
    beside = path.with_suffix(".part")
    beside.write_text(after, encoding="utf-8", newline="\n")
    beside.replace(path)


def with_section(document: str, order: Sequence[str], title: str, text: str) -> str:
    """The document with a section put in its place; sections out of the order are dropped."""
    pieces = _HEADING.split(document)
    sections = {
        known: f"## {known}{body.rstrip()}\n"
        for known, body in zip(pieces[1::2], pieces[2::2], strict=True)
    }
    sections[title] = text.rstrip() + "\n"
    return "\n".join([INTRODUCTION, *(sections[known] for known in order if known in sections)])


def section(title: str, proof: Proof, *, minutes: float) -> str:
    """A section with its heading, its circumstances and its verdict."""
    return (
        f"## {title}\n\n"
        f"- {datetime.now(UTC):%Y-%m-%d}, commit {_commit()}, {minutes:.0f} minutes on "
        f"{os.cpu_count()} cores\n"
        f"- open-balancer {VERSION}, Python {platform.python_version()}\n"
        f'- command: `python -m tests.prove docs/proofs.md --section "{title}"`\n'
        f"- {'all of it holds' if proof.holds else '**not all of it holds**'}\n\n"
        f"{proof.text}"
    )


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        # The document itself changes with every section.
        changed = git("status", "--porcelain", "--untracked-files=no", ":!docs/proofs.md")
        return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in rows) + "\n"


def yes(*, holds: bool) -> str:
    """Whether something holds, as a cell."""
    return "yes" if holds else "**no**"
