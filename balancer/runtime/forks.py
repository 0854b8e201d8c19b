"""Forks: the child of a process with live balancers gets counters and a ticker of its own.

Servers that load an application and then fork their workers (gunicorn with `--preload`) take
the balancer with them. Threads do not survive a fork, and what is in flight is the parent's.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["Forked", "watch"]


class Forked(Protocol):
    """Who must be told of a fork."""

    def before_fork(self) -> None:
        """In the parent, before: hold everything still."""

    def after_fork_in_parent(self) -> None:
        """In the parent, after: go on."""

    def after_fork_in_child(self) -> None:
        """In the child: begin anew."""


_LIVE: weakref.WeakSet[Forked] = weakref.WeakSet()
_HELD: list[Forked] = []


def watch(balancer: Forked) -> None:
    """Tell a balancer of forks for as long as it lives."""
    _LIVE.add(balancer)


def _before() -> None:
    _HELD[:] = list(_LIVE)
    for balancer in _HELD:
        balancer.before_fork()


def _in_parent() -> None:
    while _HELD:
        _HELD.pop().after_fork_in_parent()


def _in_child() -> None:
    while _HELD:
        _HELD.pop().after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
