"""What stands in the fleet's log and in its stream of parts, as texts and back.

A replica sends a part for each of its ticks; the leader merges parts into a line, which everybody
steps. A line says after which one it comes, so that lines make one chain: there is at most one
line that comes after another, and so one decision for a tick.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import JournalError
from ..core.observations import Observations
from ..core.policy import Policy
from ..core.tick_codec import observations_from_plain, observations_to_plain
from ..core.value_codec import LARGEST_INT
from ..version import VERSION
from .changes import Change, digest
from .names import shown

__all__ = ["BEGINNING", "FORMAT", "MOST_NAMED", "Line", "Part", "Snapshot", "fingerprint", "form"]

FORMAT = 1
"""Of parts, lines and snapshots."""

MOST_NAMED = 100
"""Replicas that a line names."""

BEGINNING = -1
"""Tick of a log in which nothing was closed yet."""

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def fingerprint(policy: Policy) -> str:
    """By which replicas know that they decide alike: the release, and a digest of the policy."""
    return f"{VERSION}-{digest(policy)}"


def form(tick_s: float) -> str:
    """What all replicas of a log must have in common: its format, and the length of ticks."""
    return f"format {FORMAT}, ticks of {tick_s:g} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one replica saw in one of its ticks, or in several that it sends at once.

    Attributes:
        replica: who.
        number: of the part among those of its replica, from 1; sent again, it has the same.
        policy: fingerprint of the replica's policy.
        observations: their tick is by the replica's own clock.
        changes: of the policy, that it was given.
    """

    replica: str
    number: int
    policy: str
    observations: Observations
    changes: tuple[Change, ...] = ()

    def text(self) -> str:
        """As it is sent."""
        return _encode(
            {
                "fleet": FORMAT,
                "policy": self.policy,
                "tick": self.observations.tick,
                "observations": observations_to_plain(self.observations),
                "changes": [change.plain() for change in self.changes],
            }
        )

    @classmethod
    def from_text(cls, replica: str, number: int, text: str) -> Part:
        """What `text` gave.

        Raises:
            JournalError: it did not; another format, for one.
        """
        found = _object(text, f"the part {number} of replica {shown(replica)}")
        return cls(
            replica=replica,
            number=number,
            policy=_text(found, "policy"),
            observations=observations_from_plain(_tick(found, "tick"), found.get("observations")),
            changes=_changes(found),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A closed tick of the fleet.

    Attributes:
        generation: of the log that it is of.
        tick: that is closed.
        after: the tick of the line before it; those between saw nothing.
        fence: number of the leader's lease. It grows with every leader.
        offset: of the last part that is in this line or in one before it.
        policy: fingerprint of the policy that holds: the leader's.
        replicas: how many sent a part.
        differ: those of them that decide by another policy or another release.
        policies: fingerprints of theirs by name, "" for the one that holds; of the first
            `MOST_NAMED` of those who sent a part. Lines of the first releases have none.
        observations: of all of them.
        changes: of the policy, which hold after this line, each after the other.
    """

    generation: str
    tick: int
    after: int
    fence: int
    offset: str
    policy: str
    replicas: int
    differ: tuple[str, ...]
    observations: Observations
    changes: tuple[Change, ...] = ()
    policies: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """As it stands in the log."""
        return _encode(
            {
                "fleet": FORMAT,
                "generation": self.generation,
                "tick": self.tick,
                "after": self.after,
                "fence": self.fence,
                "offset": self.offset,
                "policy": self.policy,
                "replicas": self.replicas,
                "differ": list(self.differ),
                "policies": dict(self.policies),
                "observations": observations_to_plain(self.observations),
                "changes": [change.plain() for change in self.changes],
            }
        )

    @classmethod
    def from_text(cls, text: str) -> Line:
        """What `text` gave.

        Raises:
            JournalError: it did not; another format, for one.
        """
        found = _object(text, "a line")
        tick, after = _tick(found, "tick"), _tick(found, "after")
        if tick <= after:
            raise JournalError(f"tick {tick} comes after tick {after}", where=_WHERE)
        differ = found.get("differ")
        if not isinstance(differ, list):
            raise JournalError("differ: expected a list", where=_WHERE)
        policies = found.get("policies", {})
        if not isinstance(policies, dict):
            raise JournalError("policies: expected an object", where=_WHERE)
        return cls(
            generation=_text(found, "generation"),
            tick=tick,
            after=after,
            fence=_tick(found, "fence"),
            offset=_text(found, "offset"),
            policy=_text(found, "policy"),
            replicas=_tick(found, "replicas"),
            differ=tuple(map(str, differ)),
            observations=observations_from_plain(tick, found.get("observations")),
            changes=_changes(found),
            policies={name: str(policy) for name, policy in policies.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a controller remembered after a line, for whoever joins.

    Attributes:
        generation: of the log; a log that was lost begins again under another name.
        tick: of the line, or `BEGINNING`.
        policy: fingerprint of the policy that it was taken under.
        state: of `Controller.state`.
        changes: of the policy, that there were.
        change: the last of them; None before the first.
    """

    generation: str
    tick: int
    policy: str
    state: Mapping[str, Any]
    changes: int = 0
    change: Change | None = None

    def text(self) -> str:
        """As it is kept."""
        return _encode(
            {
                "fleet": FORMAT,
                "generation": self.generation,
                "tick": self.tick,
                "policy": self.policy,
                "state": dict(self.state),
                "changes": self.changes,
                "change": None if self.change is None else self.change.plain(),
            }
        )

    @classmethod
    def from_text(cls, text: str) -> Snapshot:
        """What `text` gave.

        Raises:
            JournalError: it did not; another format, for one.
        """
        found = _object(text, "the snapshot")
        state, change = found.get("state"), found.get("change")
        if not isinstance(state, dict):
            raise JournalError("the snapshot holds no state", where=_WHERE)
        return cls(
            generation=_text(found, "generation"),
            tick=_tick(found, "tick"),
            policy=_text(found, "policy"),
            state=state,
            changes=_tick(found, "changes"),
            change=None if change is None else Change.from_plain(change),
        )


_WHERE = "the fleet's log"


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise JournalError(f"{what} is not JSON: {error}", where=_WHERE) from None
    if not isinstance(found, dict):
        raise JournalError(f"{what} is no object", where=_WHERE)
    if found.get("fleet") != FORMAT:
        raise JournalError(
            f"{what} is of format {found.get('fleet')!r}, and this release reads {FORMAT}: run "
            "one release in a fleet, or give the other one another prefix",
            where=_WHERE,
        )
    return found


def _changes(found: Mapping[str, Any]) -> tuple[Change, ...]:
    values = found.get("changes")
    if not isinstance(values, list):
        raise JournalError("changes: expected a list", where=_WHERE)
    return tuple(map(Change.from_plain, values))


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str):
        raise JournalError(f"{name}: found {value!r}, expected a text", where=_WHERE)
    return value


def _tick(found: Mapping[str, Any], name: str) -> int:
    value = found.get(name)
    if type(value) is not int or not BEGINNING <= value <= LARGEST_INT:
        raise JournalError(f"{name}: found {value!r}, expected a whole number", where=_WHERE)
    return value
