"""Errors, split by who is at fault.

    BalancerError
    ├── InputError            a user's mistake in something they gave us; the CLI exits with 2
    │   ├── PolicyError         a policy that cannot be what its author meant
    │   ├── ScenarioError       the same for a scenario
    │   ├── TraceError          a traffic trace that cannot be read
    │   └── JournalError        a journal that is torn, mixed or from another version
    └── MisuseError           a caller broke a promise of the API
        └── ClockError          a tick index that does not grow

Shedding a request is a decision and an upstream failure is an observation: neither is an
error of ours, so neither has a class here.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "BalancerError",
    "ClockError",
    "InputError",
    "JournalError",
    "MisuseError",
    "PolicyError",
    "ScenarioError",
    "TraceError",
    "nearest",
]


class BalancerError(Exception):
    """Root of every error this project raises on purpose."""


class InputError(BalancerError):
    """Something a user gave us is wrong.

    Args:
        problem: one sentence: what was found and what was expected, and how to fix it.
        where: the file, and the line or key in it, when known ("policy.yaml:12: modes.soft").
    """

    # `where` may be given by position, because pickle and simpy build errors anew from their args.
    def __init__(self, problem: str, where: str = "") -> None:
        super().__init__(problem, where)
        self.problem = problem
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}" if self.where else self.problem


class PolicyError(InputError):
    """A policy that cannot be what its author meant."""


class ScenarioError(InputError):
    """A scenario that cannot be what its author meant."""


class TraceError(InputError):
    """A traffic trace that cannot be read."""


class JournalError(InputError):
    """A journal that cannot be read or replayed."""


class MisuseError(BalancerError):
    """A caller broke a promise of the API."""


class ClockError(MisuseError):
    """A tick index that does not grow, or that leaps further than any outage."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant: " (did you mean 'soft'?)", or ""."""
    close = get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
