"""A policy with everything filled in, as text: what is gated is then what is in force.

A document says only what differs from the default policy, which another release may have changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from ..core.doubts import doubts
from ..policy_file import policy_from_elsewhere, show_policy

__all__ = ["CompletePolicy", "complete"]

_MOST = 256
"""Documents that are remembered: those of a few resources and their replicas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletePolicy:
    """A policy, complete.

    Attributes:
        name: of the policy.
        digest: of its text; two with the same digest are the same, names and prices included.
        text: YAML.
        doubts: what in it its author can hardly have meant, a sentence each.
    """

    name: str
    digest: str
    text: str
    doubts: tuple[str, ...] = ()


@lru_cache(_MOST)
def complete(text: str, where: str, name: str) -> CompletePolicy:
    """The policy of a document.

    Args:
        text: YAML.
        where: what errors call it.
        name: of a policy that has none of its own.

    Raises:
        PolicyError: it cannot be what its author meant, or names a file.
    """
    policy = policy_from_elsewhere(text, where, name)
    shown = show_policy(policy)
    return CompletePolicy(
        name=policy.name,
        digest=hashlib.sha256(shown.encode()).hexdigest()[:12],
        text=shown,
        doubts=tuple(doubts(policy)),
    )
