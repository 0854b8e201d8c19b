"""Plain values as TOML: what our own reader takes back as the same values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

__all__ = ["model_table_toml"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def model_table_toml(table: Mapping[str, Any], dated: date, says: str) -> str:
    """A model table as a file.

    Args:
        table: rows by the model's name, under "models".
        dated: when the prices were read.
        says: a line for whoever opens the file.
    """
    lines = [f"# {says}", "", f"dated = {dated.isoformat()}"]
    for name, row in table["models"].items():
        lines += ["", f"[models.{_text(name)}]"]
        lines += [f"{_key(key)} = {_value(value)}" for key, value in row.items()]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for the one character that JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)
