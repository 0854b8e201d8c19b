"""YAML files that remember their lines.

A `Document` is what a user wrote, as plain values, plus the line of every key.
`balancer.schema_errors` says what is wrong with one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from .core.errors import InputError

__all__ = ["LARGEST_BYTES", "Document", "Key", "Refuse", "parse", "read_text"]

LARGEST_BYTES = 1_000_000
"""Longest file we read: a policy or scenario is a page or two."""
_LARGEST_NODES = 50_000
_DEEPEST = 40
_TOO_MANY = "is nested too deeply or has too many values"

Key = tuple[str | int, ...]
"""Where a value stands: keys and list positions from the root."""

Refuse = Callable[..., InputError]
"""The class of error to raise: `PolicyError`, `ScenarioError`, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a user wrote.

    Attributes:
        name: the file, as it was given to us, or what it came from.
        values: plain dicts, lists, texts and numbers.
        lines: line of each key and list item, counted from 1.
        origins: keys that did not come from the file, with what they came from.
        inside: where a part of a larger document stands in it.
    """

    name: str
    values: Any
    lines: Mapping[Key, int] = field(default_factory=dict)
    origins: Mapping[Key, str] = field(default_factory=dict)
    inside: Key = ()

    def where(self, key: Key) -> str:
        """File and line of a key, or of the nearest thing around it that has a line."""
        within = [text for other, text in self.origins.items() if other[: len(key)] == key]
        if within and key not in self.lines:
            return within[0]
        for size in range(len(key), -1, -1):
            if key[:size] in self.origins:
                return self.origins[key[:size]]
            if key[:size] in self.lines:
                return f"{self.name}:{self.lines[key[:size]]}"
        return self.name

    def dotted(self, key: Key) -> str:
        """A key as users write it, from the root of the whole file."""
        return ".".join(str(part) for part in (*self.inside, *key))

    def value(self, key: Key) -> object:
        """The text or number that stands under a key; None where there is none."""
        value: Any = self.values
        for step in key:
            if not isinstance(value, dict) or step not in value:
                return None
            value = value[step]
        return value if isinstance(value, str | int | float) else None

    def part(self, key: Key) -> Document:
        """What stands under a key, as a document of its own that keeps its lines."""
        values = self.values
        for step in key:
            values = values[step]
        size = len(key)
        return Document(
            name=self.name,
            values=values,
            lines={k[size:]: line for k, line in self.lines.items() if k[:size] == key},
            origins={k[size:]: text for k, text in self.origins.items() if k[:size] == key},
            inside=(*self.inside, *key),
        )


def read_text(path: Path, refuse: Refuse) -> str:
    """Text of a file of bounded size.

    Raises:
        InputError: of the kind asked for: missing, unreadable, too large, or not UTF-8.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise refuse("no such file", where=str(path)) from None
    except IsADirectoryError:
        raise refuse("found a directory, expected a file", where=str(path)) from None
    except OSError as error:
        raise refuse(f"cannot be read: {error.strerror}", where=str(path)) from None
    if len(content) > LARGEST_BYTES:
        raise refuse(f"is larger than {LARGEST_BYTES:,} bytes", where=str(path))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(f"is not UTF-8 text (byte {error.start})", where=str(path)) from None


class _TooManyError(Exception):
    """More values than any document of ours has."""


class _Bounded(Composer):
    """Stops at a value too many, as reading all of a large text takes half a minute."""

    _count = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """See ruamel.yaml: of an item its place is given, and of a key nothing."""
        self._count += index is not None
        if self._count > _LARGEST_NODES:
            raise _TooManyError
        return super().compose_node(parent, index)


def parse(text: str, name: str, refuse: Refuse) -> Document:
    """Document from YAML text. Keys given twice, tags and cyclic aliases are refused.

    Raises:
        InputError: of the kind asked for, naming the line.
    """
    if len(text) > LARGEST_BYTES:
        raise refuse(f"is larger than {LARGEST_BYTES:,} characters", where=name)
    reader = YAML(typ="rt", pure=True)
    reader.Composer = _Bounded
    reader.allow_duplicate_keys = False
    try:
        tree = reader.load(StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(str(error.problem or error.context or "unreadable").split())
        if "duplicate key" in problem:
            problem = problem.split(" with value")[0].removeprefix("found duplicate ")
            problem = f"{problem} is given twice"
        else:
            problem = f"not valid YAML: {problem}"
        raise refuse(problem, where=f"{name}:{mark.line + 1}" if mark else name) from None
    except _TooManyError:
        raise refuse(_TOO_MANY, where=name) from None
    except (YAMLError, RecursionError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise refuse(f"not valid YAML: {reason}", where=name) from None
    if tree is None:
        raise refuse("is empty; expected keys and values", where=name)
    lines: dict[Key, int] = {}
    return Document(name=name, values=_plain(tree, (), lines, name, refuse), lines=lines)


def _plain(tree: Any, key: Key, lines: dict[Key, int], name: str, refuse: Refuse) -> Any:
    """Plain values of a parsed tree; notes the line of each key on the way.

    The number of nodes is bounded, because a few aliases of aliases in a short text can
    stand for more values than fit in memory.
    """
    if len(key) > _DEEPEST or len(lines) > _LARGEST_NODES:
        raise refuse(_TOO_MANY, where=name)
    if isinstance(tree, CommentedMap):
        plain: dict[str, Any] = {}
        for part, value in tree.items():
            text = _text(str(part), key, lines, name, refuse)
            at = tree.lc.data.get(part) if tree.lc.data else None
            lines[*key, text] = at[0] + 1 if at else lines.get(key, 1)
            plain[text] = _plain(value, (*key, text), lines, name, refuse)
        return plain
    if isinstance(tree, CommentedSeq):
        items = []
        for index, value in enumerate(tree):
            at = tree.lc.data.get(index) if tree.lc.data else None
            lines[*key, index] = at[0] + 1 if at else lines.get(key, 1)
            items.append(_plain(value, (*key, index), lines, name, refuse))
        return items
    if isinstance(tree, datetime):
        # The reader's own kind forgets its time zone when it is copied.
        return datetime.combine(tree.date(), tree.timetz())
    if tree is None or isinstance(tree, date):
        return tree
    if isinstance(tree, ScalarBoolean):  # of an anchor, and an integer to Python
        return bool(tree)
    if isinstance(tree, str):
        return _text(tree, key, lines, name, refuse)
    for kind in (bool, int, float):
        if isinstance(tree, kind):
            return kind(tree)
    raise refuse(
        f"{'.'.join(map(str, key))}: found a tagged value, expected plain YAML",
        where=f"{name}:{lines.get(key, 1)}",
    )


def _text(found: str, key: Key, lines: dict[Key, int], name: str, refuse: Refuse) -> str:
    """A text that can be written, and be a name of a file.

    JSON writes other signs than those of sixteen bits as two of these, which belong together.
    """
    with suppress(UnicodeDecodeError):
        whole = found.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        if "\0" not in whole:
            return whole
    dotted = "".join(f"{part}: " for part in [".".join(map(str, key))] if part)
    raise refuse(
        f"{dotted}found {found[:80]!a}, which holds a sign that is no text",
        where=f"{name}:{lines.get(key, 1)}",
    )
