"""Merges the parts that came since the last line into the next one.

Counts are in exactly one line: parts are read in the order of the stream, from the offset in the
last line on, and each line says up to where it read. A part that comes late is in the next line.

Gauges (calls in flight, waiting callers, money held) are of a moment. A replica whose part is on
its way has not lost its calls meanwhile: its last gauges are counted for a few lines more.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.observations import (
    ModeObservations,
    ModeRequests,
    Observations,
    merge_replicas,
    merge_ticks,
)
from .lines import MOST_NAMED, Line, Part

__all__ = ["Gathering", "together"]

GAUGE_LINES = 3
"""Lines for which a silent replica's gauges go on counting."""


def together(parts: Sequence[Observations]) -> Observations:
    """What one replica saw in several of its ticks, whatever its clock says of them."""
    last = parts[-1].tick
    first = last - len(parts) + 1
    return merge_ticks(part._replace(tick=first + place) for place, part in enumerate(parts))


class Gathering:
    """What a leader makes of parts.

    Args:
        policy: fingerprint of the leader's policy.
    """

    __slots__ = ("_gauges", "policy")

    def __init__(self, policy: str) -> None:
        self.policy = policy
        self._gauges: dict[str, tuple[int, Observations]] = {}

    def line(
        self,
        parts: Sequence[Part],
        *,
        generation: str,
        tick: int,
        after: int,
        fence: int,
        offset: str,
    ) -> Line:
        """The line of what has come since the last one.

        Args:
            parts: in the order of the stream.
            generation: of the log.
            tick: to close.
            after: of the line before.
            fence: of the leader's lease.
            offset: of the last part.
        """
        by_replica: dict[str, list[Part]] = {}
        for part in parts:
            by_replica.setdefault(part.replica, []).append(part)
        merged = {
            replica: together([part.observations for part in own])._replace(tick=tick)
            for replica, own in sorted(by_replica.items())
        }
        silent = [
            gauges._replace(tick=tick)
            for replica, (since, gauges) in self._gauges.items()
            if replica not in merged and since < GAUGE_LINES
        ]
        policies = {
            replica: "" if own[-1].policy == self.policy else own[-1].policy
            for replica, own in sorted(by_replica.items())
        }
        everything = merge_replicas([*merged.values(), *silent, Observations(tick)])
        self._remember(merged)
        return Line(
            generation=generation,
            tick=tick,
            after=after,
            fence=fence,
            offset=offset,
            policy=self.policy,
            replicas=len(merged),
            differ=tuple(filter(policies.__getitem__, policies)),
            # What was counted in more ticks than this line closes cannot be told apart.
            observations=everything._replace(ticks=min(everything.ticks, max(1, tick - after))),
            changes=tuple(change for part in parts for change in part.changes),
            # Those who differ are named first, by a sort that keeps the order of the others.
            policies=dict(sorted(policies.items(), key=_alike)[:MOST_NAMED]),
        )

    def _remember(self, merged: dict[str, Observations]) -> None:
        for replica, (since, gauges) in list(self._gauges.items()):
            if since + 1 < GAUGE_LINES:
                self._gauges[replica] = since + 1, gauges
            else:
                del self._gauges[replica]
        for replica, seen in merged.items():
            self._gauges[replica] = 0, _gauges(seen)


def _alike(named: tuple[str, str]) -> bool:
    return not named[1]


def _gauges(seen: Observations) -> Observations:
    """Of a tick, without what was counted in it."""
    return Observations(
        seen.tick,
        served=tuple(
            ModeObservations(entry.mode, entry.model, ages=entry.ages)
            for entry in seen.served
            if entry.ages
        ),
        requests=tuple(
            ModeRequests(entry.mode, ages=entry.ages) for entry in seen.requests if entry.ages
        ),
        waiting=seen.waiting,
        reserved_nano_usd=seen.reserved_nano_usd,
        memory_ppm=seen.memory_ppm,
    )
