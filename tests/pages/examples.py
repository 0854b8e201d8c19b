"""What a page shows, as Sybil's examples: commands, files and Python, in the order of the page.

Indented blocks that begin with a command are commands; what stands under them in the same block is
their output. Comments in a page's source say what its reader has or does meanwhile:

    <!-- file: mine.yaml -->        the next block is this file
    <!-- given: COMMAND -->         what is there before: a policy of the reader's own, say
    <!-- background -->             the next command goes on until the page ends: a server
    <!-- slow: REASON -->           the next block is run by the tests marked `pages` only
    <!-- prints -->                 the next block is what the commands before print: its words are
                                    compared, and their exit code with 0, or that of `prints: 1`
    <!-- skip: next "REASON" -->    the next block is not run: it needs keys, or Docker
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, FencedCodeBlockLexer

__all__ = ["parsed"]

COMMAND = re.compile(
    r"(?:export |(?:[A-Z_]+=\S* )*(?:\.venv/bin/)?"
    r"(?:open-balancer(?! serves)|pip|pytest|make|curl|dask|locust|python|git|promtool)\b)"
)
_INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?: {4}.*\n)+")
_MARKS = ("file", "given", "background", "slow", "prints")

Evaluate = Callable[[Example], None]


def parsed(page: Path, evaluators: dict[str, Evaluate]) -> Document:
    """The examples of a page.

    Args:
        page: a Markdown file.
        evaluators: of `commands` (their text), `text` (of a block that is no command), and of the
            marks `file`, `given`, `background`, `slow` and `prints` (what they say).
    """
    return Sybil(
        parsers=[
            _Marks(evaluators),
            _Blocks(evaluators),
            PythonCodeBlockParser(),
            SkipParser(),
        ]
    ).parse(page)


class _Marks:
    def __init__(self, evaluators: dict[str, Evaluate]) -> None:
        self._evaluators = evaluators

    def __call__(self, document: Document) -> Iterator[Region]:
        for mark in _MARKS:
            for region in DirectiveInHTMLCommentLexer(mark)(document):
                lexemes = region.lexemes
                said = f"{lexemes['arguments'] or ''}\n{lexemes['source'] or ''}"
                yield Region(region.start, region.end, said.strip(), self._evaluators[mark])


class _Blocks:
    """Indented blocks, and fenced ones of shell and of files."""

    def __init__(self, evaluators: dict[str, Evaluate]) -> None:
        self._evaluators = evaluators

    def __call__(self, document: Document) -> Iterator[Region]:
        fenced = [
            (region.start, region.end) for region in FencedCodeBlockLexer(r"[^\n]*")(document)
        ]
        for found in _INDENTED.finditer(document.text):
            if any(start <= found.start() < end for start, end in fenced):
                continue
            text = "\n".join(line[4:] for line in found[0].splitlines())
            kind = "commands" if COMMAND.match(text) else "text"
            yield Region(found.start(), found.end(), text, self._evaluators[kind])
        for region in FencedCodeBlockLexer("yaml|bash|json")(document):
            kind = "commands" if region.lexemes["language"] == "bash" else "text"
            text = str(region.lexemes["source"])
            yield Region(region.start, region.end, text, self._evaluators[kind])
