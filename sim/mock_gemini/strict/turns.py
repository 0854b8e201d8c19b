"""The conversation: roles, parts, and calls of functions with what they gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from balancer.core.catalog import ModelCard
from balancer.wire.members import camel, member
from balancer.wire.validity import PART_DATA

from ..refusals import invalid_argument

__all__ = ["check_turns"]

_ROLES = (None, "", "user", "model")


def check_turns(document: Mapping[str, Any], card: ModelCard) -> None:
    """Refuse a conversation that is none.

    Raises:
        Refusal: says where it breaks.
    """
    found = member(document, "contents")
    contents = found if isinstance(found, list) else [found]
    for index, content in enumerate(contents):
        _content(content, index)
    _pairs(contents)
    if card.signs_calls:
        _signatures(contents, card)


def _content(content: Any, index: int) -> None:
    role = member(content, "role")
    if role not in _ROLES:  # believed
        raise invalid_argument("Please use a valid role: user, model.")
    for place, part in enumerate(_parts(content)):
        held = [
            name
            for name, value in zip(map(camel, part), part.values(), strict=True)
            if name in PART_DATA and value is not None
        ]
        if len(held) != 1:  # believed
            raise invalid_argument(
                f"* GenerateContentRequest.contents[{index}].parts[{place}].data: required oneof "
                f"field 'data' must have one initialized field; found {len(held)}"
            )
        if held == ["functionCall"] and role != "model":  # believed
            raise invalid_argument("Function calls must stand in a turn of the role model.")
        if held == ["functionResponse"] and role == "model":  # believed
            raise invalid_argument("Function responses must stand in a turn of the role user.")
        name = held[0]
        if name.startswith("function") and not member(member(part, name), "name"):  # believed
            raise invalid_argument(
                f"* GenerateContentRequest.contents[{index}].parts[{place}].{name}.name: Name "
                "cannot be empty."
            )


def _pairs(contents: Sequence[Any]) -> None:
    """As many responses as calls, directly after them; told, in several reports."""
    before, called = None, 0
    for content in contents:
        calls = _count(content, "functionCall")
        responses = _count(content, "functionResponse")
        if calls and (before is None or member(before, "role") == "model"):
            raise invalid_argument(
                "Please ensure that function call turn comes immediately after a user turn or "
                "after a function response turn."
            )
        if responses and not called:
            raise invalid_argument(
                "Please ensure that function response turn comes immediately after a function "
                "call turn."
            )
        if called != responses:
            raise invalid_argument(
                "Please ensure that the number of function response parts is equal to the number "
                "of function call parts of the function call turn."
            )
        before, called = content, calls
    if called:
        raise invalid_argument("Please ensure that a function call turn has its response turn.")


def _signatures(contents: Sequence[Any], card: ModelCard) -> None:
    """A signature on the first call of every step of the current turn; told.

    Of calls that were made at once the model signs the first. Any signature is taken, the
    documented placeholder for calls of other models included.
    """
    for content in contents[_current(contents) :]:
        for part in _parts(content):
            call = member(part, "functionCall")
            if call is None:
                continue
            if not member(part, "thoughtSignature"):
                raise invalid_argument(
                    "Function call is missing a thought_signature in functionCall parts. This is "
                    f"required for tools to work correctly with models/{card.name}. Additional "
                    f"data, function call `{member(call, 'name')}`."
                )
            break


def _current(contents: Sequence[Any]) -> int:
    """Where the current turn begins: the last time that the user spoke."""
    for index in range(len(contents) - 1, -1, -1):
        content = contents[index]
        if member(content, "role") != "model" and not _count(content, "functionResponse"):
            return index
    return 0


def _count(content: Any, name: str) -> int:
    return sum(member(part, name) is not None for part in _parts(content))


def _parts(content: Any) -> Sequence[Any]:
    parts = member(content, "parts")
    return parts if isinstance(parts, list) else [] if parts is None else [parts]
