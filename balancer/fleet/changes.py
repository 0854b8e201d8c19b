"""Changes of the policy that one replica was given, for all of them.

A change travels in a part and stands in the line that the part is merged into. Every replica steps
that line by the policy it had and goes on by the new one, so all change at one tick, and the log is
the order of changes. Who joins finds the last one in the snapshot, and so does whoever begins a log
that was lost.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from ..core.errors import BalancerError, JournalError
from ..core.policy import Policy
from ..core.value_codec import to_plain

__all__ = ["MOST_REPLACED", "Change", "ChangeError", "digest"]

MOST_REPLACED = 32
"""Policies before it that a change remembers."""


class ChangeError(BalancerError):
    """A change that does not hold in the fleet.

    Args:
        text: one sentence.
        kind: "overtaken" by another one; "away": the fleet cannot be told now; "unfit" for it.
    """

    def __init__(self, text: str, kind: Literal["overtaken", "away", "unfit"]) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A policy for all replicas.

    Attributes:
        id: unlike that of any other change.
        number: of the change in the log, from 1; 0: the line that it comes to gives it the next.
        policy: complete, as YAML, so that it is carried on by those who cannot read it.
        digest: of it.
        replica: that was given it.
        reason: why, as its author said.
        after: number of the change that it is for, 0 where there was none; None: for any.
            It is dropped where another was faster.
        replaces: digests of the policies that it took the place of. A replica that is started with
            one of them takes the change up; one that is started with another has newer word.
    """

    id: str
    number: int = 0
    policy: str
    digest: str
    replica: str
    reason: str = ""
    after: int | None = None
    replaces: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, found: object) -> Change:
        """What `plain` gave.

        Raises:
            JournalError: it did not.
        """
        names = {each.name for each in fields(cls)}
        if not isinstance(found, Mapping) or set(found) != names:
            raise JournalError("a change of the policy has other fields", where="the fleet's log")
        after, replaces = found["after"], found["replaces"]
        if (
            not all(isinstance(found[name], str) for name in _TEXTS)
            or type(found["number"]) is not int
            or not (after is None or type(after) is int)
            or not isinstance(replaces, list)
        ):
            raise JournalError("a change of the policy is none", where="the fleet's log")
        return cls(**{**found, "replaces": tuple(map(str, replaces))})

    def following(self, before: Change | None, number: int) -> Change:
        """As it stands in the log behind another: it takes the place of whatever that did, too."""
        replaced = self.replaces
        if before is not None:
            replaced = (before.digest, *before.replaces, *replaced)
        replaced = tuple(dict.fromkeys(replaced))[:MOST_REPLACED]
        return replace(self, number=number, replaces=replaced)


_TEXTS = ("id", "policy", "digest", "replica", "reason")


def digest(policy: Policy) -> str:
    """Of what a policy decides. Prices are left out: they change with the day."""
    plain = to_plain(policy)
    del plain["catalog"]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
