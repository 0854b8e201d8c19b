"""The space that is searched when nobody names one, made for the policy that is tuned.

- Thresholds: of each signal the lowest one, from half to twice what it is, and wide enough that the
  level at rest, where the policy's baseline tells it, is between; each next one a factor above,
  from two thirds to one and a half times as far as it is.
- The hold of the policy's law.
- Time-outs from half to one and a half times, and output caps from half to twice what they are.

What would make no policy at an end of its range, or next to others, is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from balancer.core.errors import InputError, PolicyError
from balancer.core.modes import MODES, Mode
from balancer.core.policy import LadderSettings, Policy

from .fields import MULTIPLE, SHARE, Field, Fields
from .space import Dimension, Space, rounded

__all__ = ["default_space"]

HOLDS = {"ladder": "ladder.hold", "mildest": "ladder.hold", "threshold": "constants.threshold.hold"}
"""The hold of a law, by its path."""
LONGEST_SHARE = 0.95


def default_space(fields: Fields) -> Space:
    """A space for a policy.

    Raises:
        InputError: there is nothing to tune in it.
    """
    kept: list[Dimension] = []
    for group in _groups(fields):
        if _is_sound(Space(fields, [*kept, *group]), group):
            kept += group
    if not kept:
        raise InputError(
            "has no threshold, hold, time-out or cap that could be tuned; name what to tune with "
            "--space FILE",
            where=fields.where,
        )
    return Space(fields, kept)


def _is_sound(space: Space, group: Sequence[Dimension]) -> bool:
    try:
        for _, drawn in space.ends(group):
            space.fields.parsed(space.text(space.amounts(drawn)))
    except (PolicyError, ValueError):
        return False
    return True


def _groups(fields: Fields) -> Iterator[list[Dimension]]:
    """Dimensions that belong together: a signal's thresholds, or a single value."""
    ruled: dict[tuple[object, ...], list[Field]] = {}
    for each in fields.values():
        if each.rule is not None:
            rule = each.rule
            kind = (rule.signal, rule.window_s, rule.sustained_s, rule.objective, each.unit.name)
            ruled.setdefault(kind, []).append(each)
    for chain in ruled.values():
        yield _chain(chain, fields.policy)
    policy = fields.policy
    path = HOLDS.get(policy.law)
    if path is not None:
        yield [_hold(fields[path], policy)]
    for mode in MODES:
        yield from _of_mode(fields, mode)


def _chain(chain: Sequence[Field], policy: Policy) -> list[Dimension]:
    chain = sorted(chain, key=_threshold)
    first = chain[0]
    present = _threshold(first)
    low, high = present / 2.0, present * 2.0
    rest = _at_rest(first, policy)
    if rest is not None:
        low, high = min(low, 1.2 * rest), max(high, 4.0 * rest)
    ratios = [
        (max(1.1, ratio / 1.5), max(1.2, ratio * 1.5))
        for ratio in (_threshold(b) / _threshold(a) for a, b in pairwise(chain))
    ]
    if first.unit is SHARE:
        high = min(high, LONGEST_SHARE / math.prod(least for least, _ in ratios))
        room = LONGEST_SHARE / high / math.prod(most for _, most in ratios)
        if room < 1.0:
            part = room ** (1.0 / len(ratios)) if ratios else 1.0
            ratios = [(least, max(least, most * part)) for least, most in ratios]
    found = [_range(first, low, high)]
    for (before, each), (least, most) in zip(pairwise(chain), ratios, strict=True):
        found.append(
            Dimension(
                path=each.path,
                unit=each.unit,
                low=rounded(least),
                high=rounded(most),
                log=True,
                times=before.path,
            )
        )
    return found


def _threshold(each: Field) -> float:
    assert each.present is not None
    return each.present


def _at_rest(field: Field, policy: Policy) -> float | None:
    """A signal's level on the policy's baseline, in the unit of its threshold."""
    assert field.rule is not None
    return 1.0 if field.unit is MULTIPLE else policy.at_rest().get(field.rule.signal)


def _hold(field: Field, policy: Policy) -> Dimension:
    present = field.present or LadderSettings().hold_s
    least = 2.0 * max((each.timeout_s or 0.0 for each in policy.strategies), default=0.0)
    # The ladder's hold is at least two time-outs, which are tuned as well.
    low = present / 4.0 if policy.law != "ladder" else max(present / 4.0, least * 1.5)
    return _range(field, low, max(present * 2.5, low * 2.0))


def _of_mode(fields: Fields, mode: Mode) -> Iterator[list[Dimension]]:
    timeout = fields[f"modes.{mode.label}.timeout"]
    if timeout.present:
        yield [_range(timeout, timeout.present / 2.0, timeout.present * 1.5)]
    cap = fields[f"modes.{mode.label}.output_cap"]
    if cap.present:
        yield [_range(cap, max(1.0, cap.present / 2.0), cap.present * 2.0)]


def _range(field: Field, low: float, high: float) -> Dimension:
    low, high = (rounded(each, whole=field.unit.whole) for each in (low, high))
    return Dimension(path=field.path, unit=field.unit, low=low, high=high, log=True)
