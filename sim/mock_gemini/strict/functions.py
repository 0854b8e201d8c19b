"""Tools that are declared, and how they are to be used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from balancer.core.catalog import ModelCard
from balancer.wire.members import camel, child, member

from ..refusals import invalid_argument

__all__ = ["check_functions", "declarations", "is_silent", "mode_of"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")


def declarations(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Functions that a request declares."""
    return [
        declared
        for tool in _listed(member(document, "tools"))
        for declared in _listed(member(tool, "functionDeclarations"))
        if isinstance(declared, Mapping)
    ]


def mode_of(document: Mapping[str, Any]) -> str:
    """The mode of function calling, "AUTO" where none is said."""
    calling = child(child(document, "toolConfig"), "functionCallingConfig")
    mode = str(member(calling, "mode") or "AUTO").upper()
    return "AUTO" if mode == "MODE_UNSPECIFIED" else mode


def is_silent(card: ModelCard) -> bool:
    """Whether a card says nothing of what a model can do: somebody wrote it for its price."""
    only_text = frozenset(("text",))
    return not (card.family or card.tools) and card.inputs == card.outputs == only_text


def check_functions(document: Mapping[str, Any], card: ModelCard) -> None:
    """Refuse tools that contradict each other, the format, or the model.

    Raises:
        Refusal: says what.
    """
    said = (member(document, name) for name in ("tools", "toolConfig"))
    if "computer-use" not in card.name and all(value is None for value in said):
        return
    declared = declarations(document)
    names = [str(member(each, "name") or "") for each in declared]
    _names(names)
    _calling(document, names)
    built_in = sorted(set(_built_in(document)))
    # Told, of 2.x models; those that use computers take functions of the caller beside.
    apart = [name for name in built_in if name != "computerUse"]
    if declared and apart and not card.json_with_functions:
        raise invalid_argument(
            f"Built-in tools ({', '.join(apart)}) and function calling cannot be combined in "
            "the same request."
        )
    form = str(member(child(document, "generationConfig"), "responseMimeType") or "")
    if declared and form == "application/json" and not card.json_with_functions:  # told
        raise invalid_argument(
            "Function calling with a response mime type: 'application/json' is unsupported"
        )
    if "computer-use" in card.name and not (
        "computerUse" in built_in or member(document, "cachedContent")
    ):  # believed
        raise invalid_argument(f"models/{card.name} requires the use of the computer use tool.")
    if is_silent(card):
        return
    for name in (*(["functions"] if declared else []), *built_in):
        if name not in card.tools:  # believed
            raise invalid_argument(f"Tool {name} is not enabled for models/{card.name}")


def _names(names: list[str]) -> None:
    """Believed, from the documentation."""
    for index, name in enumerate(names):
        if not _NAME.fullmatch(name):
            raise invalid_argument(
                f"* GenerateContentRequest.tools[0].function_declarations[{index}].name: Invalid "
                f"function name {name[:80]!r}."
            )
        if name in names[:index]:
            raise invalid_argument(f"Duplicate function declaration found: {name}")


def _calling(document: Mapping[str, Any], names: list[str]) -> None:
    """Believed, from the documentation."""
    calling = child(child(document, "toolConfig"), "functionCallingConfig")
    mode = mode_of(document)
    allowed = [str(name) for name in _listed(member(calling, "allowedFunctionNames"))]
    if mode in ("ANY", "VALIDATED") and not names:
        raise invalid_argument("Function calling config is set without function_declarations.")
    if allowed and mode not in ("ANY", "VALIDATED"):
        raise invalid_argument(
            "Allowed function names are only taken with the modes ANY, VALIDATED"
        )
    for name in allowed:
        if name not in names:
            raise invalid_argument(
                f"Allowed function {name[:80]!r} is not declared in the request."
            )


def _built_in(document: Mapping[str, Any]) -> Iterator[str]:
    for tool in _listed(member(document, "tools")):
        for key in tool if isinstance(tool, Mapping) else ():
            name = camel(str(key))
            if name != "functionDeclarations" and tool[key] is not None:
                yield name


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
