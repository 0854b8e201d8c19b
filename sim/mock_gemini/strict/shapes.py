"""Fields that there are, of the kind that they are. Believed: how Google's services read JSON."""

from __future__ import annotations

import binascii
import json
from typing import Any

from balancer.wire.members import camel, snake

from ..refusals import malformed_json
from .fields import ENUMERATIONS, MESSAGES

__all__ = ["check_shape"]

_TYPES = {
    "text": "TYPE_STRING",
    "bytes": "TYPE_BYTES",
    "whole": "TYPE_INT32",
    "number": "TYPE_FLOAT",
    "flag": "TYPE_BOOL",
}


def check_shape(document: dict[str, Any]) -> None:
    """Refuse unknown fields and values of another kind.

    Raises:
        Refusal: names the field and where it stands.
    """
    _message(document, "GenerateContentRequest", "")


def _message(value: dict[str, Any], kind: str, where: str) -> None:
    fields = MESSAGES[kind]
    for key, inner in value.items():
        name = key if key in fields else camel(key)
        field = fields.get(name)
        if field is None:
            at = f" at '{where}'" if where else ""
            raise malformed_json(f'Unknown name "{key[:80]}"{at}: Cannot find field.')
        if inner is None or field == "any":
            continue
        place = f"{where}.{snake(name)}" if where else snake(name)
        if field.startswith("["):
            # One that stands by itself is taken for a list of it.
            for index, item in enumerate(inner if isinstance(inner, list) else (inner,)):
                _value(item, field[1:-1], f"{place}[{index}]")
        else:
            _value(inner, field, place)


def _value(value: Any, kind: str, where: str) -> None:
    if kind in MESSAGES:
        if not isinstance(value, dict):
            raise _wrong(value, kind, where)
        _message(value, kind, where)
    elif kind in ENUMERATIONS:
        if str(value).upper() not in ENUMERATIONS[kind]:
            raise _wrong(value, kind, where)
    elif not _is(value, kind):
        raise _wrong(value, _TYPES[kind], where)
    elif kind == "bytes" and not _is_base64(value):
        raise malformed_json(f"Invalid value at '{where}' (TYPE_BYTES), Base64 decoding failed.")


def _is(value: Any, kind: str) -> bool:
    if kind in ("text", "bytes"):
        return isinstance(value, str)
    if kind == "flag":
        return isinstance(value, bool) or value in ("true", "false")
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return False
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return kind == "number" or value == int(value)


def _is_base64(text: str) -> bool:
    """Whether a text is Base64, of either alphabet, with or without its padding."""
    plain = text.translate(_ALPHABET).rstrip("=")
    try:
        binascii.a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)
    except (ValueError, binascii.Error):
        return False
    return True


_ALPHABET = str.maketrans("-_", "+/")


def _wrong(value: Any, kind: str, where: str) -> Exception:
    return malformed_json(f"Invalid value at '{where}' ({kind}), {json.dumps(value)[:80]}")
