"""A law's memory by the names of its attributes: out as plain values, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["put_back", "saved"]


def saved(memory: object, names: Iterable[str]) -> dict[str, object]:
    """Attributes as plain values; lists are copied, so that what is saved stays as it was."""
    return {name: _copied(getattr(memory, name)) for name in names}


def put_back(memory: object, names: Iterable[str], state: Mapping[str, object]) -> None:
    """Set attributes to what `saved` gave."""
    for name in names:
        setattr(memory, name, _copied(state[name]))


def _copied(value: object) -> object:
    return list(value) if isinstance(value, list) else value
