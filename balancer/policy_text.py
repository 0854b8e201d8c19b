"""A policy file's text with values replaced: comments and order stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from .core.policy import Rule
from .policy_show import shown_threshold

__all__ = ["rewritten", "threshold_table"]


def rewritten(text: str, change: Callable[[Any], None]) -> str:
    """The same text after a change of its tree, as YAML.

    Args:
        text: of a policy file; what is a list of alerts becomes a mapping that holds them.
        change: is given the tree, and changes it in place.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 96
    yaml.indent(mapping=2, sequence=4, offset=2)
    tree = yaml.load(text)
    if isinstance(tree, list):
        tree = CommentedMap(alerts=tree)
    change(tree)
    written = StringIO()
    yaml.dump(tree, written)
    return written.getvalue()


def threshold_table(rules: Sequence[Rule]) -> Any:
    """The thresholds of the policy that ships, as it has them."""
    table = CommentedMap()
    for rule in rules:
        table.setdefault(rule.level.label, CommentedMap())[rule.signal] = shown_threshold(rule)
    return table
