"""What google-genai takes and gives for interactions, as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["plain"]


def plain(value: Any) -> Any:
    """A value of the SDK's as JSON, as far as `balancer.wire.interactions` reads it.

    Bytes become as much text as they will be when they are sent, and files a name. Members that
    say nothing are left out.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {
            str(name): plain(item)
            for name, item in value.items()
            if item is not None and type(item).__name__ != "Unset"
        }
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes | bytearray):
        return "A" * (len(value) * 4 // 3)
    if getattr(value, "is_unknown", None) is True:
        return plain(value.raw)
    if hasattr(value, "model_fields_set"):
        # Names of Python that JSON spells without their last sign, such as `schema_`.
        return {name.rstrip("_"): item for name, item in plain(vars(value)).items()}
    return str(value)
