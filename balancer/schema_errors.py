"""What a schema finds wrong with a document, in one sentence.

`explain` turns the first problem that pydantic finds into one: where, which key, what was found,
what was expected, and the nearest name that would have been valid. More are listed below it.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .core.errors import InputError, nearest
from .documents import Document, Key, Refuse

__all__ = ["explain"]

MOST_TOLD = 9
"""Mistakes that are listed below the first."""

_Problem = tuple[bool, int, int, Key, tuple[str, ...], Any]
"""Whether a key is missing, line, number, key, keys known there, and pydantic's details."""


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
