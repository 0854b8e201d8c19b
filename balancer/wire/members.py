"""Members of a JSON object under either spelling: Gemini takes camelCase and snake_case mixed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeGuard

__all__ = ["camel", "child", "is_object", "key_of", "member", "snake"]

_JOINT = re.compile(r"(?<=.)_([a-z0-9])")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OBJECT = (dict, Mapping)
"""Nearly every object is a dict, which is told much sooner than that it is a mapping."""


@lru_cache(maxsize=256)
def snake(name: str) -> str:
    """A camelCase name in snake_case."""
    return _HUMP.sub("_", name).lower()


@lru_cache(maxsize=256)
def camel(name: str) -> str:
    """A snake_case name in camelCase; what is so already stays."""
    return _JOINT.sub(lambda found: found[1].upper(), name)


def key_of(body: Mapping[str, Any], name: str) -> str:
    """The key under which a member stands, or would be added.

    The camelCase spelling comes first where a body has both, as it does in JSON that Google's
    own clients write.

    Args:
        body: a JSON object.
        name: the member in camelCase.
    """
    if name in body:
        return name
    other = snake(name)
    return other if other in body else name


def is_object(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether a JSON value is an object."""
    return value is not None and isinstance(value, _OBJECT)


def member(body: Any, name: str) -> Any:
    """A member's value, or None where it is missing or the body is no object.

    Args:
        body: any JSON value.
        name: the member in camelCase.
    """
    if body is None or not isinstance(body, _OBJECT):
        return None
    value = body.get(name)
    return body.get(snake(name)) if value is None else value


def child(body: Any, name: str) -> Mapping[str, Any]:
    """A member that is an object; an empty one where it is missing or something else."""
    value = member(body, name)
    return value if is_object(value) else {}
