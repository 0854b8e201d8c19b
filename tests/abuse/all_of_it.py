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
        slow_callers, good_calls: of the slow ones beside good ones.
        judged: quantiles of what the good ones wait.
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
    judged: tuple[float, ...]
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
    good_calls=1500,
    judged=(0.95, 0.99),
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
    good_calls=60,
    judged=(0.5,),
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
    yield from on_files(length, folder)


def options(length: Length) -> tuple[str, ...]:
    """Of `serve`."""
    head_s, body_s, reader_s = length.patience_s
    return (
        *("--header-time", f"{head_s}s", "--body-time", f"{body_s}s"),
        *("--reader-time", f"{reader_s}s", "--connections", f"{length.connections}"),
    )


def on_files(length: Length, folder: Path) -> Iterator[Tried]:
    """Processes that are killed, and disks that fail."""
    yield crashes(length.kills, folder / "crashes")
    yield file_faults(folder / "disks", every=length.moments)


def on_a_service(length: Length) -> dict[str, Trial]:
    """By name; the last one gives orders and changes the policy."""
    within_s = max(length.patience_s) + length.spare_s

    def beside_slow_ones(target: Target, upstream: Upstream, folder: Path) -> Tried:
        with a_target(folder / "quiet", upstream.url, *options(length)) as quiet:
            return slow(
                target,
                quiet,
                upstream,
                callers=length.slow_callers,
                calls=length.good_calls,
                judged=length.judged,
            )

    return {
        "malformed": _alone(malformed),
        "floods": _alone(floods, at_once=length.endless),
        "half sent": _alone(half_sent, each=length.half_sent, within_s=within_s),
        "crowds": _alone(crowds, most=length.connections, more=_MORE),
        "other sites": _alone(other_sites),
        "slow": beside_slow_ones,
        "hostile": _with_upstream(hostile, bomb_mb=length.bomb_mb, every=length.every),
        "soak": _with_upstream(soak, seconds=length.soak_s, callers=_CALLERS),
        "documented": lambda target, _, folder: documented(
            target, folder, examples=length.examples
        ),
    }


def _alone(trial: Callable[..., Tried], **given: float) -> Trial:
    """One that needs neither the upstream nor a folder."""
    return lambda target, *_: trial(target, **given)


def _with_upstream(trial: Callable[..., Tried], **given: float) -> Trial:
    """One that needs no folder."""
    return lambda target, upstream, _: trial(target, upstream, **given)
