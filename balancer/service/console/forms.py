"""What a form sent, and what is wrong with it, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from pydantic import ValidationError

from ...core.errors import InputError
from ..problems import Problem
from ..texts import can_be_held

__all__ = ["Form", "problems_of", "read_form", "whole_number"]

_MOST_FIELDS = 200


class Form(dict[str, str]):
    """The values of a form's fields; of one that came twice, the last. A missing one is ""."""

    def __missing__(self, _key: str) -> str:
        return ""

    def given(self, name: str) -> str | None:
        """A field's text without the space around it; None where nothing was entered."""
        return self[name].strip() or None


def read_form(body: bytes) -> Form:
    """A form's body (`application/x-www-form-urlencoded`).

    Raises:
        Problem: 400 for one that is none.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise Problem(400, "the form cannot be read") from None
    if not all(can_be_held(name) and can_be_held(value) for name, value in pairs):
        raise Problem(400, "a field of the form holds a null, which no text has")
    return Form({name: value.replace("\r\n", "\n") for name, value in pairs})


def whole_number(text: str, low: int, high: int) -> int | None:
    """The number of a field; None where it is none between the two."""
    text = text.strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
    return number if number is not None and low <= number <= high else None


def problems_of(error: Exception, names: Mapping[str, str] | None = None) -> dict[str, str]:
    """What to say at which field.

    Args:
        error: of pydantic, of the library, or a refusal.
        names: the form's field for one of the value's, where they differ.

    Returns:
        Messages by field; "" is the form as a whole.
    """
    names = names or {}
    if isinstance(error, ValidationError):
        found: dict[str, str] = {}
        for each in error.errors():
            place = str(each["loc"][0]) if each["loc"] else ""
            found.setdefault(names.get(place, place), _plain(each))
        return found
    if isinstance(error, Problem):
        return {names.get(error.where, error.where if error.where in names else ""): error.message}
    if isinstance(error, InputError):
        return {"": str(error)}
    raise error


def _plain(error: Mapping[str, Any]) -> str:
    if error["type"] in ("string_too_short", "missing"):
        return "Enter something here."
    return str(error["msg"]).removeprefix("Value error, ")
