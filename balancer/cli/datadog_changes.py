"""How changes in Datadog are shown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from ..adapters.datadog.applying import Action, Change

__all__ = ["show_change", "show_changes", "show_total", "to_change"]

_SIGNS: Final = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.DELETE: ("-", "red"),
    Action.KEEP: (" ", "dim"),
    Action.LATER: ("?", "yellow"),
}
_DONE: Final = {
    Action.CREATE: "created",
    Action.UPDATE: "updated",
    Action.DELETE: "deleted",
    Action.KEEP: "kept",
    Action.LATER: "left for later",
}
_LONGEST: Final = 160


def to_change(changes: Sequence[Change]) -> int:
    """How many of the changes are any."""
    return sum(change.action is not Action.KEEP for change in changes)


def show_changes(changes: Sequence[Change]) -> None:
    """Print a plan: what is to be changed, each value before and after."""
    for change in changes:
        if change.action is not Action.KEEP:
            show_change(change)
    counts = Counter(change.action for change in changes)
    parts = [f"{counts[action]} to {action.value}" for action in Action if counts[action]]
    Console().print(Text(", ".join(parts) or "nothing of ours is there"))


def show_change(change: Change) -> None:
    """Print a change, and what differs."""
    console = Console(soft_wrap=True)
    sign, style = _SIGNS[change.action]
    why = f" ({change.why})" if change.why else ""
    console.print(Text(f"{sign} {change.kind.value} {change.title}{why}", style=style))
    if change.action is Action.CREATE and change.definition is not None:
        query = change.definition.body.get("query")
        if query is not None:
            console.print(Text(f"      {query}", style="dim"))
    for difference in change.differences:
        console.print(Text(f"      {difference.path}"))
        console.print(Text(f"        - {_brief(difference.before)}", style="red"))
        console.print(Text(f"        + {_brief(difference.after)}", style="green"))


def show_total(changes: Sequence[Change]) -> None:
    """Print how many things were changed how."""
    counts = Counter(change.action for change in changes)
    parts = [f"{counts[action]} {_DONE[action]}" for action in Action if counts[action]]
    Console().print(Text(", ".join(parts) or "nothing of ours was there"))


def _brief(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
