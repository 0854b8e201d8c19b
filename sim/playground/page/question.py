"""What an address asks: the hour, the policy, and the numbers that are moved in it.

The page's own address and those of its questions are written alike, so that a link is all there is
to know: `?on=latency_spike&base=default&thresholds.soft.latency_p95=9s&ladder.hold=90s`. What the
policy was before, for the difference, has `was.` in front.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from balancer.service.problems import Problem

__all__ = ["Question", "question"]

_HOUR = re.compile(r"hour:(\d{1,12})-(\d{1,12})")
_VERSION = re.compile(r"version-(\d{1,9})")
_NAME = re.compile(r"[a-z0-9_]{1,64}")
_MOST = 64
"""Numbers that are moved."""
_LONGEST = 120
"""Characters of a name or an amount."""
SHORTEST_S, LONGEST_S = 300, 6 * 3600
"""Of a stretch of a journal."""

Base = Literal["force", "default", "own", "version"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked.

    Attributes:
        scenario: of the library; "" asks for an hour of the journal.
        hour: its scenario seconds, from and to.
        base: the policy whose numbers are moved.
        version: of base "version".
        amounts, was: numbers that are moved, now and before.
        against: whether there was a before.
        tab: of the browser, in which only the latest question counts.
        have: keys of arms that are there already.
    """

    scenario: str
    hour: tuple[int, int]
    base: Base
    version: int
    amounts: Mapping[str, str]
    was: Mapping[str, str]
    against: bool
    tab: str
    have: tuple[str, ...]


def question(query: Mapping[str, str]) -> Question:
    """Read an address.

    Args:
        query: of it.

    Raises:
        Problem: 422, at the name that cannot be meant.
    """
    amounts: dict[str, str] = {}
    was: dict[str, str] = {}
    for name, value in query.items():
        if len(name) > _LONGEST or len(value) > 4 * _LONGEST:
            raise Problem(422, f"is longer than {_LONGEST} characters", where=name[:_LONGEST])
        if name.startswith("was."):
            was[name.removeprefix("was.")] = value
        elif "." in name:
            amounts[name] = value
        elif name not in _KNOWN:
            raise Problem(422, f"is none of {', '.join(_KNOWN)}, and no number of a policy",
                          where=name)  # fmt: skip
    if max(len(amounts), len(was)) > _MOST:
        raise Problem(422, f"more than {_MOST} numbers are moved", where="on")
    on = query.get("on", "")
    hour = _HOUR.fullmatch(on)
    if hour is None and not _NAME.fullmatch(on):
        raise Problem(
            422,
            f"found {on[:_LONGEST]!r}, expected a scenario of the library, or hour:FROM-TO",
            where="on",
        )
    base, version = _base(query.get("base", "force"))
    return Question(
        scenario="" if hour else on,
        hour=_stretch(int(hour[1]), int(hour[2])) if hour else (0, 0),
        base=base,
        version=version,
        amounts=amounts,
        was={} if query.get("was") == "base" else was,
        against=bool(was) or query.get("was") == "base",
        tab=query.get("tab", "")[:32],
        have=tuple(query.get("have", "").split(",")[:4]),
    )


def _stretch(from_s: int, to_s: int) -> tuple[int, int]:
    if not SHORTEST_S <= to_s - from_s <= LONGEST_S:
        raise Problem(
            422, f"found {to_s - from_s} s, expected {SHORTEST_S} to {LONGEST_S}", where="on"
        )
    return from_s, to_s


def _base(text: str) -> tuple[Base, int]:
    version = _VERSION.fullmatch(text)
    if version:
        return "version", int(version[1])
    if text in _BASES:
        return _BASES[text], 0
    raise Problem(
        422,
        f"found {text[:_LONGEST]!r}, expected force, default, own or version-N",
        where="base",
    )


_BASES: Mapping[str, Base] = {"force": "force", "default": "default", "own": "own"}
_KNOWN = ("on", "base", "was", "tab", "have")
