"""Everything that is tried, in a long and in a short form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .crashes import crashes
from .disks import file_faults
from .documented import documented
from .raw import crowds, floods, half_sent, malformed, other_sites
from .slow import slow
from .soak import soak
from .target import Target, a_target
from .tried import Tried
from .upstreams import Upstream, hostile, upstream_thread

__all__ = ["LONG", "SHORT", "Length", "Trial", "on_a_service", "options", "trials"]

Trial = Callable[[Target, Upstream, Path], Tried]
"""Given a service, its upstream and a folder."""

_CALLERS = 16
_MORE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How much is tried.

    Attributes:
        patience_s: the service's bounds on heads, pieces of a body and readers.
        spare_s: that it may be late, beyond them.
        half_sent, endless: requests of each kind at once.
        connections: the service's bound on them.
        bomb_mb: that compressed answers are unpacked to.
        every: of the hostile answers, one of so many.
        moments: of those at which a disk fails, one of so many.
        slow_callers, good_calls, rounds: of the slow ones beside good ones.
        timed: whether times are judged, which takes a quiet machine.
        examples: of each operation of the document.
        soak_s: of abandoned streams.
        kills: of processes.
    """

    patience_s: tuple[float, float, float]
    spare_s: float
    half_sent: int
    endless: int
    connections: int
    bomb_mb: int
    every: int
    moments: int
    slow_callers: int
    good_calls: int
    rounds: int
    timed: bool
    examples: int
    soak_s: float
    kills: int


LONG = Length(
    patience_s=(10.0, 30.0, 30.0),
    spare_s=3.0,
    half_sent=100,
    endless=10,
    connections=2000,
    bomb_mb=200,
    every=1,
    moments=2,
    slow_callers=300,
    good_calls=500,
    rounds=3,
    timed=True,
    examples=20,
    soak_s=600.0,
    kills=1000,
)
SHORT = Length(
    patience_s=(3.0, 3.0, 3.0),
    spare_s=30.0,
    half_sent=5,
    endless=5,
    connections=200,
    bomb_mb=20,
    every=9,
    moments=30,
    slow_callers=30,
    good_calls=50,
    rounds=1,
    timed=False,
    examples=1,
    soak_s=5.0,
    kills=4,
)


def trials(length: Length, folder: Path) -> Iterator[Tried]:
    """Try one after the other.

    Args:
        length: how much.
        folder: for the files of services and processes.
    """
    with upstream_thread() as upstream, a_target(folder, upstream.url, *options(length)) as target:
        for trial in on_a_service(length).values():
            yield trial(target, upstream, folder)
    yield crashes(length.kills, folder / "crashes")
    yield file_faults(folder / "disks", every=length.moments)


def options(length: Length) -> tuple[str, ...]:
    """Of `serve`."""
    head_s, body_s, reader_s = length.patience_s
    return (
        *("--header-time", f"{head_s}s", "--body-time", f"{body_s}s"),
        *("--reader-time", f"{reader_s}s", "--connections", f"{length.connections}"),
    )


def on_a_service(length: Length) -> dict[str, Trial]:
    """By name; the last one gives orders and changes the policy."""
    within_s = max(length.patience_s) + length.spare_s
    return {
        "malformed": lambda target, *_: malformed(target),
        "floods": lambda target, *_: floods(target, at_once=length.endless),
        "half sent": lambda target, *_: half_sent(
            target, each=length.half_sent, within_s=within_s
        ),
        "crowds": lambda target, *_: crowds(target, most=length.connections, more=_MORE),
        "other sites": lambda target, *_: other_sites(target),
        "slow": lambda target, upstream, _: slow(
            target, upstream, callers=length.slow_callers, calls=length.good_calls,
            rounds=length.rounds, timed=length.timed,
        ),
        "hostile": lambda target, upstream, _: hostile(
            target, upstream, bomb_mb=length.bomb_mb, every=length.every
        ),
        "soak": lambda target, upstream, _: soak(
            target, upstream, seconds=length.soak_s, callers=_CALLERS
        ),
        "documented": lambda target, _, folder: documented(
            target, folder, examples=length.examples
        ),
    }  # fmt: skip
