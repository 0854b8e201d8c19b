"""Which public format a file is of, by its first line."""

from __future__ import annotations

import json
from typing import Final

__all__ = ["COLUMNS", "other_format", "recognised"]

COLUMNS: Final = {
    "azure": ("TIMESTAMP", "ContextTokens", "GeneratedTokens"),
    "burstgpt": ("Timestamp", "Request tokens", "Response tokens"),
}
"""Columns that are read of the public CSV formats: time, tokens of the prompt, of the answer."""

JSON_KEYS: Final = ("timestamp", "input_length", "output_length")
_CALLED = {
    "azure": "an Azure",
    "burstgpt": "a BurstGPT",
    "mooncake": "a Mooncake",
    "bailian": "a Bailian",
}


def recognised(line: str) -> str | None:
    """Name of the public format that a first line is of; None: of no known one."""
    if line.lstrip().startswith("{"):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not all(key in entry for key in JSON_KEYS):
            return None
        return "bailian" if "chat_id" in entry else "mooncake"
    found = {cell.strip().strip('"').lower() for cell in line.split(",")}
    for name, columns in COLUMNS.items():
        if found.issuperset(column.lower() for column in columns):
            return name
    return None


def other_format(line: str, form: str) -> str:
    """What to say of a first line that does not fit a format: the one it is of, or "".

    Args:
        line: the first of the file that holds anything.
        form: the format that was named.
    """
    found = recognised(line)
    if found is not None and found != form:
        return f"; this is {_CALLED[found]} file: say `format: {found}`"
    if found is None and form in COLUMNS:
        return "; of a CSV file of your own say `format: csv`, and what its columns are called"
    return ""
