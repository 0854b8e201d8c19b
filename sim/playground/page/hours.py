"""Hours of the service's own journal that can be played with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from balancer.core.errors import BalancerError
from balancer.journal_file import open_journal
from balancer.service.incidents.journal_window import journal_paths
from balancer.service.problems import Problem
from balancer.service.ticks import wall_time

from ..values import Hour
from .question import SHORTEST_S

if TYPE_CHECKING:
    from balancer.runtime.balancer import Balancer

__all__ = ["Stretch", "hour_of", "stretches"]

HOUR_S = 3600
MOST = 24
_EPOCH_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch to choose.

    Attributes:
        on: as an address asks for it.
        label: for a person.
    """

    on: str
    label: str


def stretches(balancer: Balancer) -> list[Stretch]:
    """The last hour, and whole hours before it, newest first. Reads files: it may take a while."""
    begins_s, now_s = _known(balancer)
    found: list[Stretch] = []
    last = math.floor(now_s)
    first = max(math.ceil(begins_s), last - HOUR_S)
    if last - first >= SHORTEST_S:
        length = "hour" if last - first == HOUR_S else f"{(last - first) // 60} minutes"
        found.append(Stretch(on=f"hour:{first}-{last}", label=f"the last {length}"))
    whole = last // HOUR_S * HOUR_S
    while whole - HOUR_S >= begins_s and len(found) < MOST:
        at = wall_time(balancer.clock, whole - HOUR_S)
        label = f"from second {whole - HOUR_S:,}" if at is None else f"{at:%d %b %H:%M} UTC"
        found.append(Stretch(on=f"hour:{whole - HOUR_S}-{whole}", label=label))
        whole -= HOUR_S
    return found


def hour_of(balancer: Balancer, from_s: int, to_s: int) -> Hour:
    """A stretch of the journal. Reads files.

    Raises:
        Problem: 422 where there is no journal, or it has not come so far.
    """
    paths = _paths(balancer)
    now_s = (balancer.now_tick + 1) * balancer.policy.tick_s
    if not paths or to_s > now_s:
        problem = "the service keeps no journal" if not paths else "that time has yet to come"
        raise Problem(422, problem, where="on")
    return Hour(name=f"hour_{from_s}_{to_s}", paths=tuple(paths), from_s=from_s, to_s=to_s)


def _known(balancer: Balancer) -> tuple[float, float]:
    """Scenario seconds from which the journal goes, and up to which."""
    paths = _paths(balancer)
    now_s = balancer.now_tick * balancer.policy.tick_s
    return (_begins_s(paths[0]) if paths else now_s), now_s


def _paths(balancer: Balancer) -> list[Path]:
    """Files of this life of the controller, oldest first."""
    found = []
    for path in journal_paths(balancer.status().journal):
        try:
            epoch = open_journal(path).run.get("epoch")
        except BalancerError:
            continue
        ours = balancer.clock.epoch
        if epoch == ours or (
            isinstance(epoch, int | float) and ours is not None and abs(epoch - ours) < _EPOCH_S
        ):
            found.append(path)
    return found


def _begins_s(path: Path) -> float:
    journal = open_journal(path)
    tick = (journal.state or {}).get("tick")
    return (tick + 1) * journal.policy.tick_s if isinstance(tick, int) else 0.0
