"""What the SDK makes contents of: contents, their parts and whatever it takes as one.

It makes one content of loose parts in a row, so what one of them is says nothing by itself: a text
beside a function's result is no new turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from google.genai import types

from balancer.wire import first_kept
from balancer.wire.members import member

__all__ = ["Grouped", "answers_a_tool", "form", "grouped", "kept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """One content as it is sent.

    Attributes:
        first: index of the first item that it is made of.
        role: who says it; None or "" is the user, too.
        parts: of any form; a value that is no list, where it is given as JSON, makes no content.
        given: whether it was given as a content, or else in parts.
    """

    first: int
    role: Any
    parts: Any
    given: bool

    def has(self, name: str) -> bool:
        """Whether a part holds something.

        Args:
            name: of the part's member, in camelCase.
        """
        parts = self.parts if isinstance(self.parts, list) else [self.parts]
        return any(_holds(part, name) for part in parts)


def grouped(contents: Any) -> list[Grouped]:
    """The contents that are sent, oldest first."""
    found: list[Grouped] = []
    for index, item in enumerate(_items(contents)):
        if isinstance(item, types.Content):
            found.append(
                Grouped(first=index, role=item.role, parts=list(item.parts or ()), given=True)
            )
        elif isinstance(item, dict) and ("parts" in item or "role" in item):
            found.append(
                Grouped(first=index, role=item.get("role"), parts=item.get("parts"), given=True)
            )
        elif isinstance(item, list | tuple):
            found.append(Grouped(first=index, role="user", parts=list(item), given=True))
        else:
            # Calls of functions are the model's.
            role = "model" if _holds(item, "functionCall") else "user"
            last = found[-1] if found else None
            if last is None or last.given or last.role != role:
                last = Grouped(first=index, role=role, parts=[], given=False)
                found.append(last)
            last.parts.append(item)
    return found


def _items(contents: Any) -> Iterable[Any]:
    return contents if isinstance(contents, list | tuple) else [contents]


def _holds(part: Any, name: str) -> bool:
    if isinstance(part, dict):
        return member(part, name) is not None
    held = "function_call" if name == "functionCall" else "function_response"
    return getattr(part, held, None) is not None


def form(content: Grouped) -> dict[str, Any]:
    """The form of a content: its role, and what its parts are."""
    parts = content.parts
    return {
        "role": content.role,
        "parts": [_form(part, content) for part in parts] if isinstance(parts, list) else parts,
    }


def _form(part: Any, content: Grouped) -> Any:
    for name in ("functionCall", "functionResponse"):
        if _holds(part, name):
            return {name: True}
    if isinstance(part, types.Part):
        return {name: True for name, value in vars(part).items() if value is not None}
    # Alone, even the name of a file is a part.
    return part if isinstance(part, dict) and content.given else {"text": True}


def answers_a_tool(contents: Any) -> bool:
    """Whether a conversation ends in the result of a function call."""
    found = grouped(contents)
    return bool(found) and found[-1].has("functionResponse")


def _speaks(content: Grouped) -> bool:
    """As `balancer.wire.speaks`."""
    return content.role in (None, "", "user") and not content.has("functionResponse")


def kept(contents: Any, turns: int) -> Any:
    """The last turns of a conversation; a new list where some are left out."""
    if not isinstance(contents, list | tuple):
        return contents
    found = grouped(contents)
    first = first_kept(found, turns, _speaks)
    return contents[found[first].first :] if first else contents
