"""YAML files that remember their lines, and schema errors that name them.

A `Document` is what a user wrote, as plain values, plus the line of every key. `explain`
turns the first problem pydantic finds in it into one sentence: where, which key, what was
found, what was expected, and the nearest name that would have been valid.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean

from .core.errors import InputError, nearest

__all__ = ["LARGEST_BYTES", "Document", "Key", "explain", "parse", "read_text"]

LARGEST_BYTES = 1_000_000
"""Longest file we read: a policy or scenario is a page or two."""
MOST_TOLD = 9
"""Mistakes that are listed below the first."""
_LARGEST_NODES = 50_000
_DEEPEST = 40
_TOO_MANY = "is nested too deeply or has too many values"

Key = tuple[str | int, ...]
"""Where a value stands: keys and list positions from the root."""

_Problem = tuple[bool, int, int, Key, tuple[str, ...], Any]
"""Whether a key is missing, line, number, key, keys known there, and pydantic's details."""

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


def explain(
    error: ValidationError, model: type[BaseModel], document: Document, refuse: Refuse
) -> InputError:
    """All problems in file order, as one error: the first, and the others below it, a line each."""
    problems: list[_Problem] = []
    for details in _relevant(error):
        key, known = _locate(details["loc"], model)
        # A key that is missing is mentioned last: often it is there, but misspelt.
        missing = details["type"] == "missing"
        line = document.lines.get(key, 0)
        problems.append((missing, line, len(problems), key, known, details))
    problems.sort(key=lambda problem: problem[:3])
    problems = _causes(problems)
    # All that one mapping lacks, at once.
    lacking: dict[Key, list[str]] = {}
    for missing, *_, key, _, _ in problems:
        if missing:
            lacking.setdefault(key[:-1], []).append(str(key[-1]))
    told = [
        _told(key, known, details, document)
        for missing, *_, key, known, details in problems
        if not missing
    ] + [_lacks(parent, names, document) for parent, names in lacking.items()]
    (text, where), *others = told
    lines = [text, *(f"  {at}: {other}" for other, at in others[:MOST_TOLD])]
    more = len(others) - MOST_TOLD
    if more > 0:
        lines.append(f"  and {more} more")
    return refuse("\n".join(lines), where=where)


def _causes(problems: list[_Problem]) -> list[_Problem]:
    """Problems without those that only follow from another one."""
    # A list is said to be too short as well when an item of it is wrong.
    inner = {key[:size] for *_, key, _, _ in problems for size in range(len(key))}
    unknown = {key for *_, key, _, details in problems if details["type"] == "extra_forbidden"}

    def follows(key: Key, kind: str) -> bool:
        if kind == "too_short":
            return key in inner
        # A key that is misspelt is missing, too.
        misspelt = (each for each in unknown if each[:-1] == key[:-1])
        return kind == "missing" and any(nearest(str(e[-1]), [str(key[-1])]) for e in misspelt)

    return [each for each in problems if not follows(each[3], each[5]["type"])]


def _told(key: Key, known: tuple[str, ...], details: Any, document: Document) -> tuple[str, str]:
    """One problem in words, and where it is."""
    kind = details["type"]
    parent, last = key[:-1], str(key[-1]) if key else ""
    where = document.where(key)
    about = f"{document.dotted(key)}: " if document.dotted(key) else ""
    if kind == "extra_forbidden":
        inside = f" in {document.dotted(parent)}" if document.dotted(parent) else ""
        names = ", ".join(known)
        return f"unknown key {last!r}{inside}{nearest(last, known)}; known: {names}", where
    if kind == "union_tag_invalid":
        tag = str(details["ctx"]["tag"])
        tags = _quoted(details["ctx"]["expected_tags"])
        place = (*key, details["ctx"]["discriminator"].strip("'"))
        names = ", ".join(tags)
        text = f"{document.dotted(place)}: found {tag!r}, expected one of {names}"
        return text + nearest(tag, tags), document.where(place)
    if kind == "union_tag_not_found":
        name = details["ctx"]["discriminator"].strip("'")
        return f"{document.dotted(key)}: key {name!r} is missing", where
    if kind == "value_error":
        return f"{about}{details['ctx']['error']}", where
    found = _brief(details["input"]) if details["input"] != [] else "an empty list"
    return f"{about}found {found}, expected {_expected(details)}", where


def _lacks(parent: Key, names: Sequence[str], document: Document) -> tuple[str, str]:
    """Keys that a mapping lacks, in words, and where it is."""
    inside = f"{document.dotted(parent)}: " if document.dotted(parent) else ""
    *first, last = map(repr, names)
    keys = f"keys {', '.join(first)} and {last} are" if first else f"key {last} is"
    return f"{inside}{keys} missing", document.where((*parent, names[0]))


def _relevant(error: ValidationError) -> list[Any]:
    """What pydantic found, without "expected text" for a mapping that may also be text."""
    errors: list[Any] = list(error.errors(include_url=False))
    wanted = [
        details
        for details in errors
        if not (isinstance(details["input"], dict) and details["type"] == "string_type")
    ]
    return wanted or errors


def _brief(found: Any) -> str:
    if isinstance(found, dict):
        return "a mapping"
    if isinstance(found, list):
        return "a list"
    text = "nothing" if found is None else repr(found)
    return text if len(text) <= 64 else text[:64] + "…"


def _quoted(text: str) -> list[str]:
    """The names in pydantic's "'a', 'b' or 'c'"."""
    return [name.strip("'") for name in text.replace(" or ", ", ").split(", ")]


def _expected(details: Any) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "literal_error":
        value = details["input"]
        names = _quoted(context["expected"])
        hint = nearest(value, names) if isinstance(value, str) else ""
        return f"one of {', '.join(names)}{hint}"
    message = str(details["msg"])
    for start in ("Input should be ", "Value error, "):
        message = message.removeprefix(start)
    return {
        "too_short": f"at least {context.get('min_length')} items",
        "too_long": f"at most {context.get('max_length')} items",
        "model_type": "a mapping",
        "dict_type": "a mapping",
        "model_attributes_type": "a mapping",
        "tuple_type": "a list",
        "list_type": "a list",
        "frozen_set_type": "a list",
        "string_type": "text",
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "finite_number": "a finite number",
        # Of large ones the reader's own words round the last digits.
        "less_than": f"less than {context.get('lt')}",
    }.get(kind, message)


def _locate(loc: Key, model: type[BaseModel]) -> tuple[Key, tuple[str, ...]]:
    """Key of a pydantic location, which also holds the names of union members; and the keys
    that are valid beside its last part.
    """
    key: list[str | int] = []
    known: tuple[str, ...] = ()
    kinds: Any = model
    for part in loc:
        kinds = _unwrap(kinds)
        options = _members(kinds)
        if len(options) > 1:
            chosen = [option for option in options if _answers_to(option, part)]
            if chosen:
                kinds = chosen[0]
                continue
            kinds = next((o for o in options if _origin(o) in (dict, list, tuple)), options[0])
        else:
            kinds = options[0]
        key.append(part)
        if isinstance(kinds, type) and issubclass(kinds, BaseModel):
            known = _names(kinds)
            kinds = _field(kinds, part)
        else:
            known = ()
            arguments = get_args(kinds)
            place = -1 if _origin(kinds) is dict else 0
            kinds = arguments[place] if arguments else Any
    return tuple(key), known


def _unwrap(kinds: Any) -> Any:
    return _unwrap(get_args(kinds)[0]) if get_origin(kinds) is Annotated else kinds


def _origin(kinds: Any) -> Any:
    return get_origin(kinds) or kinds


def _members(kinds: Any) -> list[Any]:
    if get_origin(kinds) in (Union, types.UnionType):
        return [
            inner
            for option in get_args(kinds)
            if option is not type(None)
            for inner in _members(_unwrap(option))
        ]
    return [kinds]


def _answers_to(option: Any, part: str | int) -> bool:
    """Whether pydantic calls this member of a union by that name in a location."""
    name = getattr(option, "__name__", "")
    if part in (name, name.lower()):
        return True
    if not (isinstance(option, type) and issubclass(option, BaseModel)):
        return False
    tags = [
        tag
        for entry in option.model_fields.values()
        if get_origin(entry.annotation) is Literal
        for tag in get_args(entry.annotation)
    ]
    return part in tags


def _names(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(entry.alias or name for name, entry in model.model_fields.items())


def _field(model: type[BaseModel], part: str | int) -> Any:
    for name, entry in model.model_fields.items():
        if part in (name, entry.alias):
            return entry.annotation
    return Any
