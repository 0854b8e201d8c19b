"""Two policies compared, in sentences: each number that differs, with its unit, and what it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML

from .core.policy import Policy, Rule
from .core.rules import shown
from .policy_show import show_policy, shown_threshold
from .units import show_seconds, show_share

__all__ = ["policy_difference"]

_SIGNALS = {
    "latency_p50": "median latency",
    "latency_p95": "P95 latency",
    "latency_p99": "P99 latency",
    "ttft_p95": "P95 time to the first token",
    "error_rate": "error rate",
    "token_cost_per_hour": "cost per hour",
    "tokens_per_minute": "tokens per minute",
    "spend_10m": "spend in ten minutes",
    "queue_depth": "requests waiting",
    "memory": "memory in use",
    "burn_rate": "burn rate",
}
_APART = ("name", "rules")
"""Keys that say nothing of how a policy decides, or are told rule by rule."""


def policy_difference(before: Policy, after: Policy) -> tuple[str, ...]:
    """What differs, a sentence each: rules first, then the rest in the order of a policy file.

    Sentences begin with what is changed, in the words and units of policy files, and end with
    what it was: "soft begins at P95 latency 12s, was 15s". Defaults count as what they are.
    """
    return (*_rules(before, after), *_rest(before, after))


def _rules(before: Policy, after: Policy) -> Iterator[str]:
    earlier = {rule.name: rule for rule in before.rules}
    for rule in after.rules:
        was = earlier.pop(rule.name, None)
        if was is None:
            yield f"{_begins(rule)}; there was no such rule"
        else:
            yield from _rule(was, rule)
    for rule in earlier.values():
        yield f"{_named(rule)} no longer begins at {_SIGNALS[rule.signal]} {_threshold(rule)}"


def _rule(was: Rule, rule: Rule) -> Iterator[str]:
    if (was.level, was.signal, was.objective) != (rule.level, rule.signal, rule.objective):
        yield f"{_begins(rule)}; before, {_begins(was)}"
        return
    if _threshold(was) != _threshold(rule):
        yield f"{_begins(rule)}, was {_threshold(was)}"
    subject = f"{_named(rule)} by {_SIGNALS[rule.signal]}"
    if was.window_s != rule.window_s:
        yield (
            f"{subject} looks back {show_seconds(rule.window_s)}, was {show_seconds(was.window_s)}"
        )
    if was.short_window_s != rule.short_window_s:
        yield (
            f"{subject} has a short window of {_maybe(rule.short_window_s)}, "
            f"was {_maybe(was.short_window_s)}"
        )
    if was.sustained_s != rule.sustained_s:
        yield (
            f"{subject} waits until it has lasted {show_seconds(rule.sustained_s)}, "
            f"was {show_seconds(was.sustained_s)}"
        )
    if was.jump != rule.jump:
        yield f"{subject} is entered {'at once' if rule.jump else 'step by step'}"


def _named(rule: Rule) -> str:
    level = rule.level.label
    return level if rule.name == f"{level} {rule.signal}" else f"{level} ({rule.name})"


def _begins(rule: Rule) -> str:
    return f"{_named(rule)} begins at {_SIGNALS[rule.signal]} {_threshold(rule)}"


def _threshold(rule: Rule) -> str:
    text = shown_threshold(rule)
    if rule.at_rest is not None:
        return f"{text} of that at rest ({shown(rule.threshold, rule.signal)})"
    return text if rule.objective is None else f"{text} of {show_share(rule.objective)}"


def _maybe(seconds: float | None) -> str:
    return "none" if seconds is None else show_seconds(seconds)


def _rest(before: Policy, after: Policy) -> Iterator[str]:
    was, now = (dict(_leaves(_plain(policy), ())) for policy in (before, after))
    for path in dict.fromkeys((*now, *was)):
        if was.get(path) != now.get(path):
            yield f"{_place(path)} {_said(now.get(path))}, was {_said(was.get(path))}"


def _plain(policy: Policy) -> Mapping[str, Any]:
    tree = YAML(typ="safe", pure=True).load(show_policy(policy))
    return {key: value for key, value in tree.items() if key not in _APART}


def _leaves(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value of a tree that is no mapping, with its path; lists are values."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves(value, (*path, str(key)))
    else:
        yield path, tree


def _place(path: tuple[str, ...]) -> str:
    """A path as words: `modes.soft.output_cap` is "soft: output cap"."""
    first, *rest = (part.replace("_", " ") for part in path)
    if first == "modes":
        first, *rest = rest
        return f"{first}: {' '.join(rest)}"
    if first == "constants":
        first, *rest = rest
        return f"law {first}: {' '.join(rest)}"
    return " ".join((first, *rest))


def _said(value: Any) -> str:
    if value is None or value == []:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"“{value}”" if isinstance(value, str) and " " in value else str(value)
