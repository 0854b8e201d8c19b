"""What can be moved in a policy, and the policy with other values.

A policy's text takes a tenth of a second to read, more than an hour takes to simulate. So while
something is dragged it is not read again: the values are put into the policy that was read from it.
`yaml` puts them into the text; both are the same policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from balancer.core.errors import InputError, nearest
from balancer.core.histogram import MAX_INDEX, MIN_INDEX, edge_s
from balancer.core.modes import MODES, Mode, Priority
from balancer.core.policy import SIGNALS, Policy, Rule
from balancer.core.rules import shown
from balancer.units import Multiple

from ..tuning.default_space import HOLDS
from ..tuning.fields import MULTIPLE, Field, Fields

__all__ = ["Amounts", "Knob", "Knobs"]

Group = Literal["thresholds", "hold", "shares"]

Amounts = Mapping[str, str]
"""Amounts as people write them, by the path of a knob."""

MOST_TEXT = 40
"""Characters of an amount."""
_MONEY = ("multiple", "cost")
PROBED = ("ladder", "mildest")
"""Laws that try a milder mode with a share of the requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """A number of a policy that can be moved.

    Attributes:
        path: of its key in the policy's text.
        label: for a person.
        group: thresholds, hold or shares.
        unit: how its amounts are written: `sim.tuning.fields.Unit.name`.
        amount: what holds, as a policy file says it.
        value: the same as a number; of a threshold, in its signal's unit, as it is judged.
        signal, level: of a threshold, what it watches and the mode that it enters; else "".
        factor: the value over the number in `amount`: dollars, for a multiple of what is usual.
        low, high: bounds of the value.
    """

    path: str
    label: str
    group: Group
    unit: str
    amount: str
    value: float
    signal: str = ""
    level: str = ""
    factor: float = 1.0
    low: float
    high: float


class Knobs:
    """The knobs of a policy's text.

    Args:
        fields: of the text.
    """

    __slots__ = ("_fields", "_turned")

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._turned = {path: group for group, path in _turned(fields)}

    def policy(self, amounts: Amounts) -> Policy:
        """The policy with other values.

        Raises:
            InputError: an unknown path, or an amount that is none.
            PolicyError: what comes of it is no policy.
        """
        policy = self._fields.policy
        rules = {rule.name: rule for rule in policy.rules}
        ladder, constants = policy.ladder, policy.constants
        strategies = list(policy.strategies)
        for path, value in self._values(amounts).items():
            field = self._fields[path]
            part, *rest = path.split(".")
            if field.rule is not None:
                rules[field.rule.name] = _at(field.rule, value)
            elif part == "ladder":
                changed: dict[str, Any] = {_attribute(ladder, rest[0]): value}
                ladder = replace(ladder, **changed)
            elif part == "constants":
                threshold = replace(constants.threshold, hold_s=value)
                constants = replace(constants, threshold=threshold)
            else:
                mode = Mode[rest[0].upper()]
                shed = list(strategies[mode].shed)
                shed[Priority[rest[2].upper()]] = value
                low, normal, high = shed
                strategies[mode] = replace(strategies[mode], shed=(low, normal, high))
        first, soft, hard, emergency = strategies
        return replace(
            policy,
            rules=tuple(rules[rule.name] for rule in policy.rules),
            ladder=ladder,
            constants=constants,
            strategies=(first, soft, hard, emergency),
        )

    def yaml(self, amounts: Amounts) -> str:
        """The policy's text with other values, its comments kept.

        Raises:
            InputError, PolicyError: as of `policy`.
        """
        self.policy(amounts)
        values = self._values(amounts)
        if not values:
            return self._fields.text
        return self._fields.with_values(
            {path: self._fields[path].unit.show(value) for path, value in values.items()}
        )

    def shown(self, policy: Policy) -> tuple[Knob, ...]:
        """The knobs as they stand in a policy that `policy` gave."""
        rules = {rule.name: rule for rule in policy.rules}
        found = []
        for path, group in self._turned.items():
            field = self._fields[path]
            if field.rule is not None:
                found.append(_threshold(field, rules[field.rule.name]))
            else:
                found.append(_plain(field, group, _value(policy, path)))
        return tuple(found)

    def _values(self, amounts: Amounts) -> dict[str, float]:
        found = {}
        for path, text in amounts.items():
            if path not in self._turned:
                close = nearest(path, self._turned)
                raise InputError(f"there is no such number to move{close}", where=path[:80])
            if len(text) > MOST_TEXT:
                raise InputError(f"the amount is longer than {MOST_TEXT} characters", where=path)
            unit = self._fields[path].unit
            try:
                value = unit.parse(_scalar(text))
            except ValueError as error:
                raise InputError(str(error), where=path) from None
            if unit.name in _MONEY and isinstance(value, Multiple) != (unit is MULTIPLE):
                # A file compares them before it knows what a multiple comes to.
                expected = "a multiple such as x1.75" if unit is MULTIPLE else "dollars"
                problem = f"found {text!r}, expected {expected}, as the other thresholds are"
                raise InputError(problem, where=path)
            found[path] = value
        return found


def _turned(fields: Fields) -> Iterator[tuple[Group, str]]:
    for path, field in fields.items():
        if field.rule is not None:
            yield "thresholds", path
    law = fields.policy.law
    if law in HOLDS:
        yield "hold", HOLDS[law]
    if law in PROBED:
        yield "hold", "ladder.exit"
        yield "shares", "ladder.probe_share_max"
    for mode in MODES[1:]:
        for priority in Priority:
            yield "shares", f"modes.{mode.label}.shed.{priority.label}"


def _scalar(text: str) -> str | float:
    """What YAML makes of an amount: a number, or a text that has a unit."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _at(rule: Rule, value: float) -> Rule:
    if isinstance(value, Multiple):
        return replace(rule, threshold=float(value), at_rest=float(value))
    return replace(rule, threshold=float(value), at_rest=None)


def _attribute(settings: object, key: str) -> str:
    return key if hasattr(settings, key) else f"{key}_s"


def _value(policy: Policy, path: str) -> float:
    first, *rest = path.split(".")
    if first == "ladder":
        return float(getattr(policy.ladder, _attribute(policy.ladder, rest[0])))
    if first == "constants":
        return policy.constants.threshold.hold_s
    return policy.strategies[Mode[rest[0].upper()]].shed[Priority[rest[2].upper()]]


def _threshold(field: Field, rule: Rule) -> Knob:
    held = rule.threshold if rule.at_rest is None else rule.at_rest
    low, high = _BOUNDS[SIGNALS[rule.signal]]
    return Knob(
        path=field.path,
        label=f"{rule.level.label} at {rule.signal} {shown(rule.threshold, rule.signal)}",
        group="thresholds",
        unit=field.unit.name,
        amount=str(field.unit.show(held)),
        value=rule.effective_threshold,
        signal=rule.signal,
        level=rule.level.label,
        factor=rule.threshold / held if held > 0.0 else 1.0,
        low=low,
        high=high,
    )


def _plain(field: Field, group: Group, value: float) -> Knob:
    if field.unit.name == "share":
        low, high = (0.0, 1.0) if "shed" in field.path else (0.001, 1.0)
    elif field.path == "ladder.exit":
        low, high = 0.01, 1.0
    else:
        low, high = 1.0, 86_400.0
    return Knob(
        path=field.path,
        label=_LABELS.get(field.path) or _shed_label(field.path),
        group=group,
        unit=field.unit.name,
        amount=str(field.unit.show(value)),
        value=value,
        low=low,
        high=high,
    )


def _shed_label(path: str) -> str:
    _, mode, _, priority = path.split(".")
    return f"{mode} sheds of {priority} priority"


_LABELS = {
    "ladder.hold": "hold before a milder mode is tried",
    "constants.threshold.hold": "hold before a milder mode",
    "ladder.exit": "exit threshold over entry threshold",
    "ladder.probe_share_max": "most requests that probe",
}

_BOUNDS: Mapping[str, tuple[float, float]] = {
    "seconds": (edge_s(MIN_INDEX) * 1.1, min(16_000.0, edge_s(MAX_INDEX))),
    "share": (0.0001, 0.9999),
    "usd_per_hour": (0.01, 1e9),
    "usd": (0.01, 1e9),
    "tokens_per_minute": (1.0, 1e12),
    "requests": (0.0, 1e9),
    "times": (0.001, 1e6),
}
"""Of a threshold, by its signal's unit: what a policy takes."""
